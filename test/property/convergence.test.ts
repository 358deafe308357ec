import { PosternError } from '@postern/core/model/error.js';
import { KINDS, unquiet } from '@postern/core/state/records.js';
import type { Store } from '@postern/core/state/store.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentOf } from '../support/letters.js';
import type { MemoryWorld } from '../support/memory-world.js';
import { message } from '../support/messages.js';
import { Rig } from '../support/rig.js';
import { Crash, CrashSeam } from '../support/seam.js';

/** So few new messages that most mailboxes wait for the others. */
const AT_ONCE = 2;

/** What users, other clients, bad luck and postern itself do. Numbers pick among what is there. */
type Step =
  | {
      readonly do: 'add';
      readonly side: 'remote' | 'local';
      readonly body: number;
      readonly mailbox: number;
      readonly flags: number;
    }
  | {
      readonly do: 'remove' | 'rename' | 'renumber';
      readonly side: 'remote' | 'local';
      readonly pick: number;
    }
  | {
      readonly do: 'flag';
      readonly side: 'remote' | 'local';
      readonly pick: number;
      readonly flag: number;
      readonly on: boolean;
    }
  | {
      readonly do: 'move' | 'copy';
      readonly side: 'remote' | 'local';
      readonly pick: number;
      readonly mailbox: number;
    }
  | {
      readonly do: 'rename-mailbox' | 'delete-mailbox';
      readonly side: 'remote' | 'local';
      readonly pick: number;
    }
  | { readonly do: 'sync' }
  | { readonly do: 'apply'; readonly keep: number; readonly stale: boolean }
  | { readonly do: 'crash'; readonly at: number; readonly when: 'before' | 'after' }
  | { readonly do: 'save' | 'restore' | 'lose' | 'repair' | 'repair-damaged' };

const MAILBOXES = ['INBOX', 'Work', 'Work/Old'];
const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft', '\\Deleted'];
const FLAG_SETS: readonly (readonly string[])[] = [[], ['\\Seen'], ['\\Flagged', '\\Seen'], ['\\Answered']];
/** Bodies 0 to 3 are added again and again: true twins. Two of them have no Message-ID. */
const bodyOf = (number: number) =>
  number === 1 || number === 3
    ? message({ id: false, subject: `without an id ${number}` })
    : message({ id: `m${number}`, subject: `number ${number}` });

