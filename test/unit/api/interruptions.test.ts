import type { Interruption } from '@postern/core/api/find-interruptions.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { CrashSeam, FaultSeam } from '../../support/seam.js';

/** A sync that dies at the n-th effect of a name. */
async function killedAt(rig: Rig, name: string, when: 'before' | 'after' = 'after', at = 1): Promise<void> {
  const seam = new CrashSeam(at, when, effect => effect.name === name);
  await rig.sync({}, seam).catch(() => undefined);
  expect(seam.crashed, `a ${name} to die at`).toBe(true);
}

async function interruptions(rig: Rig): Promise<readonly Interruption[]> {
  return (await rig.plan()).interruptions;
}

async function withMail(side: 'remote' | 'local', messages: number): Promise<Rig> {
  const rig = await Rig.create({ local: { largestBatch: 512 } });
  await rig.sync();
  for (let number = 1; number <= messages; number++)
    rig[side].add('INBOX', message({ id: `m${number}`, subject: `Number ${number}` }));
  return rig;
}

describe('an apply that was cut short', () => {
  it('is no interruption when it ended', async () => {
    const rig = await withMail('remote', 2);
    await rig.sync();
    expect(await interruptions(rig)).toEqual([]);
  });

  it('shows what was in flight, and which of it arrived', async () => {
    const rig = await withMail('remote', 3);
    await killedAt(rig, 'link', 'after', 2);
    const [found, ...more] = await interruptions(rig);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ cutShort: true, actions: 3 });
    expect(found?.inFlight.map(({ op, mailbox, row }) => [op, mailbox, row?.envelope.subject])).toEqual([
      ['download', 'INBOX', 'Number 1'],
      ['download', 'INBOX', 'Number 2'],
      ['download', 'INBOX', 'Number 3'],
    ]);
    expect(found?.inFlight.map(({ seen }) => seen).sort()).toEqual(['arrived', 'arrived', 'not-there']);
    expect(found?.settled).toBeUndefined();
  });

  it('says of an upload only what the remote was asked about', async () => {
    const rig = await withMail('local', 2);
    await killedAt(rig, 'APPEND');
    const before = await rig.run(async repository => {
      const { findInterruptions } = await import('@postern/core/api/find-interruptions.js');
      return findInterruptions(repository.store);
    });
    expect(before[0]?.inFlight.map(({ op, seen }) => [op, seen])).toEqual([
      ['upload', 'unknown'],
      ['upload', 'unknown'],
    ]);
    rig.clock.pass(1000);
    const [after] = await interruptions(rig);
    expect(after?.inFlight.map(({ seen }) => seen).sort()).toEqual(['arrived', 'not-there']);
  });

  it('shows, once settled, how many had been done, until another apply has run', async () => {
    const rig = await withMail('remote', 3);
    await killedAt(rig, 'link', 'after', 2);
    const { operation } = (await interruptions(rig))[0]!;
    await rig.sync();
    const [settled, ...more] = await interruptions(rig);
    expect(more).toEqual([]);
    expect(settled).toMatchObject({
      operation,
      cutShort: true,
      inFlight: [],
      settled: { found: 2, undone: 1, open: 0 },
    });
    rig.remote.add('INBOX', message({ id: 'later' }));
    await rig.sync();
    expect(await interruptions(rig)).toEqual([]);
    const log = await rig.run(({ store }) => store.get('log', '', operation));
    expect(log?.settled).toMatchObject({ found: 2, undone: 1 });
  });

  it('is settled by an apply that has nothing else to do', async () => {
    const rig = await withMail('remote', 1);
    await killedAt(rig, 'unlink');
    await rig.apply([]);
    const [settled] = await interruptions(rig);
    expect(settled).toMatchObject({ inFlight: [], settled: { found: 1, undone: 0, open: 0 } });
  });

  it('shows that nothing was in flight', async () => {
    const rig = await withMail('remote', 1);
    await rig.sync();
    rig.remote.flag('INBOX', '1', { add: ['\\Flagged'] });
    await killedAt(rig, 'write', 'before');
    const [found] = await interruptions(rig);
    expect(found).toMatchObject({ cutShort: true, inFlight: [] });
    await rig.sync();
    expect((await interruptions(rig))[0]?.settled).toMatchObject({ found: 0, undone: 0, open: 0 });
  });

  it('counts what may still happen, and settles it later', async () => {
    const rig = await withMail('local', 1);
    const lost = new FaultSeam(1, 'ECONNRESET', { only: effect => effect.name === 'APPEND' });
    await rig.sync({}, lost);
    const [open] = await interruptions(rig);
    expect(open).toMatchObject({ cutShort: false });
    expect(open?.inFlight).toHaveLength(1);
    await rig.sync();
    expect((await interruptions(rig))[0]?.settled).toMatchObject({ found: 0, undone: 0, open: 1 });
    rig.clock.pass(11 * 60 * 1000);
    await rig.sync();
    expect(rig.remote.contents('INBOX')).toHaveLength(1);
    const log = await rig.run(({ store }) => store.all('log', ''));
    expect([...log.values()].find(({ settled }) => settled !== undefined)?.settled).toMatchObject({
      found: 0,
      undone: 1,
      open: 0,
    });
  });
});
