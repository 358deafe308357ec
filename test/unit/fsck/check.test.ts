import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pair } from '@postern/core/model/pair.js';
import { pairKey } from '@postern/core/model/pair.js';
import type { Row } from '@postern/core/model/row.js';
import { newDatabaseId } from '@postern/core/state/database-id.js';
import { statePaths } from '@postern/core/state/disk-store.js';
import { sealKey } from '@postern/core/state/keys.js';
import { ENCODING } from '@postern/core/state/level.js';
import type { FindingId } from '@postern/fsck/findings.js';
import { exitOf, type FsckReport } from '@postern/fsck/report.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskRig } from '../../support/disk-rig.js';
import { message } from '../../support/messages.js';
import { CountingSeam } from '../../support/seam.js';
import { damageFile, flipBit, frameOfVersion, intoTables, levelFiles } from './damage.js';
import { expectRepaired, mailOf, pairedMail } from './paired-mail.js';

let rig: DiskRig;
beforeEach(async () => {
  rig = await pairedMail();
});
afterEach(() => rig.remove());

const idsOf = ({ findings }: FsckReport) => findings.map(({ id }) => id);

async function keysOf(kind: string): Promise<string[]> {
  return rig.tamper(level => level.keys<string>({ gte: `${kind}\0`, lt: `${kind}\u0001` }).all());
}

async function change(key: string, by: (bytes: Buffer) => Buffer): Promise<void> {
  await rig.tamper(async level => {
    const bytes = (await level.get<string, Buffer>(key, ENCODING))!;
    await level.put(key, by(bytes), ENCODING);
  });
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[20] = copy[20]! ^ 4;
  return copy;
}

async function pairsOf(mailbox: string): Promise<Pair[]> {
  return [...(await rig.pairs())].filter(([name]) => name.startsWith(mailbox)).map(([, pair]) => pair);
}

async function plainPairs(): Promise<[Pair, Pair]> {
  const plain = (await pairsOf('INBOX')).filter(({ local }) =>
    /^Message/.test(rig.local.message('INBOX', local.key).envelope.subject ?? ''),
  );
  return [plain[3]!, plain[4]!];
}

async function putPairs(pairs: readonly Pair[]): Promise<void> {
  await rig.run(({ store }) =>
    store.write(
      pairs.map(pair => ({ put: 'pair', mailbox: 'INBOX', key: pairKey(pair), value: pair }) as const),
      { durable: true },
    ),
  );
}