const side = fc.constantFrom('remote' as const, 'local' as const);
const small = fc.nat({ max: 30 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      side,
      body: fc.nat({ max: 11 }),
      mailbox: fc.nat({ max: 2 }),
      flags: fc.nat({ max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), side, pick: small }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('flag' as const),
      side,
      pick: small,
      flag: fc.nat({ max: 4 }),
      on: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('rename' as const),
      side: fc.constant('local' as const),
      pick: small,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('renumber' as const),
      side: fc.constant('remote' as const),
      pick: small,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('move' as const, 'move' as const, 'copy' as const),
      side,
      pick: small,
      mailbox: fc.nat({ max: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('rename-mailbox' as const, 'delete-mailbox' as const),
      side,
      pick: small,
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'sync' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      keep: fc.nat({ max: 65535 }),
      stale: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      at: fc.nat({ max: 40 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ do: 'save' as const }, { do: 'restore' as const }, { do: 'lose' as const }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ do: 'repair' as const }, { do: 'repair-damaged' as const }),
  },
);

/** Runs a story and keeps the books an oracle needs. */
class Story {
  readonly rig: Rig;
  /** content -> how often somebody put it on a side, or copied it there. */
  readonly added = new Map<string, { remote: number; local: number }>();
  /** content of whatever a user deleted somewhere. */
  readonly deleted = new Set<string>();
  /** Whether the state was lost or is older than what happened: then deletions may be undone. */
  #saved: Awaited<ReturnType<Rig['saveState']>> | undefined;
  /** side NUL content of what a move that was cut short left in two places: whoever moves one on keeps two. */
  readonly #doubled = new Set<string>();
  #oldPlan: Awaited<ReturnType<Rig['plan']>> | undefined;

  constructor(rig: Rig) {
    this.rig = rig;
  }

  async play(step: Step): Promise<void> {
    switch (step.do) {
      case 'add':
        return this.#add(step);
      case 'remove':
      case 'flag':
      case 'rename':
        return this.#touch(step);
      case 'move':
      case 'copy':
        return this.#relocate(step);
      case 'rename-mailbox':
      case 'delete-mailbox':
        return this.#changeMailbox(step);
      case 'renumber':
        for (const mailbox of this.rig.remote.mailboxes.keys()) {
          if (step.pick % 3 !== 0 || mailbox === 'INBOX') this.rig.remote.setUidValidity(mailbox);
        }
        return;
      case 'sync':
        await expectSamePlan(this.rig);
        await this.rig.sync({ allowEmpty: true, atOnce: AT_ONCE });
        this.#doubled.clear();
        return;
      case 'apply':
        return this.#applySubset(step.keep, step.stale);
      case 'crash':
        return this.#crash(step.at, step.when);
      case 'save':
        this.#saved = await this.rig.saveState();
        return;
      case 'restore':
        if (this.#saved !== undefined) await this.rig.restoreState(this.#saved);
        return;
      case 'lose':
        return this.rig.loseState();
      case 'repair':
        return this.rig.rebuild('whole');
      case 'repair-damaged':
        return this.rig.rebuild('doubted');
    }
  }

  #add(step: Step & { do: 'add' }): void {
    const mailbox = MAILBOXES[step.mailbox]!;
    const world = this.rig[step.side];
    if (![...world.mailboxes.keys()].some(name => name === mailbox)) world.createMailbox(mailbox);
    const bytes = bodyOf(step.body);
    world.add(mailbox, bytes, FLAG_SETS[step.flags]!);
    this.#count(contentOf(bytes), step.side);
  }

  #count(content: string, side: 'remote' | 'local'): void {
    const count = this.added.get(content) ?? { remote: 0, local: 0 };
    count[side]++;
    this.added.set(content, count);
  }

  #relocate(step: Step & { do: 'move' | 'copy' }): void {
    const world = this.rig[step.side];
    const picked = pickFrom(messagesOf(world), step.pick);
    const to = MAILBOXES[step.mailbox]!;
    if (picked === undefined || picked.mailbox === to) return;
    if (![...world.mailboxes.keys()].some(name => name === to)) world.createMailbox(to);
    world[step.do](picked.mailbox, picked.key, to);
    const makesTwo = step.do === 'copy' || this.#doubled.has(`${step.side}\0${picked.content}`);
    if (makesTwo) this.#count(picked.content, step.side);
  }

  #changeMailbox(step: Step & { do: 'rename-mailbox' | 'delete-mailbox' }): void {
    const world = this.rig[step.side];
    const mailbox = pickFrom(
      [...world.mailboxes.keys()].filter(name => name !== 'INBOX'),
      step.pick,
    );
    if (mailbox === undefined) return;
    const free = ['Work', 'Other', 'Work/Old'].find(
      name => ![...world.mailboxes.keys()].some(there => there === name),
    );
    const inside = messagesOf(world).filter(({ mailbox: where }) => where === mailbox);
    if (step.do === 'rename-mailbox' && free !== undefined) {
      for (const { content } of inside)
        if (this.#doubled.has(`${step.side}\0${content}`)) this.#count(content, step.side);
      world.renameMailbox(mailbox, free);
    }
    if (step.do === 'delete-mailbox') {
      for (const { content } of inside) this.deleted.add(content);
      world.deleteMailbox(mailbox);
    }
  }

  #touch(step: Step & { do: 'remove' | 'flag' | 'rename' | 'renumber' }): void {
    const world = this.rig[step.side];
    const picked = pickFrom(messagesOf(world), step.pick);
    if (picked === undefined) return;
    const { mailbox, key, content } = picked;
    if (step.do === 'remove') {
      world.remove(mailbox, key);
      this.deleted.add(content);
    } else if (step.do === 'rename') world.rename(mailbox, key);
    else if (step.do === 'flag')
      world.flag(mailbox, key, { [step.on ? 'add' : 'remove']: [FLAGS[step.flag]!] });
  }

  async #applySubset(keep: number, stale: boolean): Promise<void> {
    const plan = stale && this.#oldPlan !== undefined ? this.#oldPlan : await this.#freshPlan();
    this.#oldPlan = plan;
    const subset = plan.actions.filter((_action, index) => (keep >> (index % 16)) & 1).reverse();
    await this.rig.apply(subset, { allowEmpty: true });
    this.#doubled.clear();
  }

  #freshPlan() {
    return this.rig.plan({ allowEmpty: true });
  }

  async #crash(at: number, when: 'before' | 'after'): Promise<void> {
    const before = this.#copies();
    try {
      await this.rig.sync({ allowEmpty: true, atOnce: AT_ONCE }, new CrashSeam(at + 1, when));
    } catch (error) {
      if (!isCrash(error)) throw error;
    }
    for (const [name, { remote, local }] of this.#copies()) {
      const most = Math.max(before.get(name)?.remote ?? 0, before.get(name)?.local ?? 0);
      if (remote > most) this.#doubled.add(`remote\0${name}`);
      if (local > most) this.#doubled.add(`local\0${name}`);
    }
  }

  #copies(): Map<string, { readonly remote: number; readonly local: number }> {
    const { remote, local } = this.rig;
    return new Map(
      [...this.added.keys()].map(content => [
        content,
        { remote: countOf(remote, content), local: countOf(local, content) },
      ]),
    );
  }
}

