import {
  existsSync,
  linkSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { Effect, Seam } from '@postern/core/model/effect.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { NO_EPOCH } from '@postern/core/model/row.js';
import { octetsOfText } from '@postern/core/side/maildir/octets.js';
import { takesColons } from '@postern/core/side/maildir/takes-colons.js';
import { UniqueNames } from '@postern/core/side/maildir/unique-names.js';
import { Volume } from '@postern/core/side/maildir/volume.js';
import { type DeliveryOutcome, type Letter, LetterNotKept, type Side } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { codeOf, done } from '../../contract/side/opened-side.js';
import { contentOf, deliverAll, letter, stageAll, wholeLetter } from '../../support/letters.js';
import { message } from '../../support/messages.js';
import { CountingSeam, Crash, CrashSeam, effectsNamed, FaultSeam, HookSeam } from '../../support/seam.js';
import { TemporaryMaildir } from './temporary-maildir.js';

async function deliverOne(
  maildir: TemporaryMaildir,
  seam: FaultSeam | HookSeam,
  bytes = message(),
): Promise<readonly DeliveryOutcome[]> {
  return deliverAll(maildir.side({ seam }), INBOX, [letter(bytes)]);
}

/** Whether this machine has what it takes: Linux 5.8 and GNU coreutils. */
const syncsVolumes = await new Volume('all').canSync(octetsOfText(tmpdir()));

const many = (count: number): Letter[] =>
  Array.from({ length: count }, (_, index) => wholeLetter(message({ id: `m${index}` })));

/** Those of this process, which makes one at most. */
const threads: Worker[] = [];
process.on('worker', thread => threads.push(thread));

const everything = (maildir: TemporaryMaildir) => ['tmp', 'new', 'cur'].flatMap(name => maildir.names(name));

describe('a delivery', () => {
  it('MD-12: writes LF line ends, for this user alone, and keeps the date', async () => {
    const maildir = await TemporaryMaildir.make();
    const mask = process.umask(0);
    const row = done(
      (
        await deliverAll(maildir.side(), INBOX, [letter(message({ id: 'x' }), { date: 1_500_000_000_000 })])
      )[0],
    );
    process.umask(mask);
    expect(maildir.read('new', row.key)).toBe(
      message({ id: 'x' }).toString('latin1').replaceAll('\r\n', '\n'),
    );
    const stats = statSync(maildir.path('new', row.key));
    expect([stats.mode & 0o777, stats.mtimeMs, stats.nlink]).toEqual([0o600, 1_500_000_000_000, 1]);
    expect(maildir.names('tmp')).toEqual([]);
  });

  it('goes to new without flags, else to cur with the letters in order', async () => {
    const maildir = await TemporaryMaildir.make();
    const flags = [['\\Seen', '\\Draft', '$Forwarded'], ['Work'], []];
    const outcomes = await deliverAll(
      maildir.side(),
      INBOX,
      flags.map(some => letter(message(), { flags: some })),
    );
    const [a, b, c] = outcomes.map(outcome => done(outcome).key);
    expect(maildir.names('cur')).toEqual([`${a}:2,DPS`, `${b}:2,a`].sort());
    expect(maildir.names('new')).toEqual([c]);
  });

  it('MD-05: names files after the time, the process, a counter, a random part and the host', async () => {
    const maildir = await TemporaryMaildir.make();
    const clock = { now: () => 1_700_000_000_042, sleep: async () => {} };
    const side = maildir.side({ clock, random: () => 'a/b-c' });
    const batch = await side.deliver(INBOX);
    const keys = (await batch.prepare(2)).map(slot => slot.key);
    expect(keys[0]).toMatch(new RegExp(`^1700000000\\.M042000P${process.pid}Q1Rabc\\.[^/:]+$`));
    expect(keys[1]).toMatch(/Q2Rabc\./);
    expect(new UniqueNames(clock, () => 'r', '../a:b').next()).toMatch(/Rr\.\.\.\\057a\\072b$/);
    expect(new UniqueNames(clock, () => 'r', '').next()).toMatch(/Rr\.localhost$/);
  });

  it('MD-11: leaves the quota file of other programs as it is', async () => {
    const maildir = await TemporaryMaildir.make();
    writeFileSync(maildir.path('maildirsize'), '1000000S\n0 0\n');
    done((await deliverAll(maildir.side(), INBOX, [letter(message())]))[0]);
    expect(maildir.read('maildirsize')).toBe('1000000S\n0 0\n');
  });

  it('gives rows that the next scan finds to be the very same', async () => {
    const maildir = await TemporaryMaildir.make();
    const side = maildir.side();
    const letters = [message(), message({ body: 'bare CR\r\r\nCR\rLF\nend' })].map(bytes =>
      letter(bytes, { chunk: 3 }),
    );
    const rows = (await deliverAll(side, INBOX, letters)).map(done);
    const { rows: scanned } = await side.snapshot(INBOX, undefined);
    for (const row of rows) expect(scanned.get(row.key)).toEqual(row);
  });

  it.each([
    ['before 1970', -86_400_000, 0],
    ['none at all', Number.NaN, 1_234_567_000],
    ['of the year 9999 and later', 9e15, undefined],
  ])('with a date %s is kept with one a file can have', async (_what, date, expected) => {
    const maildir = await TemporaryMaildir.make();
    const clock = { now: () => 1_234_567_000, sleep: async () => {} };
    const row = done((await deliverAll(maildir.side({ clock }), INBOX, [letter(message(), { date })]))[0]);
    const { mtimeMs } = statSync(maildir.path('new', row.key));
    expect(row.date).toBe(mtimeMs);
    if (expected !== undefined) expect(mtimeMs).toBe(expected);
  });

  it('syncs every file before it links the first, and each directory once before it unlinks', async () => {
    const maildir = await TemporaryMaildir.make();
    const seam = new CountingSeam();
    const letters = Array.from({ length: 40 }, (_, index) =>
      letter(message(), { flags: index % 2 ? ['\\Seen'] : [] }),
    );
    await deliverAll(maildir.side({ seam }), INBOX, letters);
    const order = seam.effects.map(({ name }) => name);
    expect(order.lastIndexOf('fsync')).toBeLessThan(order.indexOf('link'));
    expect(order.lastIndexOf('link')).toBeLessThan(order.indexOf('fsync-dir'));
    expect(order.lastIndexOf('fsync-dir')).toBeLessThan(order.indexOf('unlink'));
    expect([seam.countOf('fsync'), seam.countOf('link'), seam.countOf('fsync-dir')]).toEqual([40, 40, 2]);
  });

  it.runIf(syncsVolumes)('syncs many files at once, before it links the first', async () => {
    const maildir = await TemporaryMaildir.make();
    const seam = new CountingSeam();
    const outcomes = await deliverAll(maildir.side({ seam }), INBOX, many(100));
    expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(100);
    const order = seam.effects.map(({ name }) => name);
    expect(order.indexOf('syncfs')).toBeGreaterThan(order.lastIndexOf('write-files'));
    expect(seam.countOf('write-files')).toBeGreaterThan(0);
    expect(seam.countOf('write')).toBe(0);
    expect(order.indexOf('syncfs')).toBeLessThan(order.indexOf('link'));
    expect([seam.countOf('syncfs'), seam.countOf('fsync'), seam.countOf('fsync-dir')]).toEqual([1, 0, 1]);
  });

  it.runIf(syncsVolumes)('syncs file after file where all at once is not certain', async () => {
    const maildir = await TemporaryMaildir.make();
    const seam = new CountingSeam();
    const refusing: Seam = {
      run: (effect, act) => seam.run(effect, effect.name === 'syncfs' ? async () => false as never : act),
      runSync: (effect, act) => seam.runSync(effect, act),
    };
    const outcomes = await deliverAll(maildir.side({ seam: refusing }), INBOX, many(100));
    expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(100);
    const order = seam.effects.map(({ name }) => name);
    expect(order.lastIndexOf('fsync')).toBeLessThan(order.indexOf('link'));
    // Written once more: an fsync alone hears of no write that failed before.
    expect([seam.countOf('write'), seam.countOf('fsync')]).toEqual([100, 100]);
    const { rows } = await maildir.side().snapshot(INBOX, undefined);
    for (const outcome of outcomes) expect(rows.get(done(outcome).key)).toEqual(done(outcome));
    expect(maildir.names('tmp')).toEqual([]);
  });

  it.runIf(syncsVolumes)('is trusted no more for anybody once all at once was not certain', async () => {
    const maildir = await TemporaryMaildir.make();
    const seam = new CountingSeam();
    let answers = 0;
    const failsOnce: Seam = {
      run: (effect, act) =>
        seam.run(effect, effect.name === 'syncfs' && ++answers === 1 ? async () => false as never : act),
      runSync: (effect, act) => seam.runSync(effect, act),
    };
    const side = maildir.side({ seam: failsOnce });
    const sibling = await side.another();
    const stage = async (to: Side) => {
      const { batch } = await stageAll(to, INBOX, many(100));
      await batch.inspect();
      return batch;
    };
    // What failed may be the files of either: the system says it once.
    const batches = [await stage(side), await stage(sibling)];
    await Promise.all(batches.map(batch => batch.publish()));
    expect([seam.countOf('syncfs'), seam.countOf('fsync')]).toEqual([1, 200]);
    await deliverAll(side, INBOX, many(100));
    expect([seam.countOf('syncfs'), seam.countOf('fsync')]).toEqual([1, 300]);
  });

  it('refuses an empty message, which would look like what a crash leaves', async () => {
    const maildir = await TemporaryMaildir.make();
    const outcomes = await deliverAll(maildir.side(), INBOX, [letter(Buffer.alloc(0)), letter(message())]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['refused', 'done']);
    expect(everything(maildir)).toHaveLength(1);
  });
});

describe('a delivery that fails', () => {
  it.each([
    ['open', 'ENOSPC', 'disk-full'],
    ['write', 'ENOSPC', 'disk-full'],
    ['write', 'EDQUOT', 'disk-full'],
    ['open', 'EROFS', 'read-only'],
    ['open', 'EACCES', 'read-only'],
    ['write', 'EIO', 'failed'],
    ['fsync', 'EIO', 'failed'],
    ['fsync', 'ENOSPC', 'disk-full'],
  ])('RF-01: at %s with %s is told as such and leaves nothing behind', async (effect, errno, code) => {
    const maildir = await TemporaryMaildir.make();
    expect(await codeOf(deliverOne(maildir, new FaultSeam(1, errno, effectsNamed(effect))))).toBe(code);
    expect(everything(maildir)).toEqual([]);
  });

  it('RF-01: to sync one file publishes none of the batch', async () => {
    const maildir = await TemporaryMaildir.make();
    const side = maildir.side({ seam: new FaultSeam(20, 'EIO', effectsNamed('fsync')) });
    const letters = Array.from({ length: 60 }, (_, index) => letter(message({ id: `m${index}` })));
    expect(await codeOf(deliverAll(side, INBOX, letters))).toBe('failed');
    expect(everything(maildir)).toEqual([]);
  });

  it('RF-01: to sync one of many files publishes none of the batch', async () => {
    const maildir = await TemporaryMaildir.make();
    const side = maildir.side({
      seam: new FaultSeam(1, 'EIO', { sticky: true, only: ({ name }) => /^(syncfs|fsync)$/.test(name) }),
    });
    expect(await codeOf(deliverAll(side, INBOX, many(100)))).toBe('failed');
    expect(everything(maildir)).toEqual([]);
  });

  it.runIf(syncsVolumes)('RF-01: a file that went away meanwhile publishes none of the batch', async () => {
    const maildir = await TemporaryMaildir.make();
    const seam = new HookSeam(({ name }) => {
      if (name !== 'syncfs') return;
      unlinkSync(maildir.path('tmp', maildir.names('tmp')[7]!));
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
    });
    expect(await codeOf(deliverAll(maildir.side({ seam }), INBOX, many(100)))).toBe('failed');
    expect(everything(maildir)).toEqual([]);
  });

  it.runIf(syncsVolumes)('RF-01: what memory lost of a file publishes none of the batch', async () => {
    const maildir = await TemporaryMaildir.make();
    const seam = new HookSeam(({ name }) => {
      if (name !== 'syncfs') return;
      truncateSync(maildir.path('tmp', maildir.names('tmp')[7]!), 20);
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
    });
    const delivered = deliverAll(maildir.side({ seam }), INBOX, many(100));
    await expect(delivered).rejects.toMatchObject({
      code: 'failed',
      mailbox: INBOX,
      message: expect.stringContaining('the disk may be failing'),
    });
    expect(everything(maildir)).toEqual([]);
  });

  it('MD-04, MD-14: because the name is taken never replaces what has it', async () => {
    const maildir = await TemporaryMaildir.make();
    const seam = new HookSeam(({ name, target }) => {
      if (name === 'link') writeFileSync(target, 'mine');
    });
    const outcomes = await deliverOne(maildir, seam);
    expect(outcomes).toMatchObject([{ kind: 'refused', reason: expect.stringContaining('taken') }]);
    const [name] = maildir.names('new');
    expect(maildir.read('new', name!)).toBe('mine');
    expect(maildir.names('tmp')).toEqual([]);
  });

  it('never writes through a link that waits in tmp', async () => {
    const maildir = await TemporaryMaildir.make();
    writeFileSync(maildir.path('victim'), 'untouched');
    const seam = new HookSeam(({ name, target }) => {
      if (name === 'open') symlinkSync(maildir.path('victim'), target);
    });
    expect(await codeOf(deliverOne(maildir, seam))).toBe('failed');
    expect(maildir.read('victim')).toBe('untouched');
  });

  it('to link one message delivers the others', async () => {
    const maildir = await TemporaryMaildir.make();
    const side = maildir.side({ seam: new FaultSeam(2, 'ENOSPC', effectsNamed('link')) });
    const outcomes = await deliverAll(
      side,
      INBOX,
      ['a', 'b', 'c'].map(name => letter(message({ id: name }))),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'refused', 'done']);
    expect(everything(maildir)).toHaveLength(2);
  });

  it('to sync the directory is in doubt, and what is in tmp stays until it is swept', async () => {
    const maildir = await TemporaryMaildir.make();
    const outcomes = await deliverOne(maildir, new FaultSeam(1, 'EIO', effectsNamed('fsync-dir')));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown']);
    expect(maildir.names('tmp')).toHaveLength(1);
    const side = maildir.side();
    await side.sweep(INBOX, [outcomes[0]!.slot.key!]);
    expect(maildir.names('tmp')).toEqual([]);
    expect((await side.snapshot(INBOX, undefined)).rows.size).toBe(1);
  });
});

