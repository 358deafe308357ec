import { applyActions } from '@postern/core/api/apply.js';
import { fetchRemote } from '@postern/core/api/fetch.js';
import { makePlan } from '@postern/core/api/plan.js';
import { SIDES } from '@postern/core/model/by-side.js';
import { ERROR_EXITS, PosternError } from '@postern/core/model/error.js';
import { expect } from 'vitest';
import { DiskRig, type StateFiles } from '../../support/disk-rig.js';
import { contentOf } from '../../support/letters.js';
import type { MemoryWorld } from '../../support/memory-world.js';
import { message } from '../../support/messages.js';
import { intoTables } from './damage.js';

/** Where the records are: LevelDB damages differently in its log and in its tables. */
export const PLACES = ['in the log', 'in tables'] as const;

/** A few messages in two mailboxes, in sync, or with changes that no sync has seen yet. */
export interface SmallAccount {
  readonly rig: DiskRig;
  /** The state as it is. */
  readonly state: StateFiles;
  /** The state before the last sync, and before the one before it. */
  readonly older: readonly StateFiles[];
  /** Contents that a user deleted on one side, and nobody on the other. */
  readonly deleted: ReadonlySet<string>;
}

const LETTERS = ['One', 'Two', 'Three', 'Four', 'Five', 'Six'].map(subject =>
  message({ subject, body: '.\r\n' }),
);

async function synced(place: (typeof PLACES)[number]): Promise<Pick<SmallAccount, 'rig' | 'older'>> {
  const rig = await DiskRig.create();
  for (const world of [rig.remote, rig.local]) world.createMailbox('Work');
  const [one, two, three, four, five, six] = LETTERS;
  rig.remote.add('INBOX', one!, ['\\Seen']);
  rig.local.add('INBOX', two!, ['\\Flagged', '\\Seen']);
  rig.remote.add('Work', three!);
  await rig.sync();
  const older = [await rig.stateFiles()];
  rig.remote.add('INBOX', four!, ['\\Seen']);
  rig.local.add('Work', five!);
  await rig.sync();
  older.push(await rig.stateFiles());
  rig.local.add('INBOX', six!);
  rig.remote.flag('INBOX', keyOf(rig.remote, 'INBOX', contentOf(two!)), { remove: ['\\Flagged'] });
  rig.remote.flag('Work', '1', { add: ['\\Answered'] });
  await rig.sync();
  if (place === 'in tables') await intoTables(rig);
  return { rig, older };
}

/** Nothing is pending. */
export async function settledAccount(place: (typeof PLACES)[number]): Promise<SmallAccount> {
  const { rig, older } = await synced(place);
  return { rig, older, state: await rig.stateFiles(), deleted: new Set() };
}

/** Deletions on both sides, a flag taken away, and new mail are pending. */
export async function busyAccount(place: (typeof PLACES)[number]): Promise<SmallAccount> {
  const { rig, older } = await synced(place);
  const deleted = [LETTERS[0]!, LETTERS[4]!].map(contentOf);
  rig.local.remove('INBOX', keyOf(rig.local, 'INBOX', deleted[0]!));
  rig.remote.remove('Work', keyOf(rig.remote, 'Work', deleted[1]!));
  rig.local.flag('INBOX', keyOf(rig.local, 'INBOX', contentOf(LETTERS[3]!)), { remove: ['\\Seen'] });
  // An older base says that this flag was taken away on the other side.
  rig.local.flag('INBOX', keyOf(rig.local, 'INBOX', contentOf(LETTERS[1]!)), { add: ['\\Flagged'] });
  rig.remote.add('Work', message({ subject: 'New there' }), ['\\Seen']);
  rig.local.add('INBOX', message({ subject: 'New here' }));
  return { rig, older, state: await rig.stateFiles(), deleted: new Set(deleted) };
}

function keyOf(world: MemoryWorld, mailbox: string, content: string): string {
  return [...world.mailbox(mailbox).messages.values()].find(({ identity }) => identity.content === content)!
    .key;
}

/** What became of a damaged state: a command refused it, or did as it always does. */
export type Reception = 'refused' | 'accepted';

/**
 * Gives the account a damaged state and does what a user would: fetch, plan and apply, then `fsck --repair`, then sync. No
 * step may delete or duplicate anything that nobody asked for, and the end is an empty plan.
 */