/** Each damage, and what is found on account of it. */
const DAMAGES: readonly (readonly [string, readonly FindingId[], () => Promise<void>])[] = [
  ['the state directory is gone', ['state-missing'], () => rm(rig.stateDirectory, { recursive: true })],
  ['db.id is gone', ['state-id'], () => rm(statePaths(rig.stateDirectory).id)],
  ['db.id is cut short', ['state-id'], () => truncate(statePaths(rig.stateDirectory).id, 9)],
  [
    'db.id claims another version than the records have',
    ['state-id'],
    () => writeFile(statePaths(rig.stateDirectory).id, '{"format":3}'),
  ],
  [
    'db.id names another database',
    ['database-mismatch'],
    () => writeFile(statePaths(rig.stateDirectory).id, JSON.stringify({ format: 1, id: newDatabaseId() })),
  ],
  [
    'the database is gone',
    ['state-unopenable'],
    () => rm(statePaths(rig.stateDirectory).level, { recursive: true }),
  ],
  ['CURRENT is gone', ['state-unopenable'], () => damageFile(rig, 'level/CURRENT', 'missing')],
  ['CURRENT is empty', ['state-unopenable'], () => damageFile(rig, 'level/CURRENT', 'emptied')],
  [
    'the MANIFEST is gone',
    ['state-unopenable'],
    async () => damageFile(rig, (await fileNamed(/MANIFEST/))!, 'missing'),
  ],
  [
    'a table is gone',
    ['state-unopenable'],
    async () => {
      await intoTables(rig);
      await damageFile(rig, (await fileNamed(/\.ldb$/))!, 'missing');
    },
  ],
  [
    'DB-05 the log of the last sync is empty',
    ['witness-mismatch', 'witness-mismatch'],
    async () => damageFile(rig, (await fileNamed(/\.log$/))!, 'emptied'),
  ],
  ['a pair is damaged', ['record-checksum'], async () => change((await keysOf('pair'))[5]!, flipped)],
  [
    'a row is cut short',
    ['record-checksum'],
    async () => change((await keysOf('local'))[5]!, bytes => bytes.subarray(0, 6)),
  ],
  [
    'the record of the repository is damaged',
    ['record-checksum'],
    async () => change((await keysOf('meta'))[0]!, flipped),
  ],
  [
    'a record is of another version',
    ['record-version'],
    async () => {
      const key = (await keysOf('pair'))[0]!;
      await change(key, bytes => frameOfVersion(2, key, bytes));
    },
  ],
  [
    'a record stands under the key of another one',
    ['record-checksum'],
    async () => {
      const [one, other] = await keysOf('pair');
      let bytes: Buffer = Buffer.alloc(0);
      await change(one!, was => {
        bytes = was;
        return was;
      });
      await change(other!, () => bytes);
    },
  ],
  [
    'a pair is stored under a key its content does not ask for',
    ['record-misplaced'],
    async () => {
      const [pair] = await plainPairs();
      await rig.run(({ store }) =>
        store.write(
          [
            { del: 'pair', mailbox: 'INBOX', key: pairKey(pair) },
            { put: 'pair', mailbox: 'INBOX', key: `${pair.remote.epoch}:4711`, value: pair },
          ],
          { durable: true },
        ),
      );
    },
  ],
  [
    'an entry is nothing of ours',
    ['entry-unusable'],
    () => rig.tamper(level => level.put('who\0knows', Buffer.from('what'), ENCODING)),
  ],
  ['the seal of all seals is damaged', ['entry-unusable'], () => change('root', flipped)],
  ['the seal of all seals is gone', ['seal-root'], () => rig.tamper(level => level.del('root'))],
  ['a seal is damaged', ['seal-checksum'], () => change(sealKey('pair', 'Work'), flipped)],
  ['a seal is gone', ['seal-missing'], () => rig.tamper(level => level.del(sealKey('pair', 'Work')))],
  [
    'a set of records is gone together with its seal',
    ['seal-root'],
    async () => {
      const keys = (await keysOf('log')).concat(sealKey('log', ''));
      await rig.tamper(level => level.batch(keys.map(key => ({ type: 'del', key }))));
    },
  ],
  [
    'a pair is gone',
    ['seal-mismatch'],
    async () => rig.tamper(async level => level.del((await level.keys<string>({ gte: 'pair\0' }).all())[0]!)),
  ],
  [
    'the state belongs to another repository',
    ['owner-mismatch'],
    () =>
      rig.run(async ({ store }) => {
        const meta = (await store.get('meta', '', 'repository'))!;
        const value = { ...meta, repository: 'another' };
        await store.write([{ put: 'meta', mailbox: '', key: 'repository', value }], { durable: true });
      }),
  ],
  [
    'the state does not say whose it is',
    ['owner-missing'],
    () =>
      rig.run(({ store }) =>
        store.write([{ del: 'meta', mailbox: '', key: 'repository' }], { durable: true }),
      ),
  ],
  [
    'DB-19 one file is in two pairs',
    ['pair-duplicate-end'],
    async () => {
      const [one, other] = await plainPairs();
      await putPairs([{ ...other, local: one.local }]);
    },
  ],
  [
    'DB-20 two pairs are crossed',
    ['pair-crossed', 'pair-crossed'],
    async () => {
      const [one, other] = await plainPairs();
      await putPairs([
        { ...one, local: other.local, identity: other.identity },
        { ...other, local: one.local, identity: one.identity },
      ]);
    },
  ],
  [
    'a row tells of another message than the server has',
    ['row-mismatch'],
    async () => {
      const [one, other] = await plainPairs();
      await rig.run(async ({ store }) => {
        const row = (await store.get('remote', 'INBOX', other.remote.key))!;
        const value: Row = { ...row, key: one.remote.key };
        await store.write([{ put: 'remote', mailbox: 'INBOX', key: value.key, value }], { durable: true });
      });
    },
  ],
  [
    'a mailbox has lost its witness',
    ['witness-missing'],
    async () => {
      rig.local.mailbox('Work').witness = undefined;
    },
  ],
  [
    'the mail of a mailbox was restored from an older copy',
    ['witness-mismatch'],
    async () => {
      const mailbox = rig.local.mailbox('Work');
      mailbox.witness = { ...mailbox.witness!, generation: 0 };
    },
  ],
];