describe.runIf(syncsVolumes)('letters that another thread writes', () => {
  it('are the very same as others, whatever they are', async () => {
    const maildir = await TemporaryMaildir.make();
    const side = maildir.side();
    const odd = [
      wholeLetter(message({ body: 'bare CR\r\r\nCR\rLF\nend' })),
      wholeLetter(message({ body: `${'long\r\n'.repeat(60_000)}end` })),
      letter(message({ body: 'in pieces\r\n'.repeat(99) }), { chunk: 3 }),
      wholeLetter(message({ id: 'flagged' }), { flags: ['\\Seen', 'Work'], date: 1_500_000_000_000 }),
      wholeLetter(message({ id: 'later' }), { date: 9e15 }),
    ];
    const rows = (await deliverAll(side, INBOX, [...odd, ...many(100)])).map(done);
    expect(rows).toHaveLength(105);
    const { rows: scanned } = await side.snapshot(INBOX, undefined);
    for (const row of rows) expect(scanned.get(row.key)).toEqual(row);
    const alone = await TemporaryMaildir.make();
    const [same] = (await deliverAll(alone.side(), INBOX, odd.slice(3, 4))).map(done);
    const flagged = rows[3]!;
    expect({ ...flagged, key: '' }).toEqual({ ...same, key: '' });
    expect(statSync(maildir.path('new', rows[0]!.key)).mode & 0o777).toBe(0o600);
  });

  it('RF-01: that cannot be written are told one by one, and the others are delivered', async () => {
    const maildir = await TemporaryMaildir.make();
    const batch = await maildir.side().deliver(INBOX);
    const slots = await batch.prepare(100);
    const taken = [slots[3]!, slots[70]!];
    for (const { key } of taken) symlinkSync(maildir.path('nowhere'), maildir.path('tmp', key!));
    for (const [at, one] of many(100).entries()) await batch.stage(slots[at]!, one);
    const found = await batch.inspect();
    expect([...found.keys()]).toEqual(slots);
    const lost = slots.filter(slot => found.get(slot) instanceof LetterNotKept);
    expect(lost).toEqual(taken);
    expect(found.get(taken[0]!)).toMatchObject({
      message: expect.stringMatching(/^the mailbox INBOX .* cannot be written: the name is taken$/),
    });
    expect((await batch.publish()).map(done)).toHaveLength(98);
    expect(everything(maildir)).toHaveLength(100);
    expect(maildir.names('tmp').sort()).toEqual(taken.map(({ key }) => key).sort());
  });

  it('RF-01: whose names are taken stay as they are where the batch is given up', async () => {
    const maildir = await TemporaryMaildir.make();
    const batch = await maildir.side().deliver(INBOX);
    const slots = await batch.prepare(100);
    writeFileSync(maildir.path('tmp', slots[3]!.key!), 'mine');
    for (const [at, one] of many(100).entries()) await batch.stage(slots[at]!, one);
    await batch.abandon();
    expect(everything(maildir)).toEqual([slots[3]!.key]);
    expect(maildir.read('tmp', slots[3]!.key!)).toBe('mine');
  });

  it.each(['before', 'after'] as const)(
    'leave nothing that counts where it dies %s it writes',
    async when => {
      const maildir = await TemporaryMaildir.make();
      const crash = new CrashSeam(1, when, ({ name }) => name === 'write-files');
      await expect(deliverAll(maildir.side({ seam: crash }), INBOX, many(100))).rejects.toThrow(Crash);
      expect([...maildir.names('new'), ...maildir.names('cur')]).toEqual([]);
    },
  );

  it('RF-01: a batch that is given up leaves nothing behind', async () => {
    const maildir = await TemporaryMaildir.make();
    const { batch, slots } = await stageAll(maildir.side(), INBOX, many(100));
    await batch.discard(slots[5]!);
    await batch.abandon();
    expect(everything(maildir)).toEqual([]);
  });

  it('that it did not write are not delivered when it ends, and the next are written without it', async () => {
    const maildir = await TemporaryMaildir.make();
    const side = maildir.side();
    const { batch } = await stageAll(side, INBOX, many(100));
    const { batch: other } = await stageAll(side, INBOX, many(100));
    const ended = threads.at(-1)!.terminate();
    await expect(batch.inspect()).rejects.toMatchObject({ code: 'failed', mailbox: INBOX });
    await ended;
    // To a thread that is gone nothing can be sent.
    await expect(other.inspect()).rejects.toMatchObject({ code: 'failed', mailbox: INBOX });
    await other.abandon();
    await batch.abandon();
    expect(everything(maildir)).toEqual([]);
    const seam = new CountingSeam();
    const outcomes = await deliverAll(maildir.side({ seam }), INBOX, many(100));
    expect(outcomes.map(done)).toHaveLength(100);
    expect([seam.countOf('write'), seam.countOf('write-files')]).toEqual([100, 0]);
  });
});

