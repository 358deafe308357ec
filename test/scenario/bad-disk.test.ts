import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApplyReport } from '@postern/core/api/apply.js';
import type { Effect } from '@postern/core/model/effect.js';
import { PosternError } from '@postern/core/model/error.js';
import { identityOf } from '@postern/core/model/identity.js';
import type { Outcome } from '@postern/core/model/outcome.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CountingSeam, CrashSeam, FaultSeam } from '../support/seam.js';
import { Players } from './events.js';
import { MaildirStage } from './maildir-stage.js';
import { MessageBook } from './notation.js';
import type { Row } from './row.js';
import { Run } from './runner.js';
import { look } from './words.js';

/** A sync that does everything there is to do on a disk. */
const EVERYTHING: Row = {
  id: 'CR',
  says: 'everything at once',
  given:
    'a S/=S/S, b ·/=/·, c ∅/=/·, d ·/=/∅, e S/=/·, f ·/=/F, g ·/–/∅, h ∅/–/S, n S/–/∅, m ·/=/·, k ·/=/·, Work:w ·/=/·, Work:x ·/–/∅, Old:o ·/=/·',
  events: 'l.move m Work; r.move k Work; r.mk New; r.add New:q; r.ren Old Renamed',
  plan: '',
  end: 'a S, b ·, e S, f F, g ·, h S, n S, Work:m ·, Work:k ·, Work:w ·, Work:x ·, New:q ·, Renamed:o ·',
  options: { pause: 11 },
};

/** The system's errors, and how postern says them. LevelDB brings words of its own, so that the errno will do. */
const ERRORS: readonly (readonly [string, RegExp])[] = [
  ['ENOSPC', /no space|ENOSPC/],
  ['EIO', /input\/output error|EIO/],
  ['EROFS', /read-only|EROFS/],
  ['EDQUOT', /over quota|EDQUOT/],
  ['EACCES', /permission denied|EACCES/],
  ['EMFILE', /too many open files|EMFILE/],
];
/** All errors at every effect, once and for good (`npm run soak`), instead of one after the other. */
const ALL = process.env['POSTERN_SOAK_FAULTS'] === 'all';

const onDisk = (effect: Effect) => effect.surface !== 'wire';
const onFiles = (effect: Effect) => effect.surface === 'fs';
const inDatabase = (effect: Effect) => effect.surface === 'db';
/** What is left in tmp does no harm: a later sweep, or gc, takes it. */
const isSilent = ({ name, target }: Effect) => name === 'unlink' && /\/tmp\//.test(target);

let ready: MaildirStage;
let players: Players;
let effects: readonly Effect[];

beforeAll(async () => {
  ready = await MaildirStage.create();
  players = new Players(ready, new MessageBook());
  await players.setUp(EVERYTHING);
  const copy = await ready.clone();
  const seam = new CountingSeam();
  await copy.sync({}, seam);
  copy.end();
  effects = seam.effects;
});

afterAll(() => ready?.end());

/** Runs on a copy of the stage, as long as it takes. */
async function onCopy(act: (stage: MaildirStage, run: Run) => Promise<void>): Promise<void> {
  const stage = await ready.clone();
  try {
    const run = new Run(EVERYTHING, stage, players);
    await run.note();
    await act(stage, run);
  } finally {
    stage.end();
  }
}

/** A sync, and all that is said of it. */
async function syncAndListen(stage: MaildirStage, seam: FaultSeam) {
  const outcomes: Outcome[] = [];
  const heard: string[] = [];
  let apply: ApplyReport | undefined;
  const onOutcome = (outcome: Outcome) => outcomes.push(outcome);
  const error = await stage.sync({ onOutcome }, seam).then(
    report => {
      ({ apply } = report);
      for (const { reason } of [...report.fetch.problems, ...report.plan.problems, ...report.apply.problems])
        heard.push(reason);
      return report.apply.stopped;
    },
    (caught: unknown) => caught,
  );
  for (const { reason } of outcomes) if (reason !== undefined) heard.push(reason);
  if (error !== undefined) heard.push((error as Error).message);
  return { error, apply, outcomes, said: heard.join('; ') };
}

const contentOf = (path: string) => identityOf(readFileSync(path)).identity.content!;
const placeOf = (effect: Effect) => `${effect.name} ${effect.target.replace(/^.*\/Mail\//, '')}`;

/** No file that a mail reader sees is less than a whole message. */
async function expectWhole(stage: MaildirStage, where: string): Promise<void> {
  for (const messages of (await look(stage)).local.values())
    for (const { content } of messages)
      expect(players.book.nameOf(content), `${where}: a message in the Maildir`).not.toMatch(/^unknown/);
}