/** The crash itself, or what a layer that met it made of it. */
function isCrash(error: unknown): boolean {
  return error instanceof Crash || (error instanceof PosternError && isCrash(error.cause));
}

function messagesOf(world: MemoryWorld) {
  return [...world.mailboxes].flatMap(([mailbox, { messages }]) =>
    [...messages.values()].map(({ key, identity }) => ({ mailbox, key, content: identity.content })),
  );
}

function isEmpty({ remote, local }: Rig, mailbox: string | undefined): boolean {
  return [...messagesOf(remote), ...messagesOf(local)].every(one => one.mailbox !== mailbox);
}

function countOf(world: MemoryWorld, wanted: string): number {
  return messagesOf(world).filter(({ content }) => content === wanted).length;
}

function pickFrom<T>(items: readonly T[], number: number): T | undefined {
  return items[number % Math.max(items.length, 1)];
}

/** Reads every record, each checked by its hash and each partition by its seal; returns how many there are. */
async function readEverything(store: Store): Promise<number> {
  let records = 0;
  for (const kind of KINDS) {
    for (const mailbox of await store.partitions(kind)) records += (await store.all(kind, mailbox)).size;
  }
  return records;
}

async function settle(rig: Rig): Promise<void> {
  for (let round = 0; round < 8; round++) {
    const { apply, plan } = await rig.sync({ allowEmpty: true });
    rig.clock.pass(11 * 60 * 1000);
    if (plan.blocked.length === 0 && Object.values(apply.counts).every(count => count === 0)) return;
  }
}

/** What is known of where changes are spares reading; it changes no plan. */
async function expectSamePlan(rig: Rig): Promise<void> {
  const [knowing, ignorant] = [await rig.clone(), await rig.clone()];
  await ignorant.run(async ({ store }) => {
    for (const [key, record] of await store.all('mailbox', ''))
      await store.write([{ put: 'mailbox', mailbox: '', key, value: unquiet(record) }], { durable: false });
  });
  const plans = [];
  for (const one of [knowing, ignorant]) {
    const { actions, blocked } = await one.plan({ allowEmpty: true });
    plans.push([actions, blocked.map(({ mailbox, reason }) => `${mailbox}: ${reason}`).sort()]);
  }
  expect(plans[0]).toEqual(plans[1]);
}

