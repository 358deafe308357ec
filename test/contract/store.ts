import type { Seam } from '@postern/core/model/effect.js';
import type { Flags } from '@postern/core/model/flags.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Pair } from '@postern/core/model/pair.js';
import { type Epoch, type MessageKey, NO_EPOCH, type Row } from '@postern/core/model/row.js';
import { peekRow } from '@postern/core/state/glimpse.js';
import { recordKey, sealKey } from '@postern/core/state/keys.js';
import { type AnyLevel, ENCODING, keysOf } from '@postern/core/state/level.js';
import type { MailboxRecord } from '@postern/core/state/records.js';
import type { Change, Store } from '@postern/core/state/store.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Crash, CrashSeam, FaultSeam } from '../support/seam.js';

/** One database that can be opened again and tampered with while it is closed. */
export interface StoreRig {
  /** The store, new at the first call and as it was left at every later one. */
  open(seam?: Seam): Promise<Store>;
  /** Changes entries behind the store's back. The store is closed. */
  tamper(act: (level: AnyLevel) => Promise<void>): Promise<void>;
  dispose(): Promise<void>;
}

export const rowOf = (key: string, flags: Flags = []): Row => ({
  key: key as MessageKey,
  flags,
  date: 1795323186000,
  identity: { messageId: `<${key}@example.org>`, digest: 'd'.repeat(32), size: 1944 },
  envelope: { subject: `message ${key}` },
});

export const pairOf = (uid: string, file: string): Pair => ({
  remote: { epoch: '7' as Epoch, key: uid as MessageKey },
  local: { epoch: NO_EPOCH, key: file as MessageKey },
  flags: ['\\Seen'],
  identity: { digest: 'd'.repeat(32), size: 1944 },
});

export const mailboxOf = (mailbox: string, generation = 0): MailboxRecord => ({
  mailbox: mailbox as MailboxName,
  generation,
  sides: {},
});

export const putRow = (mailbox: string, row: Row): Change => ({
  put: 'remote',
  mailbox,
  key: row.key,
  value: row,
});

export const rowsOf = (count: number): Row[] =>
  Array.from({ length: count }, (_, index) => rowOf(String(index + 1)));

const durable = { durable: true } as const;
const lazy = { durable: false } as const;

