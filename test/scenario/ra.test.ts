import { describe, expect, it } from 'vitest';
import { type Bystander, type Expected, Hands } from './bystanders.js';
import { checkState } from './check-state.js';
import { Players } from './events.js';
import { MaildirStage } from './maildir-stage.js';
import { MessageBook } from './notation.js';
import type { Row } from './row.js';
import { Run } from './runner.js';
import { look, worldOf } from './words.js';

/** A sync in which everything happens at once. */
const EVERYTHING: Row = {
  id: 'RA',
  says: 'everything at once',
  given:
    'a S/=S/S, b ·/=/·, c ∅/=/·, d ·/=/∅, e S/=/·, f ·/=/F, g ·/–/∅, h ∅/–/S, n S/–/∅, m ·/=/·, k ·/=/·, Work:w ·/=/·, Old:o ·/=/·',
  events: 'l.move m Work; r.move k Work; r.mk New; r.add New:q; r.ren Old Renamed',
  plan: '',
  end: '',
  options: { pause: 11 },
};
/** What is expected where nobody interferes: c and d were deleted before. */
const NOT_THERE: Expected = { c: [0], d: [0], z: [0] };
/** A message that one deletes while another flags it is there in the end or not, but not twice. */
const EITHER = [0, 1];

const BYSTANDERS: readonly Bystander[] = [
  { does: 'a mail reader marks b as read (RA-01)', act: hands => hands.relabel('b', () => 'S') },
  { does: 'a mail reader marks f as answered', act: hands => hands.relabel('f', () => 'FR') },
  {
    does: 'a mail reader flags and answers c, which goes (RA-02)',
    act: hands => hands.relabel('c', () => 'FR'),
    ends: { c: EITHER },
  },
  {
    does: 'another client flags d, which goes (RA-03)',
    act: hands => hands.flag('d', { add: ['\\Flagged'] }),
    ends: { d: EITHER },
  },
  {
    does: 'a mail reader deletes h, which is new (RA-06)',
    act: hands => hands.unlink('h'),
    ends: { h: [0] },
  },
  { does: 'a mail reader deletes b', act: hands => hands.unlink('b'), ends: { b: [0] } },
  { does: 'a mail reader deletes m, which it moved', act: hands => hands.unlink('m'), ends: { m: [0] } },
  { does: 'mail is delivered (RA-10)', act: hands => hands.deliver('z'), ends: { z: [1] } },
  { does: 'a mail reader opens the mailboxes (RA-12)', act: hands => hands.openAll() },
  { does: 'a mail reader moves b', act: hands => hands.moveFile('b', '.Work') },
  { does: 'a mail reader moves f', act: hands => hands.moveFile('f', '.Work') },
  { does: 'a mail reader moves m back', act: hands => hands.moveFile('m', '') },
  { does: 'a mail reader gives b another name', act: hands => hands.renameFile('b') },
  { does: 'a mail reader gives h another name', act: hands => hands.renameFile('h') },
  { does: 'mail comes to the account', act: hands => hands.append('z'), ends: { z: [1] } },
  {
    does: 'the mail that is uploaded comes to the account too',
    act: hands => hands.append('h'),
    // Before the upload it is the same message, after it a second one.
    ends: { h: [1, 2] },
  },
  { does: 'another client flags b', act: hands => hands.flag('b', { add: ['\\Flagged'] }) },
  { does: 'another client takes \\Seen from e', act: hands => hands.flag('e', { remove: ['\\Seen'] }) },
  { does: 'another client expunges b', act: hands => hands.expunge('b'), ends: { b: [0] } },
  { does: 'another client expunges g, which is new', act: hands => hands.expunge('g'), ends: { g: [0] } },
  { does: 'another client moves b', act: hands => hands.move('b', 'Work') },
  { does: 'another client moves g, which is new', act: hands => hands.move('g', 'Work') },
  { does: 'another client moves k back', act: hands => hands.move('k', 'INBOX') },
];
/** Every so many steps somebody interferes; 1 for each (`npm run soak`). */
const STRIDE = Number(process.env['POSTERN_SOAK_RACE_STRIDE'] ?? '41');