/** Stories that once went wrong; each is played in every run. */
const FOUND: readonly (readonly Step[])[] = [
  // Only contents tell what moved, in a mailbox that is to be renamed first.
  [
    { do: 'add', side: 'remote', body: 0, mailbox: 2, flags: 0 },
    { do: 'sync' },
    { do: 'add', side: 'local', body: 8, mailbox: 0, flags: 0 },
    { do: 'add', side: 'remote', body: 8, mailbox: 2, flags: 0 },
    { do: 'add', side: 'remote', body: 8, mailbox: 2, flags: 0 },
    { do: 'rename-mailbox', side: 'local', pick: 0 },
    { do: 'sync' },
  ],
  // A move that was cut short between its two halves, and the second half was moved by hand: two messages from here on.
  [
    { do: 'add', side: 'remote', body: 0, mailbox: 1, flags: 0 },
    { do: 'sync' },
    { do: 'move', side: 'remote', pick: 0, mailbox: 0 },
    { do: 'crash', at: 12, when: 'after' },
    { do: 'move', side: 'local', pick: 0, mailbox: 1 },
  ],
  // The same, and the mailbox with the second half was renamed by hand.
  [
    { do: 'add', side: 'remote', body: 0, mailbox: 1, flags: 0 },
    { do: 'sync' },
    { do: 'rename-mailbox', side: 'remote', pick: 0 },
    { do: 'repair-damaged' },
    { do: 'crash', at: 15, when: 'before' },
    { do: 'rename-mailbox', side: 'local', pick: 0 },
  ],
  // Uploaded by an apply that was cut short, to a mailbox that was renamed since; the old plan uploads it once more.
  [
    { do: 'add', side: 'local', body: 3, mailbox: 1, flags: 0 },
    { do: 'apply', keep: 0, stale: false },
    { do: 'crash', at: 9, when: 'before' },
    { do: 'rename-mailbox', side: 'remote', pick: 0 },
    { do: 'apply', keep: 779, stale: true },
    { do: 'add', side: 'remote', body: 0, mailbox: 0, flags: 0 },
    { do: 'save' },
    { do: 'add', side: 'remote', body: 0, mailbox: 0, flags: 0 },
  ],
  // A move that was cut short between its two halves, and then a repair of a state that cannot be believed.
  [
    { do: 'add', side: 'local', body: 0, mailbox: 0, flags: 0 },
    { do: 'sync' },
    { do: 'move', side: 'remote', pick: 0, mailbox: 1 },
    { do: 'crash', at: 13, when: 'after' },
    { do: 'repair-damaged' },
  ],
  [
    { do: 'add', side: 'remote', body: 0, mailbox: 1, flags: 0 },
    { do: 'apply', keep: 0, stale: false },
    { do: 'add', side: 'remote', body: 0, mailbox: 0, flags: 0 },
    { do: 'crash', at: 29, when: 'after' },
    { do: 'move', side: 'local', pick: 9, mailbox: 0 },
    { do: 'rename', side: 'local', pick: 0 },
    { do: 'move', side: 'remote', pick: 0, mailbox: 0 },
    { do: 'apply', keep: 814, stale: true },
  ],
  [
    { do: 'add', side: 'remote', body: 0, mailbox: 1, flags: 0 },
    { do: 'crash', at: 13, when: 'before' },
    { do: 'rename-mailbox', side: 'local', pick: 0 },
    { do: 'sync' },
    { do: 'add', side: 'remote', body: 0, mailbox: 0, flags: 0 },
  ],
  [
    { do: 'add', side: 'remote', body: 0, mailbox: 0, flags: 0 },
    { do: 'crash', at: 1, when: 'after' },
    { do: 'renumber', side: 'remote', pick: 0 },
    { do: 'crash', at: 2, when: 'before' },
    { do: 'remove', side: 'remote', pick: 0 },
  ],
  [
    { do: 'add', side: 'remote', body: 0, mailbox: 1, flags: 0 },
    { do: 'add', side: 'remote', body: 0, mailbox: 0, flags: 1 },
    { do: 'sync' },
    { do: 'remove', side: 'local', pick: 3 },
    { do: 'crash', at: 10, when: 'before' },
    { do: 'flag', side: 'local', pick: 0, flag: 0, on: false },
    { do: 'crash', at: 2, when: 'before' },
  ],
  [
    { do: 'add', side: 'remote', body: 0, mailbox: 0, flags: 0 },
    { do: 'add', side: 'remote', body: 1, mailbox: 1, flags: 0 },
    { do: 'sync' },
    { do: 'rename-mailbox', side: 'remote', pick: 0 },
    { do: 'add', side: 'local', body: 0, mailbox: 1, flags: 0 },
    { do: 'renumber', side: 'remote', pick: 4 },
    { do: 'remove', side: 'remote', pick: 0 },
  ],
  [
    { do: 'add', side: 'local', body: 3, mailbox: 0, flags: 0 },
    { do: 'apply', keep: 0, stale: false },
    { do: 'add', side: 'remote', body: 3, mailbox: 1, flags: 0 },
  ],
  // Another mailbox under a known name, gone again before it came to the other side: it waited for ever to be matched anew.
  [
    { do: 'add', side: 'remote', body: 0, mailbox: 1, flags: 0 },
    { do: 'apply', keep: 0, stale: false },
    { do: 'rename-mailbox', side: 'remote', pick: 0 },
    { do: 'add', side: 'remote', body: 0, mailbox: 1, flags: 0 },
    { do: 'apply', keep: 0, stale: false },
    { do: 'delete-mailbox', side: 'remote', pick: 1 },
  ],
];