export async function liveThrough(account: SmallAccount, damaged: StateFiles): Promise<Reception> {
  const copy = await account.rig.clone(damaged);
  try {
    const before = sightOf(copy);
    const readBefore = copy.remote.traffic.read + copy.local.traffic.read;
    const settled = account.deleted.size === 0;
    const reception = await receive(copy);
    if (reception === 'refused') expect(sightOf(copy), 'what a refusal left').toEqual(before);
    expectNoHarm(account, copy, 'after fetch, plan and apply');
    const between = sightOf(copy);
    await copy.repair();
    expect(sightOf(copy), 'what the repair left').toEqual(between);
    if (settled) {
      const { actions, blocked } = await copy.plan();
      expect([actions, blocked], 'the plan after the repair').toEqual([[], []]);
      expect(sightOf(copy), 'the end').toEqual(before);
      // A state from the middle of an apply: what it had sent is looked for, and compared.
      const { remote, local } = copy.traffic();
      const read = remote.read + local.read - readBefore;
      expect(read, 'messages that were read').toBeLessThanOrEqual(reception === 'refused' ? 0 : 1);
    } else await comeToRest(account, copy);
    const { findings } = await copy.check();
    expect(findings, 'what is found in the end').toEqual([]);
    return reception;
  } finally {
    await copy.remove();
  }
}

/** Fetch, plan and apply. The state may be refused, with exit 4 and a word on fsck; nothing else may go wrong. */
async function receive(copy: DiskRig): Promise<Reception> {
  try {
    return await copy.run(async (repository): Promise<Reception> => {
      const records = [...(await repository.store.all('mailbox', '')).values()];
      if (records.some(({ pending }) => pending !== undefined)) cutShort.add(copy);
      await fetchRemote(repository);
      const { actions } = await makePlan(repository);
      const { counts, stopped } = await applyActions(repository, actions, {});
      if (stopped !== undefined) throw stopped;
      expect(counts.failed).toBe(0);
      return 'accepted';
    });
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    expect(ERROR_EXITS[error.code], error.message).toBe(4);
    expect(`${error.message} ${error.hint}`).toMatch(/fsck|another version/);
    return 'refused';
  }
}

async function comeToRest(account: SmallAccount, copy: DiskRig): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await copy.sync();
    expectNoHarm(account, copy, 'after a sync that followed the repair');
  }
  const { actions, blocked } = await copy.plan();
  expect([actions, blocked], 'the plan in the end').toEqual([[], []]);
  expect(copy.remote.allContents()).toEqual(copy.local.allContents());
}

function sightOf(rig: DiskRig) {
  return {
    remote: rig.remote.allContents(),
    local: rig.local.allContents(),
    delivered: [rig.remote.traffic.delivered, rig.local.traffic.delivered],
    attic: rig.local.attic.size,
  };
}

/**
 * Rigs whose state is one from the middle of an apply: the log ends there. Nothing tells that from an apply that was
 * interrupted, and that base then says of a flag what the apply had not recorded yet.
 */
const cutShort = new WeakSet<DiskRig>();

/** Each message is in its mailbox once, or twice nowhere; only what a user deleted may be gone; flags are as somebody set them. */
function expectNoHarm(account: SmallAccount, copy: DiskRig, when: string): void {
  if (account.deleted.size > 0 && !cutShort.has(copy)) {
    const flagged = copy.local.message('INBOX', keyOf(copy.local, 'INBOX', contentOf(LETTERS[1]!)));
    expect(flagged.flags, `${when}: a flag that was set and not synced yet`).toContain('\\Flagged');
  }
  for (const side of SIDES) {
    for (const [mailbox, messages] of Object.entries(copy[side].allContents())) {
      const contents = messages.map(({ content }) => content);
      expect(new Set(contents).size, `${when}: messages of ${side} ${mailbox}, each once`).toBe(
        contents.length,
      );
      const known = SIDES.flatMap(one => account.rig[one].contents(mailbox));
      for (const { content, flags } of messages) {
        const seen = known.filter(one => one.content === content).map(one => one.flags.join(' '));
        expect(seen, `${when}: flags on ${side} ${mailbox}`).toContain(flags.join(' '));
      }
    }
    for (const [mailbox, messages] of Object.entries(account.rig[side].allContents())) {
      const now = new Set(copy[side].contents(mailbox).map(({ content }) => content));
      const lost = messages.filter(({ content }) => !now.has(content) && !account.deleted.has(content));
      expect(lost, `${when}: messages gone from ${side} ${mailbox}`).toEqual([]);
    }
  }
}
