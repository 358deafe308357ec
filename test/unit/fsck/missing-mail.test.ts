import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Policy, TWO_WAY } from '@postern/core/merge/policy.js';
import { openSeam } from '@postern/core/model/effect.js';
import { PosternError } from '@postern/core/model/error.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { Attic, AtticEntry } from '@postern/core/side/attic.js';
import { MaildirAttic } from '@postern/core/side/maildir/maildir-attic.js';
import { MaildirLeftovers } from '@postern/core/side/maildir/maildir-leftovers.js';
import { examineRooms } from '@postern/fsck/examine-rooms.js';
import { exitOf } from '@postern/fsck/report.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { DiskRig } from '../../support/disk-rig.js';
import { TestClock } from '../../support/rig.js';
import { pairedMail } from './paired-mail.js';

let rig: DiskRig | undefined;
afterEach(async () => {
  await rig?.remove();
  rig = undefined;
});

function clear(side: 'remote' | 'local', mailbox: string): number {
  const keys = [...rig![side].mailbox(mailbox).messages.keys()];
  for (const key of keys) rig![side].remove(mailbox, key);
  return keys.length;
}

describe('mail that is gone all at once', () => {
  it.each(['remote', 'local'] as const)(
    'is one warning for a mailbox that was emptied on %s, and none for one message',
    async side => {
      rig = await pairedMail();
      const count = clear(side, 'Work');
      const report = await rig.check();
      expect(report.findings.map(({ id, mailbox }) => [id, mailbox])).toEqual([['mailbox-emptied', 'Work']]);
      expect(report.findings[0]!.detail).toContain(`on ${side}`);
      expect(report.findings[0]!.detail).toContain(`: ${count}`);
      expect(exitOf(report)).toBe(0);
    },
  );

  it('is one warning for a mailbox that is not there any more', async () => {
    rig = await pairedMail();
    rig.remote.deleteMailbox('Work');
    expect((await rig.check()).findings.map(({ id, mailbox }) => [id, mailbox])).toEqual([
      ['mailbox-emptied', 'Work'],
    ]);
  });

  it.each(['remote', 'local'] as const)('is one warning for a side that was emptied (%s)', async side => {
    rig = await pairedMail();
    for (const mailbox of ['INBOX', 'Work']) clear(side, mailbox);
    const { findings } = await rig.check();
    expect(findings.map(({ id }) => id)).toEqual(['side-emptied']);
    expect(findings[0]!.detail).toMatch(/: 40$/);
    await expect(rig.sync()).rejects.toMatchObject({ code: 'side-missing' });
  });

  it('is no warning for a message that is the only one gone, or gone on both sides', async () => {
    rig = await pairedMail();
    clear('remote', 'Work');
    clear('local', 'Work');
    const [, pair] = [...(await rig.pairs())].find(([name]) => name.startsWith('INBOX'))!;
    rig.local.remove('INBOX', pair.local.key);
    const ids = (await rig.check()).findings.map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set(['pair-end-missing']));
  });

  it('says nothing of a side with a mailbox that cannot be read', async () => {
    rig = await pairedMail();
    clear('local', 'INBOX');
    rig.local.mailbox('Work').fault = 'permission denied';
    expect((await rig.check()).findings.map(({ id, mailbox }) => [id, mailbox])).toEqual([
      ['mailbox-unreadable', 'Work'],
      ['mailbox-emptied', 'INBOX'],
    ]);
  });
});

describe('a deletion that the configuration withholds', () => {
  it('is told from one that is pending', async () => {
    const policy: Policy = { ...TWO_WAY, remote: { ...TWO_WAY.remote, deletes: false } };
    rig = await pairedMail({ policy });
    const [one, other] = [...(await rig.pairs())].filter(([name]) => name.startsWith('INBOX'));
    rig.local.remove('INBOX', one![1].local.key);
    rig.remote.remove('INBOX', other![1].remote.key);
    const idsOf = async () => (await rig!.check()).findings.map(({ id }) => id).sort();
    expect(await idsOf()).toEqual(['deletion-withheld', 'pair-end-missing']);
    await rig.sync();
    expect(await idsOf()).toEqual(['deletion-withheld']);
  });
});

describe('what lies beside the mail', () => {
  it('is examined: what deliveries left long ago is counted, what is younger is not', async () => {
    const root = await mkdtemp(join(tmpdir(), 'postern-rooms-'));
    try {
      for (const part of ['cur', 'new', 'tmp']) {
        await mkdir(join(root, part));
        await mkdir(join(root, '.Work', part), { recursive: true });
      }
      for (const name of ['tmp/1.M1P1.host', 'tmp/2.M2P2.host', '.Work/tmp/3.M3P3.host'])
        await writeFile(join(root, name), 'half a mess');
      await utimes(join(root, 'tmp/1.M1P1.host'), 0, 0);
      const place = { root, layout: 'maildir++', seam: openSeam } as const;
      const rooms = [
        { side: 'local' as const, attic: new MaildirAttic(place), leftovers: new MaildirLeftovers(place) },
      ];
      const clock = new TestClock();
      clock.pass(Date.now() - clock.now());
      expect(await examineRooms({ rooms, clock })).toEqual([]);
      clock.pass(37 * 3_600_000);
      const findings = await examineRooms({ rooms, clock });
      expect(findings.map(({ id, mailbox, detail }) => [id, mailbox, detail.match(/\d+$/)?.[0]])).toEqual([
        ['tmp-leftover', 'INBOX', '2'],
        ['tmp-leftover', 'Work', '1'],
      ]);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  it('is named where it cannot be read', async () => {
    const entry = { name: 'op/abc-1.M1P1.host', mailbox: INBOX } as AtticEntry;
    const room = (attic: Partial<Attic>) => ({
      rooms: [
        {
          side: 'local' as const,
          attic: attic as Attic,
          leftovers: { list: async function* () {} } as never,
        },
      ],
      clock: new TestClock(),
    });
    const described = (message: unknown) => ({
      list: async function* () {
        yield entry;
      },
      describe: async () => message as never,
    });
    expect(await examineRooms(room(described({ identity: {}, envelope: {} })))).toEqual([]);
    expect(await examineRooms(room(described(undefined)))).toEqual([
      expect.objectContaining({ id: 'attic-unreadable', mailbox: 'INBOX', key: entry.name }),
    ]);
    const list = async function* () {
      yield* [];
      throw new PosternError('failed', 'the attic cannot be used');
    };
    expect(await examineRooms(room({ list }))).toEqual([
      expect.objectContaining({ id: 'attic-unreadable', detail: 'local: the attic cannot be used' }),
    ]);
  });
});