describe('a delivery that crashes', () => {
  it('between link and unlink has delivered one message, and the sweep unlinks the other name only', async () => {
    const maildir = await TemporaryMaildir.make();
    const count = new CountingSeam();
    await deliverAll(maildir.side({ seam: count }), INBOX, [letter(message({ id: 'first' }))]);
    const linkAt = count.effects.findIndex(({ name }) => name === 'link') + 1;
    const batch = await maildir.side({ seam: new CrashSeam(linkAt, 'after') }).deliver(INBOX);
    const slots = await batch.prepare(1);
    await batch.stage(slots[0]!, letter(message({ id: 'second' })));
    await expect(batch.publish()).rejects.toThrow(Crash);
    const key = slots[0]!.key!;
    expect(statSync(maildir.path('new', key)).nlink).toBe(2);
    writeFileSync(maildir.path('tmp', 'foreign'), 'being written');
    const side = maildir.side();
    const sight = await side.look(INBOX, NO_EPOCH, [key]);
    expect(sight.rows.get(key)?.identity.content).toBe(contentOf(message({ id: 'second' })));
    await side.sweep(INBOX, [key, '../cur' as never, 'unknown' as never]);
    expect(statSync(maildir.path('new', key)).nlink).toBe(1);
    expect(maildir.names('tmp')).toEqual(['foreign']);
    expect((await side.snapshot(INBOX, undefined)).rows.size).toBe(2);
  });
});