/** What every store must do; run on each database the store can be put on. */
export function describeStore(name: string, make: () => Promise<StoreRig>): void {
  describe(`a store on ${name}`, () => {
    let rig: StoreRig;
    let store: Store;

    beforeEach(async () => {
      rig = await make();
      store = await rig.open();
    });

    afterEach(async () => {
      await store.close();
      await rig.dispose();
    });

    const reopen = async (seam?: Seam) => {
      await store.close();
      store = await rig.open(seam);
    };

    const tamper = async (act: (level: AnyLevel) => Promise<void>) => {
      await store.close();
      await rig.tamper(act);
    };

    it('gives back what was put, before and after it is opened again', async () => {
      const row = rowOf('42', ['$Label', '\\Seen']);
      const pair = pairOf('42', '1795323186.M1P2Q3Rabcd.host');
      await store.write(
        [putRow('INBOX', row), { put: 'pair', mailbox: 'INBOX', key: '7:42', value: pair }],
        durable,
      );
      const check = async () => {
        expect(await store.get('remote', 'INBOX', '42')).toEqual(row);
        expect(await store.get('pair', 'INBOX', '7:42')).toEqual(pair);
        expect(await store.all('remote', 'INBOX')).toEqual(new Map([['42', row]]));
      };
      await check();
      await reopen();
      await check();
    });

    it('has nothing where nothing was put', async () => {
      expect(await store.get('remote', 'INBOX', '42')).toBeUndefined();
      expect(await store.getMany('remote', 'INBOX', ['42', '43'])).toEqual(new Map());
      expect(await store.all('remote', 'INBOX')).toEqual(new Map());
      expect(await store.partitions('remote')).toEqual([]);
      expect(await store.count('remote', 'INBOX')).toBe(0);
    });

    it('keeps kinds and mailboxes apart, also where one name begins another', async () => {
      await store.write(
        [
          putRow('a', rowOf('1')),
          putRow('a/b', rowOf('2')),
          putRow('ab', rowOf('3')),
          putRow('ä 邮', rowOf('4')),
          { put: 'local', mailbox: 'a', key: '1', value: rowOf('1', ['\\Seen']) },
        ],
        lazy,
      );
      expect([...(await store.all('remote', 'a')).keys()]).toEqual(['1']);
      expect([...(await store.all('remote', 'ä 邮')).keys()]).toEqual(['4']);
      expect((await store.all('local', 'a')).get('1')?.flags).toEqual(['\\Seen']);
      expect(await store.partitions('remote')).toEqual(['a', 'a/b', 'ab', 'ä 邮']);
      expect(await store.partitions('local')).toEqual(['a']);
      expect(await store.partitions('pair')).toEqual([]);
    });

    it('replaces a record that is put again, and lets the last change of a batch win', async () => {
      await store.write([putRow('INBOX', rowOf('1')), putRow('INBOX', rowOf('2'))], lazy);
      await store.write(
        [
          putRow('INBOX', rowOf('1', ['\\Seen'])),
          putRow('INBOX', rowOf('1', ['\\Flagged'])),
          putRow('INBOX', rowOf('3')),
          { del: 'remote', mailbox: 'INBOX', key: '3' },
          { del: 'remote', mailbox: 'INBOX', key: '2' },
          putRow('INBOX', rowOf('2', ['\\Draft'])),
        ],
        durable,
      );
      await reopen();
      const rows = await store.all('remote', 'INBOX');
      expect([...rows].map(([key, row]) => [key, ...row.flags])).toEqual([
        ['1', '\\Flagged'],
        ['2', '\\Draft'],
      ]);
    });

    it('forgets what is deleted, and a partition with its last record', async () => {
      await store.write([putRow('INBOX', rowOf('1')), putRow('Sent', rowOf('1'))], lazy);
      await store.write([{ del: 'remote', mailbox: 'INBOX', key: '1' }], lazy);
      await store.write([{ del: 'remote', mailbox: 'INBOX', key: 'never there' }], durable);
      await reopen();
      expect(await store.get('remote', 'INBOX', '1')).toBeUndefined();
      expect(await store.partitions('remote')).toEqual(['Sent']);
    });

    it('clears a partition and no other, and puts after the clear stay', async () => {
      await store.write([...rowsOf(5).map(row => putRow('INBOX', row)), putRow('Sent', rowOf('1'))], lazy);
      await store.write(
        [
          putRow('INBOX', rowOf('8')),
          { clear: 'remote', mailbox: 'INBOX' },
          putRow('INBOX', rowOf('2', ['\\Seen'])),
          putRow('INBOX', rowOf('9')),
          { clear: 'remote', mailbox: 'Sent' },
        ],
        durable,
      );
      await reopen();
      const rows = await store.all('remote', 'INBOX');
      expect([...rows.keys()]).toEqual(['2', '9']);
      expect(rows.get('2')?.flags).toEqual(['\\Seen']);
      expect(await store.partitions('remote')).toEqual(['INBOX']);
    });

    it('does calls in the order they came, without waiting for one before the next', async () => {
      const calls = rowsOf(20).map(row => store.write([putRow('INBOX', row)], lazy));
      const seen = store.all('remote', 'INBOX');
      const later = store.write([{ clear: 'remote', mailbox: 'INBOX' }], lazy);
      await Promise.all([...calls, later]);
      expect((await seen).size).toBe(20);
      expect(await store.all('remote', 'INBOX')).toEqual(new Map());
    });

    it('shows a partition as it was when it was asked for, whatever is written later', async () => {
      await store.write(
        rowsOf(5).map(row => putRow('INBOX', row)),
        lazy,
      );
      const before = await store.all('remote', 'INBOX');
      await store.write(
        [
          { del: 'remote', mailbox: 'INBOX', key: '2' },
          putRow('INBOX', rowOf('3', ['\\Seen'])),
          putRow('INBOX', rowOf('9')),
        ],
        lazy,
      );
      expect(before).toEqual(new Map(rowsOf(5).map(row => [row.key, row])));
      await store.write([{ clear: 'remote', mailbox: 'INBOX' }], lazy);
      expect(before.size).toBe(5);
    });

    it('reads the same of a partition it has read before as of one it has not, through any changes', async () => {
      let seed = 1;
      const below = (limit: number) => {
        seed = (seed * 48271) % 0x7fffffff;
        return seed % limit;
      };
      const model = new Map<string, Row>();
      for (let step = 0; step < 60; step++) {
        const changes: Change[] = [];
        for (let left = below(step % 7 === 0 ? 40 : 4); left >= 0; left--) {
          const key = String(1 + below(50));
          if (below(3) === 0) {
            changes.push({ del: 'remote', mailbox: 'INBOX', key });
            model.delete(key);
          } else {
            const row = rowOf(key, below(2) === 0 ? ['\\Seen'] : []);
            changes.push(putRow('INBOX', row));
            model.set(key, row);
          }
        }
        if (below(20) === 0) {
          changes.push({ clear: 'remote', mailbox: 'INBOX' });
          model.clear();
        }
        await store.write(changes, lazy);
        if (step % 10 === 9) await reopen();
        const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
        expect([...(await store.all('remote', 'INBOX'))]).toEqual(sorted);
        expect(await store.count('remote', 'INBOX')).toBe(model.size);
        const key = String(1 + below(50));
        expect(await store.get('remote', 'INBOX', key)).toEqual(model.get(key));
        const some = [key, '51', String(1 + below(50))];
        const there = new Set(some.filter(one => model.has(one)));
        expect([...(await store.getMany('remote', 'INBOX', some))]).toEqual(
          [...there].map(one => [one, model.get(one)]),
        );
        const thereAnyway = [...(await store.some('remote', 'INBOX', some))];
        expect(thereAnyway).toEqual([...there].map(one => [one, model.get(one)]));
        expect(await store.keys('remote', 'INBOX')).toEqual(sorted.map(([name]) => name));
        const seen = [...(await store.glimpses('remote', 'INBOX', peekRow))];
        expect(seen.map(([name, { flags }]) => [name, flags])).toEqual(
          sorted.map(([name, { flags }]) => [name, flags]),
        );
        const streamed: [string, Row][] = [];
        for await (const entry of store.each('remote', 'INBOX')) streamed.push([...entry]);
        expect(streamed).toEqual(sorted);
      }
    });

    it('replaces records that were read one by one, and those that were not, under the same seal', async () => {
      const model = new Map<string, Row>();
      const put = (row: Row) => {
        model.set(row.key, row);
        return putRow('INBOX', row);
      };
      await store.write(rowsOf(40).map(put), lazy);
      await reopen();
      for (let step = 0; step < 30; step++) {
        const of = (offset: number) => String(1 + ((step * 7 + offset) % 50));
        await store.getMany('remote', 'INBOX', [of(0), of(1), of(2)]);
        await store.get('remote', 'INBOX', of(3));
        const flags = step % 2 === 0 ? ['\\Seen'] : [];
        const gone = [of(1), of(5)];
        const changes: Change[] = [put(rowOf(of(0), flags)), put(rowOf(of(4), flags))];
        for (const key of gone) {
          changes.push({ del: 'remote', mailbox: 'INBOX', key });
          model.delete(key);
        }
        await store.write(changes, lazy);
        await store.write(
          gone.map(key => put(rowOf(key))),
          lazy,
        );
        await store.write([put(rowOf(of(0)))], lazy);
        if (step % 10 === 9) await reopen();
      }
      await reopen();
      expect(new Map(await store.all('remote', 'INBOX'))).toEqual(model);
      await store.write([putRow('INBOX', rowOf('4'))], lazy);
      await store.getMany('remote', 'INBOX', ['3', '4']);
      await store.write([{ clear: 'remote', mailbox: 'INBOX' }, putRow('INBOX', rowOf('3'))], lazy);
      await store.write([putRow('INBOX', rowOf('3', ['\\Seen'])), putRow('INBOX', rowOf('4'))], lazy);
      await reopen();
      expect([...(await store.all('remote', 'INBOX')).keys()]).toEqual(['3', '4']);
    });

    it('keeps a message called __proto__ apart from the machinery', async () => {
      const unreadable = Object.fromEntries([['__proto__', 'no rights']]);
      const cursor = { epoch: NO_EPOCH, count: 1 };
      const record: MailboxRecord = {
        ...mailboxOf('INBOX'),
        sides: { local: { cursor, permanentFlags: ['\\*'], unreadable } },
      };
      await store.write(
        [{ put: 'mailbox', mailbox: '', key: 'INBOX', value: record }, putRow('INBOX', rowOf('__proto__'))],
        lazy,
      );
      const read = await store.get('mailbox', '', 'INBOX');
      expect(Object.entries(read?.sides.local?.unreadable ?? {})).toEqual([['__proto__', 'no rights']]);
      expect((await store.get('remote', 'INBOX', '__proto__'))?.key).toBe('__proto__');
    });

    it('writes all of a batch or nothing, whether it is killed before or after', async () => {
      await store.write([putRow('INBOX', rowOf('1')), putRow('Sent', rowOf('1'))], durable);
      for (const [when, expected] of [
        ['before', ['1']],
        ['after', ['2', '3']],
      ] as const) {
        await reopen(new CrashSeam(1, when));
        const batch = store.write(
          [
            putRow('INBOX', rowOf('2')),
            putRow('INBOX', rowOf('3')),
            { del: 'remote', mailbox: 'INBOX', key: '1' },
            { clear: 'remote', mailbox: 'Sent' },
          ],
          durable,
        );
        await expect(batch).rejects.toThrow(Crash);
        await reopen();
        expect([...(await store.all('remote', 'INBOX')).keys()]).toEqual(expected);
        expect((await store.partitions('remote')).includes('Sent')).toBe(when === 'before');
      }
    });

    it('writes nothing more after a failed write, reads on, and writes again once opened anew', async () => {
      await reopen(new FaultSeam(2, 'ENOSPC'));
      await store.write([putRow('INBOX', rowOf('1'))], durable);
      const write = () => store.write([putRow('INBOX', rowOf('2'))], durable);
      await expect(write()).rejects.toMatchObject({ code: 'disk-full' });
      await expect(write()).rejects.toMatchObject({ code: 'disk-full', message: /nothing more is written/ });
      expect([...(await store.all('remote', 'INBOX')).keys()]).toEqual(['1']);
      await reopen();
      await write();
      expect([...(await store.all('remote', 'INBOX')).keys()]).toEqual(['1', '2']);
    });

    it('does not take a write that happened, and failed all the same, for damage', async () => {
      await store.write([putRow('INBOX', rowOf('1'))], durable);
      await reopen(new FaultSeam(1, 'ENOSPC', { when: 'after' }));
      await expect(store.write([putRow('INBOX', rowOf('2'))], durable)).rejects.toMatchObject({
        code: 'disk-full',
      });
      await expect(store.all('remote', 'INBOX')).rejects.toMatchObject({ code: 'disk-full' });
      await reopen();
      expect([...(await store.all('remote', 'INBOX')).keys()]).toEqual(['1', '2']);
    });

    it('refuses to store what it could not read back, and stays usable', async () => {
      const row = { ...rowOf('1'), date: Number.NaN };
      await expect(store.write([putRow('INBOX', row)], lazy)).rejects.toThrow('remote record "1"');
      await expect(store.get('remote', 'IN\0BOX', '1')).rejects.toThrow('state key');
      await store.write([putRow('INBOX', rowOf('1'))], lazy);
      expect((await store.all('remote', 'INBOX')).size).toBe(1);
    });

    describe('with three mailboxes', () => {
      beforeEach(async () => {
        for (const mailbox of ['INBOX', 'Lists', 'Sent']) {
          await store.write(
            rowsOf(30).map(row => putRow(mailbox, row)),
            durable,
          );
        }
      });

      const damage = (message: RegExp | string) => ({
        code: 'state-damaged',
        message: expect.stringMatching(message),
      });

      it('notices a record that went missing, in any way of reading, and leaves the others readable', async () => {
        await tamper(level => level.del(recordKey('remote', 'Lists', '17')));
        store = await rig.open();
        await expect(store.all('remote', 'Lists')).rejects.toMatchObject(damage(/^.*29 of .*"Lists".*30/));
        await expect(store.get('remote', 'Lists', '17')).rejects.toMatchObject(damage('Lists'));
        await expect(store.getMany('remote', 'Lists', ['18', '17'])).rejects.toMatchObject(damage('Lists'));
        await expect(store.keys('remote', 'Lists')).rejects.toMatchObject(damage(/^.*29 of .*"Lists".*30/));
        await expect(store.glimpses('remote', 'Lists', peekRow)).rejects.toMatchObject(damage('Lists'));
        expect((await store.some('remote', 'Lists', ['18', '17'])).size).toBe(1);
        expect((await store.get('remote', 'Lists', '18'))?.key).toBe('18');
        expect((await store.all('remote', 'INBOX')).size).toBe(30);
      });

      it('notices a missing record also after others were written over the gap', async () => {
        await tamper(level => level.del(recordKey('remote', 'Lists', '17')));
        store = await rig.open();
        await store.write([putRow('Lists', rowOf('31'))], durable);
        await store.write([{ del: 'remote', mailbox: 'Lists', key: '17' }], durable);
        await expect(store.all('remote', 'Lists')).rejects.toMatchObject(damage('Lists'));
      });

      it('notices a record that came back from the dead', async () => {
        await store.write([{ del: 'remote', mailbox: 'Lists', key: '5' }], durable);
        await store.write([{ clear: 'remote', mailbox: 'Sent' }], durable);
        const old = await bytesOf(rig, store, recordKey('remote', 'INBOX', '5'));
        await rig.tamper(async level => {
          await level.put(recordKey('remote', 'Lists', '5'), old, ENCODING);
          await level.put(recordKey('remote', 'Sent', '5'), old, ENCODING);
        });
        store = await rig.open();
        await expect(store.all('remote', 'Lists')).rejects.toMatchObject(damage('Lists'));
        await expect(store.all('remote', 'Sent')).rejects.toMatchObject(damage('Sent'));
        await expect(store.write([putRow('Sent', rowOf('1'))], durable)).rejects.toMatchObject(
          damage('Sent'),
        );
      });

      it('notices an older version of a record', async () => {
        const old = await bytesOf(rig, store, recordKey('remote', 'Lists', '5'));
        store = await rig.open();
        await store.write([putRow('Lists', rowOf('5', ['\\Seen']))], durable);
        await tamper(level => level.put(recordKey('remote', 'Lists', '5'), old, ENCODING));
        store = await rig.open();
        await expect(store.all('remote', 'Lists')).rejects.toMatchObject(damage('not the ones'));
      });

      it('notices every flipped bit of a record', async () => {
        const key = recordKey('remote', 'Lists', '5');
        const sound = await bytesOf(rig, store, key);
        for (let at = 0; at < sound.length; at++) {
          const bytes = Buffer.from(sound);
          bytes[at]! ^= 1 << (at % 8);
          await rig.tamper(level => level.put(key, bytes, ENCODING));
          store = await rig.open();
          await expect(store.get('remote', 'Lists', '5')).rejects.toMatchObject(damage('checksum'));
          await expect(store.all('remote', 'Lists')).rejects.toMatchObject(damage('checksum'));
          await expect(store.some('remote', 'Lists', ['5'])).rejects.toMatchObject(damage('checksum'));
          await expect(store.glimpses('remote', 'Lists', peekRow)).rejects.toMatchObject(damage('checksum'));
          await store.close();
        }
        expect(sound.length).toBeGreaterThan(50);
      });

      it('notices two records whose contents changed places', async () => {
        await tamper(async level => {
          const [a, b] = ['5', '6'].map(key => recordKey('remote', 'Lists', key)) as [string, string];
          const values = await level.getMany<string, Buffer>([a, b], ENCODING);
          await level.put(a, values[1]!, ENCODING);
          await level.put(b, values[0]!, ENCODING);
        });
        store = await rig.open();
        await expect(store.get('remote', 'Lists', '5')).rejects.toMatchObject(damage('checksum'));
      });

      it.each([
        ['missing', (level: AnyLevel) => level.del(sealKey('remote', 'Lists'))],
        ['emptied', (level: AnyLevel) => level.put(sealKey('remote', 'Lists'), '')],
        ['missing together with its records', dropLists],
        ['for a partition nobody made', (level: AnyLevel) => copySeal(level, 'Drafts')],
        ['missing for the whole database', (level: AnyLevel) => level.del('root')],
      ] as const)('does not open with a seal %s', async (_what, act) => {
        await tamper(act);
        await expect(rig.open()).rejects.toMatchObject({ code: 'state-damaged', hint: /postern fsck/ });
        await rig.tamper(level => level.clear());
        await expect(rig.open()).rejects.toMatchObject({ code: 'state-damaged' });
      });

      it('notices when a partition and its seal are both as they were before', async () => {
        const key = recordKey('remote', 'Lists', '5');
        const seal = sealKey('remote', 'Lists');
        const [oldRow, oldSeal] = [await bytesOf(rig, store, key), await bytesOf(rig, undefined, seal)];
        store = await rig.open();
        await store.write([putRow('Lists', rowOf('5', ['\\Seen']))], durable);
        await tamper(async level => {
          await level.put(key, oldRow, ENCODING);
          await level.put(seal, oldSeal, ENCODING);
        });
        await expect(rig.open()).rejects.toMatchObject({ code: 'state-damaged' });
      });

      it('lets a damaged partition be cleared, and it is sound again', async () => {
        await tamper(async level => {
          for (const key of await keysOf(level, {})) if (key.includes('Lists\0')) await level.del(key);
        });
        store = await rig.open();
        await expect(store.all('remote', 'Lists')).rejects.toMatchObject(damage('^.*0 of'));
        await store.write([{ clear: 'remote', mailbox: 'Lists' }], durable);
        await reopen();
        expect(await store.all('remote', 'Lists')).toEqual(new Map());
        expect(await store.partitions('remote')).toEqual(['INBOX', 'Sent']);
      });
    });
  });
}

async function bytesOf(rig: StoreRig, store: Store | undefined, key: string): Promise<Buffer> {
  await store?.close();
  let bytes: Buffer | undefined;
  await rig.tamper(async level => {
    bytes = await level.get<string, Buffer>(key, ENCODING);
  });
  expect(bytes).toBeDefined();
  return bytes!;
}

async function dropLists(level: AnyLevel): Promise<void> {
  for (const key of await keysOf(level, {})) if (key.includes('Lists')) await level.del(key);
}

async function copySeal(level: AnyLevel, mailbox: string): Promise<void> {
  const seal = await level.get<string, Buffer>(sealKey('remote', 'Lists'), ENCODING);
  await level.put(sealKey('remote', mailbox), seal!, ENCODING);
}