/** The same stories in every run, so that a change is judged by itself; as many new ones as are asked for to find more. */
const ASKED = process.env['POSTERN_PROPERTY_RUNS'];
const RUNS = Number(ASKED ?? 300);
const CHOICE = ASKED === undefined ? { seed: 20_261_122 } : {};

describe('whatever happens', () => {
  it('both sides end equal, nothing is lost and nothing is there twice', {
    timeout: 40 * RUNS + 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 25 }),
        fc.constantFrom(1, 2),
        async (steps, lanes) => {
          const story = new Story(await Rig.create({ lanes }));
          for (const one of steps) await story.play(one);
          const { rig } = story;
          await settle(rig);

          expect(rig.local.allContents()).toEqual(rig.remote.allContents());
          const plan = await rig.plan({ allowEmpty: true });
          expect([plan.actions, plan.blocked]).toEqual([[], []]);
          const records = await rig.run(({ store }) => readEverything(store));
          expect(records).toBeGreaterThan(0);
          // Where there is nothing to sync, nothing tells an older state from today's, and nothing hangs on it.
          const { findings } = await rig.check();
          expect(
            findings.filter(found => !(isEmpty(rig, found.mailbox) && /^witness/.test(found.id))),
          ).toEqual([]);
          for (const [content, { remote, local }] of story.added) {
            const count = countOf(rig.remote, content);
            expect(count, `copies of ${content}`).toBeLessThanOrEqual(remote + local);
            if (!story.deleted.has(content)) expect(count, `copies of ${content}`).toBeGreaterThanOrEqual(1);
          }
        },
      ),
      { ...CHOICE, numRuns: RUNS, endOnFailure: false, examples: FOUND.map(steps => [[...steps], 1]) },
    );
  });
});