describe('RF-23: on a file system without hard links', () => {
  const noLinks = () => new FaultSeam(1, 'EPERM', { ...effectsNamed('link'), sticky: true });

  it('a delivery moves the file over a name it holds', async () => {
    const maildir = await TemporaryMaildir.make();
    const row = done((await deliverOne(maildir, noLinks()))[0]);
    const { rows } = await maildir.side().snapshot(INBOX, undefined);
    expect(rows.get(row.key)).toEqual(row);
    expect(maildir.names('tmp')).toEqual([]);
  });

  it('a name that is taken is not replaced', async () => {
    const maildir = await TemporaryMaildir.make();
    const fault = noLinks();
    const seam = {
      run: fault.run.bind(fault),
      runSync: <T>(effect: Effect, act: () => T): T => {
        if (effect.name === 'link') writeFileSync(effect.target, 'mine');
        return fault.runSync(effect, act);
      },
    };
    const outcomes = await deliverAll(maildir.side({ seam }), INBOX, [letter(message())]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['refused']);
    expect(maildir.read('new', maildir.names('new')[0]!)).toBe('mine');
  });

  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])('(%s) a delivery into cur is whole', async errno => {
    const maildir = await TemporaryMaildir.make();
    const seam = new FaultSeam(1, errno, { ...effectsNamed('link'), sticky: true });
    const letters = ['a', 'b'].map(id => letter(message({ id }), { flags: ['\\Seen'] }));
    const outcomes = await deliverAll(maildir.side({ seam }), INBOX, letters);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done']);
    const { rows, unreadable } = await maildir.side().snapshot(INBOX, undefined);
    expect([rows.size, unreadable.size, maildir.names('tmp')]).toEqual([2, 0, []]);
  });

  it('a crash before the move leaves an empty file that is swept', async () => {
    const maildir = await TemporaryMaildir.make();
    const batch = await maildir.side().deliver(INBOX);
    const [slot] = await batch.prepare(1);
    await batch.stage(slot!, letter(message()));
    writeFileSync(maildir.path('new', slot!.key!), '');
    const side = maildir.side();
    await side.sweep(INBOX, [slot!.key!]);
    expect(everything(maildir)).toEqual([]);
  });
});

