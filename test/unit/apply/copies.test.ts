import { applyActions } from '@postern/core/api/apply.js';
import { fetchRemote } from '@postern/core/api/fetch.js';
import type { Effect, Seam } from '@postern/core/model/effect.js';
import { type ErrorCode, PosternError } from '@postern/core/model/error.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { Crash, CrashSeam } from '../../support/seam.js';

const isCopy = ({ name }: Effect) => name === 'COPY';

/** Every COPY ends like this. */
function failing(code: ErrorCode): Seam {
  return {
    run: async (effect, act) => {
      if (isCopy(effect)) throw new PosternError(code, 'it failed');
      return act();
    },
    runSync: (_effect, act) => act(),
  };
}

/** A message that is new here in two mailboxes. */
async function newInTwo(): Promise<Rig> {
  const rig = await Rig.create();
  for (const world of [rig.remote, rig.local]) world.createMailbox('Work');
  await rig.sync();
  const key = rig.local.add('INBOX', message({ id: 'a' }), ['\\Seen']);
  rig.local.copy('INBOX', key, 'Work');
  return rig;
}

/** A message that both have in INBOX, and that is new here in Work. */
async function copiedHere(): Promise<Rig> {
  const rig = await Rig.create();
  for (const world of [rig.remote, rig.local]) world.createMailbox('Work');
  const key = rig.local.add('INBOX', message({ id: 'a' }), ['\\Seen']);
  await rig.sync();
  rig.local.copy('INBOX', key, 'Work');
  return rig;
}

function onlyKey(rig: Rig): string {
  const [key] = rig.remote.mailbox('INBOX').messages.keys();
  return key ?? 'none';
}

function expectOnce(rig: Rig): void {
  for (const world of [rig.remote, rig.local]) {
    expect(world.contents('INBOX')).toHaveLength(1);
    expect(world.contents('Work')).toHaveLength(1);
  }
}

describe('a copy within a side', () => {
  it('that the server refuses is sent instead', async () => {
    const rig = await newInTwo();
    const report = await rig.sync({}, failing('server-refused'));
    expect(report.apply.counts).toMatchObject({ done: 2, skipped: 0, failed: 0 });
    expect(rig.remote.traffic.delivered).toBe(2);
    expectOnce(rig);
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('of what an earlier apply of the same plan brought needs no bytes either', async () => {
    const rig = await newInTwo();
    const { actions } = await rig.plan();
    expect(actions.map(({ op }) => op)).toEqual(['upload', 'upload']);
    expect((await rig.apply(actions.slice(0, 1))).counts).toMatchObject({ done: 1 });
    expect((await rig.apply(actions)).counts).toMatchObject({ already: 1, done: 1 });
    expect(rig.remote.traffic.delivered).toBe(1);
    expectOnce(rig);
  });

  it.each([
    ['new in two mailboxes', newInTwo],
    ['copied here', copiedHere],
  ])('that the server makes after we died is not made twice: %s', async (_what, prepare) => {
    const rig = await prepare();
    const crash = new CrashSeam(1, 'before', isCopy);
    await expect(rig.sync({}, crash)).rejects.toThrow(Crash);
    const key = onlyKey(rig);
    let late = false;
    rig.clock.sleep = async milliseconds => {
      rig.clock.pass(milliseconds);
      if (!late) rig.remote.copy('INBOX', key, 'Work');
      late = true;
    };
    const report = await rig.sync();
    expect(late).toBe(true);
    expect(report.apply.counts).toMatchObject({ failed: 0 });
    expectOnce(rig);
    expect((await rig.plan()).actions).toEqual([]);
  });

  it.each([
    ['new in two mailboxes', newInTwo],
    ['copied here', copiedHere],
  ])('whose answer was lost is waited for: %s', async (_what, prepare) => {
    const rig = await prepare();
    const broken = await rig.sync({}, failing('unreachable'));
    expect(broken.apply.stopped?.code).toBe('unreachable');
    const soon = await rig.sync();
    expect(soon.apply.counts).toMatchObject({ skipped: 1, done: 0 });
    expect(rig.remote.contents('Work')).toHaveLength(0);
    rig.clock.pass(11 * 60 * 1000);
    expect((await rig.sync()).apply.counts).toMatchObject({ skipped: 0, failed: 0 });
    expectOnce(rig);
    expect(rig.remote.traffic.delivered).toBe(1);
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('waits when mail came in meanwhile that may be it', async () => {
    const rig = await copiedHere();
    const { actions } = await rig.plan();
    expect(actions.map(({ op }) => op)).toEqual(['copy-remote']);
    const key = onlyKey(rig);
    const report = await rig.run(async repository => {
      const { sides } = await fetchRemote(repository);
      rig.remote.copy('INBOX', key, 'Work');
      return applyActions(repository, actions, { fetched: sides.remote });
    });
    expect(report.counts).toMatchObject({ skipped: 1, done: 0 });
    expect((await rig.sync()).apply.counts).toMatchObject({ skipped: 0, failed: 0 });
    expectOnce(rig);
  });
});