describe('RA: somebody else at every step of a sync', () => {
  it.each(BYSTANDERS.map((one, index) => [one.does, one, index] as const))(
    '%s: nothing is lost, nothing is there twice, and both sides come to rest',
    { timeout: 3_600_000 },
    async (_does, bystander, index) => {
      const { stage, players } = await prepared();
      try {
        const ticks = await count(stage);
        for (let at = 1 + (index % STRIDE); at <= ticks; at += STRIDE) {
          const copy = await stage.clone();
          try {
            await raced(copy, players, { bystander, at });
          } finally {
            copy.end();
          }
        }
      } finally {
        stage.end();
      }
    },
  );
});

describe('RA: what came between', () => {
  it('RA-15: a file that a bad tool is still writing in cur: in the end all of it is on both sides', {
    timeout: 3_600_000,
  }, async () => {
    const { stage, players } = await prepared();
    const ticks = await count(stage);
    for (let at = 1; at <= ticks; at += STRIDE) {
      const copy = await stage.clone();
      const hands = new Hands(copy, players.book);
      const run = new Run(EVERYTHING, copy, players);
      atStep(copy, at, () => hands.writeInPlace('z', 'half'));
      await copy.sync();
      await copy.sync();
      hands.writeInPlace('z', 'all');
      expect(await run.rest()).toBeLessThan(6);
      const { remote, local } = await run.world();
      expect(local, `written from step ${at} on`).toEqual(remote);
      expect(local.filter(entry => entry.startsWith('z '))).toEqual(['z ·']);
      copy.end();
    }
    stage.end();
  });

  it('RA-22: a plan, then a sync of another machine, then the plan: what is no longer true is passed over', async () => {
    const { stage, players } = await prepared();
    const hands = new Hands(stage, players.book);
    const run = new Run(EVERYTHING, stage, players);
    const plan = await stage.plan();
    // The other machine had deleted what we did, and g and b beside; it knew h, and flagged e and f.
    for (const name of ['d', 'g', 'b']) hands.expunge(name);
    hands.append('h');
    hands.flag('h', { add: ['\\Seen'] });
    hands.flag('f', { add: ['\\Flagged'] });
    hands.flag('e', { add: ['\\Answered'] });
    const { counts } = await stage.apply(plan.actions);
    expect(counts.failed).toBe(0);
    expect(counts.skipped + counts.already).toBeGreaterThan(3);
    expect(await run.rest()).toBeLessThan(6);
    const { remote, local } = await run.world();
    expect(local).toEqual(remote);
    expect(local.join(', ')).toBe(
      'New:q ·, Renamed:o ·, Work:k ·, Work:m ·, Work:w ·, a S, e RS, f F, h S, n S',
    );
    stage.end();
  });
});

/** Lets somebody act right before this step, once. */
function atStep(stage: MaildirStage, at: number, act: (what: string) => void): void {
  let ticks = 0;
  stage.tick = what => {
    if (++ticks !== at) return;
    stage.tick = undefined;
    act(what);
  };
}

async function prepared() {
  const stage = await MaildirStage.create();
  const players = new Players(stage, new MessageBook());
  await players.setUp(EVERYTHING);
  return { stage, players };
}

/** How many steps the sync has when nobody interferes. */
async function count(stage: MaildirStage): Promise<number> {
  const copy = await stage.clone();
  let ticks = 0;
  copy.tick = () => {
    ticks++;
  };
  await copy.sync();
  copy.end();
  expect(ticks).toBeGreaterThan(200);
  return ticks;
}

async function raced(
  stage: MaildirStage,
  players: Players,
  { bystander, at }: { readonly bystander: Bystander; readonly at: number },
): Promise<void> {
  const { book } = players;
  const hands = new Hands(stage, book);
  const run = new Run(EVERYTHING, stage, players);
  let where = `${bystander.does}, never`;
  atStep(stage, at, what => {
    where = `${bystander.does}, at step ${at}, before ${what}`;
    bystander.act(hands);
  });
  await stage.sync();
  stage.tick = undefined;
  expect(await run.rest(), `${where}: rounds to rest`).toBeLessThan(6);
  const sight = await look(stage);
  const world = worldOf(sight, book);
  expect(world.local, `${where}: both sides`).toEqual(world.remote);
  const wanted: Expected = { ...NOT_THERE, ...bystander.ends };
  for (const name of 'abcdefghnmkwoqz') {
    const times = world.local.filter(entry => entry.split(' ')[0]!.replace(/^.*:/, '') === name).length;
    expect(
      wanted[name] ?? [1],
      `${where}: how often ${name} is there, of ${world.local.join(', ')}`,
    ).toContain(times);
  }
  expect(await stage.withStore(store => checkState(store, sight, { settled: true })), where).toEqual([]);
}