describe('RF-23: on a file system without ":" in names', () => {
  const noColons = (name: string) => ({
    only: (effect: Effect) => effect.name === name && effect.target.includes(':2,'),
  });

  it.each(['EINVAL', 'ENOENT', 'EILSEQ'])('(%s) is found out before a repository is made', async errno => {
    const maildir = await TemporaryMaildir.make();
    expect(takesColons(maildir.root, new FaultSeam(1, errno, noColons('open')))).toBe(false);
    expect(takesColons(maildir.root)).toBe(true);
    writeFileSync(maildir.path('.postern-probe:2,S'), '');
    expect(takesColons(maildir.root)).toBe(true);
    expect(readdirSync(maildir.root).sort()).toEqual(['cur', 'new', 'tmp']);
  });

  it('a directory in which nothing may be written is not said to be such', async () => {
    const maildir = await TemporaryMaildir.make();
    for (const errno of ['EROFS', 'EACCES', 'ENOSPC'])
      expect(takesColons(maildir.root, new FaultSeam(1, errno, noColons('open')))).toBe(true);
  });

  it('a message with flags is refused with the reason, one without is delivered, and nothing else is seen', async () => {
    const maildir = await TemporaryMaildir.make();
    const seam = new FaultSeam(1, 'EINVAL', { ...noColons('link'), sticky: true });
    const letters = [letter(message({ id: 'a' }), { flags: ['\\Seen'] }), letter(message({ id: 'b' }))];
    const outcomes = await deliverAll(maildir.side({ seam }), INBOX, letters);
    expect(outcomes).toMatchObject([
      { kind: 'refused', reason: expect.stringContaining('a Maildir needs one that takes ":"') },
      { kind: 'done' },
    ]);
    expect([maildir.names('cur'), maildir.names('tmp')]).toEqual([[], []]);
    expect((await maildir.side().snapshot(INBOX, undefined)).rows.size).toBe(1);
  });

  it('a flag that cannot be set is refused with the reason, and the message stays', async () => {
    const maildir = await TemporaryMaildir.make();
    const row = done((await deliverAll(maildir.side(), INBOX, [letter(message())]))[0]);
    const side = maildir.side({ seam: new FaultSeam(1, 'EINVAL', noColons('rename')) });
    const [outcome] = await side.flag(INBOX, NO_EPOCH, [{ key: row.key, add: ['\\Seen'], remove: [] }]);
    expect(outcome).toMatchObject({ kind: 'refused', reason: expect.stringContaining('":"') });
    expect(maildir.names('new')).toHaveLength(1);
  });
});

describe('sweeping', () => {
  it('touches no message, even one that a mail program linked into tmp', async () => {
    const maildir = await TemporaryMaildir.make();
    maildir.put('cur', '1.a:2,', 'whole');
    linkSync(maildir.path('cur', '1.a:2,'), maildir.path('tmp', '1.a'));
    await maildir.side().sweep(INBOX, ['1.a' as never]);
    expect(existsSync(maildir.path('cur', '1.a:2,'))).toBe(true);
    expect(maildir.names('tmp')).toEqual([]);
  });
});