describe('bad disks: every effect of a sync on a disk fails', () => {
  it('RF-01: no partial file is seen, nothing is taken for deleted, it is said in words, and the next run is whole', {
    timeout: 3_600_000,
  }, async () => {
    const failing = effects.filter(onDisk);
    expect(failing.length).toBeGreaterThan(100);
    for (const [index, effect] of failing.entries()) {
      for (const [number, [errno, words]] of ERRORS.entries()) {
        for (const sticky of [false, true]) {
          if (!ALL && (index % ERRORS.length !== number || sticky !== index % 4 < 2)) continue;
          await onCopy(async (stage, run) => {
            const where = `${errno} ${sticky ? 'from' : 'at'} ${placeOf(effect)}`;
            const seam = new FaultSeam(index + 1, errno, { sticky, only: onDisk });
            const { error, said } = await syncAndListen(stage, seam);
            expect(seam.failed, `${where}: effects that failed`).toBeGreaterThan(0);
            if (error !== undefined) expect(error, where).toBeInstanceOf(PosternError);
            if (error !== undefined) expect((error as PosternError).code, where).not.toMatch(/^state-/);
            if (!isSilent(effect)) expect(said, `${where}: what is said`).toMatch(words);
            await expectWhole(stage, where);
            expect(await run.rest(), `${where}: rounds to rest`).toBeLessThan(6);
            await run.checkEnd(where, [EVERYTHING.end]);
          });
        }
      }
    }
  });

  it.each(ERRORS)(
    '%s in one mailbox: the others are synced, and its actions say why they failed',
    async (errno, words) => {
      await onCopy(async (stage, run) => {
        const only = (effect: Effect) => onFiles(effect) && effect.target.includes('/Mail/.Work/');
        const { error, apply, outcomes, said } = await syncAndListen(
          stage,
          new FaultSeam(1, errno, { sticky: true, only }),
        );
        expect(error).toBeUndefined();
        expect(said).toMatch(words);
        expect(said).toContain('Work');
        expect(apply?.problems.map(({ mailbox }) => mailbox)).toContain('Work');
        const failed = outcomes.filter(({ result }) => result === 'failed');
        expect(failed.length).toBeGreaterThan(0);
        expect(failed.every(({ reason }) => words.test(reason ?? ''))).toBe(true);
        const { local, remote } = await run.world();
        const inbox = (entries: readonly string[]) =>
          entries.filter(entry => /^(a|b|e|f|g|h|n|New:q|Renamed:o) /.test(entry));
        expect(inbox(local)).toEqual(inbox(remote));
        expect(inbox(local)).toHaveLength(9);
        await expectWhole(stage, errno);
        expect(await run.rest()).toBeLessThan(6);
        await run.checkEnd(errno, [EVERYTHING.end]);
      });
    },
  );
});

describe('what a power cut left of a file', () => {
  it('CR-06: a file without octets is told, is no edit, and deletes or uploads nothing', async () => {
    await onCopy(async (stage, run) => {
      await run.rest();
      const before = await run.world();
      const cur = join(stage.root, 'cur');
      const name = readdirSync(cur).find(one => players.book.nameOf(contentOf(join(cur, one))) === 'a')!;
      const bytes = readFileSync(join(cur, name));
      writeFileSync(join(cur, name), '');
      for (let round = 0; round < 2; round++) {
        const { plan, apply } = await stage.sync();
        expect(plan.actions).toEqual([]);
        expect(apply.problems.map(({ reason }) => reason)).toContain('empty file');
      }
      expect((await run.world()).remote).toEqual(before.remote);
      writeFileSync(join(cur, name), bytes);
      expect((await stage.sync()).plan.actions).toEqual([]);
      expect(await run.world()).toEqual(before);
    });
  });
});

describe('the database of a machine that stops', () => {
  it('CR-22, CR-26: killed in any write of the state, or its unsynced tail lost after any: nothing is done twice', async () => {
    const writes = effects.filter(inDatabase).length;
    expect(writes).toBeGreaterThan(20);
    // Commits that meet are one write, so that a sync may have a few less.
    let crashes = 0;
    for (let at = 1; at <= writes; at++) {
      for (const when of ['before', 'after'] as const) {
        await onCopy(async (stage, run) => {
          const seam = new CrashSeam(at, when, inDatabase);
          await stage.sync({}, seam).catch(() => undefined);
          if (seam.crashed) crashes++;
          if (when === 'after') await stage.loseUnsynced();
          const where = `${when === 'after' ? 'the tail lost' : 'killed'} ${seam.where}`;
          expect(await run.rest(), `${where}: rounds to rest`).toBeLessThan(6);
          await run.checkEnd(where, [EVERYTHING.end]);
        });
      }
    }
    expect(crashes).toBeGreaterThan(2 * writes - 6);
  });
});