async function fileNamed(pattern: RegExp): Promise<string | undefined> {
  return (await levelFiles(rig)).findLast(file => pattern.test(file));
}

describe('a check', () => {
  it('finds nothing in a repository that is in order', async () => {
    const report = await rig.check();
    expect(report).toEqual({ findings: [], blocked: [] });
    expect(exitOf(report)).toBe(0);
    expect(await rig.check({ offline: true })).toEqual(report);
  });

  it.each(DAMAGES)(
    'finds exactly what is wrong when %s, and a repair mends it',
    async (_what, ids, damage) => {
      const mail = mailOf(rig);
      await damage();
      const report = await rig.check();
      expect(idsOf(report)).toEqual(ids);
      const error = report.findings.some(({ severity }) => severity === 'error');
      expect(exitOf(report)).toBe(error ? 4 : 0);
      if (ids.includes('record-version')) return;
      expect((await rig.repair()).repaired).toMatchObject({ pairs: 40 });
      expect(idsOf(await rig.check())).toEqual([]);
      await expectRepaired(rig, mail);
    },
  );

  it('DB-11 I18 writes no octet on either side or in the state, whatever is wrong', async () => {
    for (const [what, , damage] of DAMAGES) {
      const intact = rig;
      rig = await intact.clone();
      try {
        await damage();
        const before = await everything();
        const mail = [rig.remote.clone(), rig.local.clone()];
        const seam = new CountingSeam();
        await rig.check({}, seam);
        await rig.check({ offline: true }, seam);
        expect(await everything(), what).toEqual(before);
        expect([rig.remote, rig.local], what).toEqual(mail);
        expect(new Set(seam.effects.map(({ surface }) => surface)), what).toEqual(
          new Set(seam.count ? ['fs'] : []),
        );
        for (const { target } of seam.effects) expect(target.startsWith(tmpdir()), what).toBe(true);
        for (const { target } of seam.effects) expect(target.startsWith(rig.home), what).toBe(false);
      } finally {
        await rig.remove();
        rig = intact;
      }
    }
  });

  it('DB-12 reports a repaired repository as clean', async () => {
    await damageFile(rig, (await fileNamed(/MANIFEST/))!, 'halved');
    expect(idsOf(await rig.check())).toEqual(['state-unopenable']);
    await rig.repair();
    expect(await rig.check()).toEqual({ findings: [], blocked: [] });
  });

  it('DB-13 knows an older state by the witnesses, and a repair matches it anew', async () => {
    const older = await rig.clone();
    rig.remote.add('INBOX', message({ subject: 'Later' }));
    await rig.sync();
    const mail = mailOf(rig);
    await rm(rig.stateDirectory, { recursive: true });
    await cp(older.stateDirectory, rig.stateDirectory, { recursive: true });
    await older.remove();
    const report = await rig.check();
    expect(report.findings).toEqual([
      expect.objectContaining({ id: 'witness-mismatch', mailbox: 'INBOX', severity: 'warning' }),
    ]);
    expect((await rig.repair()).repaired).toMatchObject({ pairs: 41 });
    expect((await rig.plan()).actions).toEqual([]);
    expect(mailOf(rig)).toEqual(mail);
  });

  it('knows a state that has not heard of a sync that the mail went through', async () => {
    await rig.run(async ({ store }) => {
      for (const [key, record] of await store.all('mailbox', '')) {
        const value = { ...record, generation: 0 };
        await store.write(
          [
            { put: 'mailbox', mailbox: '', key, value },
            { clear: 'pair', mailbox: key },
          ],
          { durable: true },
        );
      }
    });
    expect(idsOf(await rig.check())).toEqual(['witness-mismatch', 'witness-mismatch']);
    await rig.repair();
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('tells what is pending without calling it damage', async () => {
    const [one, other] = await plainPairs();
    rig.local.remove('INBOX', one.local.key);
    rig.local.edit('INBOX', other.local.key, message({ subject: 'Edited in place' }));
    const report = await rig.check();
    expect(report.findings.map(({ id, key }) => [id, key]).sort()).toEqual([
      ['pair-edited', pairKey(other)],
      ['pair-end-missing', pairKey(one)],
    ]);
    expect(exitOf(report)).toBe(0);
    expect((await rig.repair()).repaired).toBeUndefined();
  });

  it('DB-20 dissolves a crossed pair before anything is deleted through it', async () => {
    const [one, other] = await plainPairs();
    await putPairs([
      { ...one, local: other.local, identity: other.identity },
      { ...other, local: one.local, identity: one.identity },
    ]);
    await rig.repair();
    rig.local.remove('INBOX', one.local.key);
    const { actions } = await rig.plan();
    expect(actions.map(({ op, remote }) => [op, remote?.key])).toEqual([['delete-remote', one.remote.key]]);
  });

  it('DB-19 keeps the pair whose ends have the same content', async () => {
    const before = await rig.pairs();
    const [one, other] = await plainPairs();
    await putPairs([{ ...other, local: one.local }]);
    await rig.repair();
    const after = await rig.pairs();
    for (const { remote, local } of [one, other]) {
      expect(before.get(`INBOX ${remote.key}`)?.local.key).toBe(local.key);
      expect(after.get(`INBOX ${remote.key}`)?.local.key).toBe(local.key);
    }
  });

  it('names messages and mailboxes that cannot be read, with exit 3 for the messages', async () => {
    const [one] = await plainPairs();
    rig.local.mailbox('INBOX').unreadable.set(one.local.key, 'permission denied');
    rig.remote.mailbox('Work').fault = 'the server says no';
    const report = await rig.check();
    expect(report.findings.map(({ id, mailbox, key }) => [id, mailbox, key])).toEqual([
      ['message-unreadable', 'INBOX', one.local.key],
      ['mailbox-unreadable', 'Work', undefined],
    ]);
    expect(report.blocked).toHaveLength(1);
    expect(exitOf(report)).toBe(3);
  });

  it('asks nothing of the remote when it is offline', async () => {
    rig.remote.missing = true;
    expect(await rig.check({ offline: true })).toEqual({ findings: [], blocked: [] });
    await expect(rig.check()).rejects.toMatchObject({ code: 'side-missing' });
  });

  it('says that UIDVALIDITY changed, and calls it no damage', async () => {
    rig.remote.setUidValidity('Work');
    const report = await rig.check();
    expect(report.findings).toEqual([
      expect.objectContaining({ id: 'side-restored', mailbox: 'Work', severity: 'info' }),
    ]);
    expect(exitOf(report)).toBe(0);
  });

  it('reports a damaged bit of a table without taking sound records for damaged', async () => {
    await intoTables(rig);
    const table = (await fileNamed(/\.ldb$/))!;
    const { length } = await readFile(join(rig.stateDirectory, table));
    await flipBit(rig, table, { at: length >> 1, bit: 3 });
    const report = await rig.check();
    expect(exitOf(report)).toBe(4);
    expect((await rig.repair()).repaired?.salvaged).toBeGreaterThan(0);
  });
});

/** Every file below the home with its bytes, its inode and when it was written. */
async function everything(): Promise<unknown> {
  const names = (await readdir(rig.home, { recursive: true })).sort();
  return Promise.all(
    names.map(async name => {
      const path = join(rig.home, name);
      const { ino, mtimeMs, ctimeMs, size } = await stat(path);
      // Closing a descriptor of LOCK would let go of it (SAFETY §3.9).
      const bytes =
        name.endsWith('LOCK') || !(await stat(path)).isFile() ? '' : await readFile(path, 'latin1');
      return [name, ino, mtimeMs, ctimeMs, size, bytes];
    }),
  );
}
