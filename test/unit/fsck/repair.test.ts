import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makePlan } from '@postern/core/api/plan.js';
import type { Pair } from '@postern/core/model/pair.js';
import { statePaths } from '@postern/core/state/disk-store.js';
import { ENCODING } from '@postern/core/state/level.js';
import { exitOf } from '@postern/fsck/report.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskRig } from '../../support/disk-rig.js';
import { message } from '../../support/messages.js';
import { damageFile, type FileDamage, frameOfVersion, intoTables, levelFiles } from './damage.js';
import { expectRepaired, mailOf, pairedMail } from './paired-mail.js';

let rig: DiskRig;
beforeEach(async () => {
  rig = await pairedMail();
});
afterEach(() => rig.remove());

async function pairsIn(mailbox: string): Promise<Pair[]> {
  return [...(await rig.pairs())].filter(([name]) => name.startsWith(mailbox)).map(([, pair]) => pair);
}

const subjectOf = (key: string) => rig.local.message('INBOX', key).envelope.subject ?? '';

const idsOf = ({ findings }: { readonly findings: readonly { readonly id: string }[] }) =>
  findings.map(({ id }) => id);

describe('a repair (P7)', () => {
  it('leaves a sound state as it is', async () => {
    const before = await readdir(rig.home);
    const reading = rig.traffic();
    expect(await rig.repair()).toEqual({ findings: [], blocked: [] });
    expect(await readdir(rig.home)).toEqual(before);
    expect(rig.traffic()).toEqual(reading);
  });

  it('DB-07 rebuilds the base after the whole state was deleted, and moves no message', async () => {
    const mail = mailOf(rig);
    const read = rig.traffic();
    await rm(rig.stateDirectory, { recursive: true });
    const report = await rig.repair();
    expect(report).toEqual({
      findings: [
        expect.objectContaining({ id: 'state-missing', severity: 'error' }),
        expect.objectContaining({ id: 'pending-unknown', mailbox: 'INBOX' }),
        expect.objectContaining({ id: 'pending-unknown', mailbox: 'Work' }),
      ],
      repaired: { pairs: 40, salvaged: 0, bodiesRead: 6 },
      blocked: [],
    });
    expect(exitOf(report)).toBe(0);
    expect(rig.traffic().remote.read - read.remote.read).toBe(6);
    expect(rig.traffic().local.read).toBe(read.local.read);
    await expectRepaired(rig, mail);
  });

  it('keeps the damaged state aside, under a new name each time, and never deletes it', async () => {
    for (const name of ['state.damaged-20261122T050000Z', 'state.damaged-20261122T050000Z-2']) {
      await writeFile(statePaths(rig.stateDirectory).id, 'rubbish');
      const { repaired } = await rig.repair();
      expect(repaired?.aside).toBe(join(rig.home, name));
    }
    expect((await readdir(rig.home)).sort()).toEqual([
      'state',
      'state.damaged-20261122T050000Z',
      'state.damaged-20261122T050000Z-2',
    ]);
  });

  it('takes over pairs and contents from sound records, and reads no message again', async () => {
    const mail = mailOf(rig);
    const before = await rig.pairs();
    const read = rig.traffic();
    await writeFile(statePaths(rig.stateDirectory).id, '');
    expect((await rig.repair()).repaired).toMatchObject({ pairs: 40, salvaged: 40, bodiesRead: 0 });
    expect(rig.traffic()).toEqual(read);
    expect(await rig.pairs()).toEqual(before);
    await expectRepaired(rig, mail);
  });

  it('takes over contents of messages whose pairs are lost', async () => {
    const mail = mailOf(rig);
    await rig.tamper(async level => {
      const gone = (await level.keys<string>({ gte: 'pair\0', lt: 'pair\u0001' }).all()).map(
        key => ({ type: 'del', key }) as const,
      );
      await level.batch(gone);
    });
    const read = rig.traffic();
    expect((await rig.repair()).repaired).toMatchObject({ pairs: 40, salvaged: 0, bodiesRead: 0 });
    expect(rig.traffic()).toEqual(read);
    await expectRepaired(rig, mail);
  });

  it('keeps the log of operations and the day the repository was made', async () => {
    const facts = () =>
      rig.run(async ({ store }) => [
        await store.all('log', ''),
        (await store.get('meta', '', 'repository'))?.created,
      ]);
    const before = await facts();
    rig.clock.pass(86_400_000);
    await writeFile(statePaths(rig.stateDirectory).id, '');
    await rig.repair();
    expect(await facts()).toEqual(before);
  });

  it('DB-08 names what comes back when deletions were pending, and forgets none of the new mail', async () => {
    const pairs = [...(await rig.pairs())]
      .filter(([name]) => name.startsWith('INBOX'))
      .map(([, pair]) => pair);
    const plain = pairs.filter(({ local }) => /^Message/.test(subjectOf(local.key)));
    for (const { local } of plain.slice(0, 5)) rig.local.remove('INBOX', local.key);
    for (let at = 0; at < 10; at++) rig.local.add('INBOX', message({ subject: `Unsynced ${at}` }));
    await rm(rig.stateDirectory, { recursive: true });
    const report = await rig.repair();
    const oneSided = report.findings.filter(({ id }) => id === 'message-one-sided');
    expect(oneSided.filter(({ detail }) => detail.startsWith('remote message'))).toHaveLength(5);
    expect(oneSided.filter(({ detail }) => /^local message .*Unsynced/.test(detail))).toHaveLength(10);
    expect(exitOf(report)).toBe(0);
    const { apply } = await rig.sync();
    expect(apply.counts).toMatchObject({ done: 15, skipped: 0, failed: 0, held: 0 });
    expect(rig.remote.allContents()).toEqual(rig.local.allContents());
    expect(rig.remote.contents('INBOX')).toHaveLength(pairs.length + 10);
  });

  it('says of a message that was paired that its other end is gone', async () => {
    const [, pair] = [...(await rig.pairs())][0]!;
    rig.remote.remove('INBOX', pair.remote.key);
    await rig.tamper(level => level.del('root'));
    const { findings, repaired } = await rig.repair();
    expect(repaired).toMatchObject({ pairs: 39, salvaged: 39 });
    expect(findings.filter(({ id }) => id === 'message-one-sided')).toEqual([
      expect.objectContaining({
        key: pair.local.key,
        detail: expect.stringContaining('was on both sides and is gone or changed on remote'),
      }),
    ]);
  });

  it('DB-09 brings flags to their union when base is lost, and takes back a \\Deleted that one side has', async () => {
    const [first, second, third] = [...(await rig.pairs()).values()];
    rig.local.flag('INBOX', first!.local.key, { add: ['\\Flagged'] });
    rig.remote.flag('INBOX', first!.remote.key, { add: ['\\Answered'] });
    rig.local.flag('INBOX', second!.local.key, { add: ['\\Deleted'] });
    rig.remote.flag('INBOX', third!.remote.key, { add: ['\\Deleted'] });
    await rm(rig.stateDirectory, { recursive: true });
    await rig.repair();
    expect((await rig.sync()).apply.counts).toMatchObject({ skipped: 0, failed: 0 });
    expect(rig.remote.message('INBOX', first!.remote.key).flags).toEqual(
      expect.arrayContaining(['\\Answered', '\\Flagged']),
    );
    for (const { flags } of rig.remote.contents('INBOX')) expect(flags).not.toContain('\\Deleted');
    expect(rig.remote.allContents()).toEqual(rig.local.allContents());
  });

  it('DB-10 keeps what a sound mailbox has to say about flags when another one is damaged', async () => {
    const work = [...(await rig.pairs())].find(
      ([name, { flags }]) => /^Work/.test(name) && flags.length > 0,
    )![1];
    const inbox = [...(await rig.pairs())].find(
      ([name, { flags }]) => /^INBOX/.test(name) && flags.length > 0,
    )![1];
    rig.local.flag('Work', work.local.key, { remove: work.flags });
    rig.local.flag('INBOX', inbox.local.key, { remove: inbox.flags });
    await rig.tamper(level => level.del(`pair\0INBOX\0${inbox.remote.epoch}:${inbox.remote.key}`));
    expect(idsOf(await rig.check())).toEqual(['seal-mismatch']);
    expect((await rig.repair()).repaired).toMatchObject({ pairs: 40, salvaged: 39 });
    const { actions } = await rig.plan();
    expect(actions.map(({ op, mailbox, add, remove }) => [op, mailbox, add, remove])).toEqual([
      ['flag-local', 'INBOX', inbox.flags, undefined],
      ['flag-remote', 'Work', undefined, work.flags],
    ]);
  });

  it('DB-16 refuses a state of another version and changes nothing', async () => {
    const key = (await rig.tamper(level => level.keys<string>({ gte: 'pair\0' }).all()))[0]!;
    await rig.tamper(async level => {
      const bytes = (await level.get<string, Buffer>(key, ENCODING))!;
      await level.put(key, frameOfVersion(2, key, bytes), ENCODING);
    });
    expect(idsOf(await rig.check())).toContain('record-version');
    await expect(rig.repair()).rejects.toMatchObject({ code: 'state-version' });
    expect(await readdir(rig.home)).toEqual(['state']);
  });

  it('refuses to take an empty side for the truth, unless it is told to', async () => {
    const copy = await rig.clone();
    try {
      for (const { key } of [...copy.remote.mailbox('INBOX').messages.values()])
        copy.remote.remove('INBOX', key);
      for (const { key } of [...copy.remote.mailbox('Work').messages.values()])
        copy.remote.remove('Work', key);
      await rm(copy.stateDirectory, { recursive: true });
      await expect(copy.repair()).rejects.toMatchObject({ code: 'side-missing' });
      expect(await readdir(copy.home)).toEqual([]);
      expect((await copy.repair({ allowEmpty: true })).repaired).toMatchObject({ pairs: 0 });
    } finally {
      await copy.remove();
    }
  });

  it('stops where a side is not there, and leaves nothing half done behind', async () => {
    await writeFile(statePaths(rig.stateDirectory).id, '');
    rig.local.missing = true;
    await expect(rig.repair()).rejects.toMatchObject({ code: 'side-missing' });
    expect(await readdir(rig.home)).toEqual(['state']);
  });

  it('leaves a mailbox that cannot be read alone until it can', async () => {
    const mail = mailOf(rig);
    rig.remote.mailbox('Work').fault = 'the server says no';
    await rm(rig.stateDirectory, { recursive: true });
    const report = await rig.repair();
    expect(idsOf(report)).toContain('mailbox-unreadable');
    const { actions } = await rig.run(repository => makePlan(repository));
    expect(actions).toEqual([]);
    rig.remote.mailbox('Work').fault = undefined;
    await rig.sync();
    await expectRepaired(rig, mail);
  });

  it('keeps deletions that were pending where the records of the mailbox verify, and only there', async () => {
    const inbox = await pairsIn('INBOX');
    const [kept, flagged] = inbox;
    const [lost] = await pairsIn('Work');
    rig.local.remove('INBOX', kept!.local.key);
    rig.local.flag('INBOX', flagged!.local.key, { remove: flagged!.flags, add: ['\\Answered'] });
    rig.local.remove('Work', lost!.local.key);
    await rig.tamper(async level =>
      level.put(
        `pair\0Work\0${lost!.remote.epoch}:${lost!.remote.key}`,
        Buffer.from('spoilt'),
        ENCODING as never,
      ),
    );
    const { findings } = await rig.repair();
    expect(findings.map(({ id, mailbox }) => [id, mailbox])).toEqual([
      ['record-checksum', 'Work'],
      ['pending-unknown', 'Work'],
      ['message-one-sided', 'Work'],
    ]);
    expect((await rig.check()).findings.map(({ id, mailbox }) => [id, mailbox])).toEqual([
      ['pair-end-missing', 'INBOX'],
    ]);
    await rig.sync();
    expect(rig.remote.contents('INBOX')).toHaveLength(inbox.length - 1);
    expect([...rig.remote.mailbox('INBOX').messages.keys()]).not.toContain(kept!.remote.key);
    expect(rig.remote.message('INBOX', flagged!.remote.key).flags).toEqual(['\\Answered']);
    expect([...rig.remote.mailbox('Work').messages.keys()]).toContain(lost!.remote.key);
    expect(rig.remote.allContents()).toEqual(rig.local.allContents());
    expect((await rig.check()).findings).toEqual([]);
  });

  it.each(['remote', 'local'] as const)(
    'keeps a renamed mailbox in mind where its records verify (renamed on %s)',
    async side => {
      rig[side].renameMailbox('Work', 'Done');
      const read = rig.traffic();
      await writeFile(statePaths(rig.stateDirectory).id, '');
      expect((await rig.check()).findings.map(({ id }) => id)).toEqual(['state-id', 'mailbox-emptied']);
      await rig.repair();
      for (let round = 0; round < 3; round++) await rig.sync();
      expect([...rig.remote.mailboxes.keys()].sort()).toEqual(['Done', 'INBOX']);
      expect(rig.remote.allContents()).toEqual(rig.local.allContents());
      expect(rig.traffic()).toEqual(read);
      expect((await rig.check()).findings).toEqual([]);
    },
  );

  it('keeps the deletion of a mailbox in mind where its records verify', async () => {
    rig.remote.deleteMailbox('Work');
    await writeFile(statePaths(rig.stateDirectory).id, '');
    expect(idsOf(await rig.repair())).toEqual(['state-id']);
    for (let round = 0; round < 3; round++) await rig.sync();
    expect([...rig.local.mailboxes.keys()]).toEqual(['INBOX']);
    expect(rig.local.attic.size).toBeGreaterThan(10);
  });

  it('believes nothing of a state that is older than the mail, whatever verifies in it', async () => {
    const older = await rig.clone();
    const [pair] = await pairsIn('INBOX');
    rig.local.add('INBOX', message({ subject: 'Later' }));
    await rig.sync();
    rig.local.remove('INBOX', pair!.local.key);
    rig.remote.renameMailbox('Work', 'Done');
    await rm(rig.stateDirectory, { recursive: true });
    await cp(older.stateDirectory, rig.stateDirectory, { recursive: true });
    await older.remove();
    const mail = rig.remote.survivors();
    await rig.repair();
    for (let round = 0; round < 3; round++) await rig.sync();
    expect(rig.remote.survivors()).toEqual(mail);
    expect(rig.remote.allContents()).toEqual(rig.local.allContents());
    expect(rig.local.attic.size).toBe(0);
  });

  it('believes no seal where the seal of all seals is damaged', async () => {
    const [pair] = await pairsIn('INBOX');
    rig.local.remove('INBOX', pair!.local.key);
    await rig.tamper(level => level.put('root', Buffer.from('spoilt'), ENCODING as never));
    expect(idsOf(await rig.repair())).toEqual([
      'entry-unusable',
      'pending-unknown',
      'pending-unknown',
      'message-one-sided',
    ]);
    expect((await rig.plan()).actions.map(({ op }) => op)).toEqual(['download']);
  });

  it('lets a mailbox that one side lacks come back, whoever deleted it', async () => {
    rig.remote.deleteMailbox('Work');
    await rig.tamper(level => level.del('root'));
    const { findings } = await rig.repair();
    expect(findings.filter(({ id }) => id === 'message-one-sided')).toEqual([
      expect.objectContaining({ mailbox: 'Work', detail: expect.stringContaining('on local only') }),
    ]);
    await rig.sync();
    expect(rig.remote.allContents()).toEqual(rig.local.allContents());
    expect(rig.remote.contents('Work').length).toBeGreaterThan(10);
  });

  it('keeps the pair of a message that cannot be read, names it, and ends with exit 3', async () => {
    rig.local.mailbox('INBOX').unreadable.set([...(await rig.pairs()).values()][0]!.local.key, 'EIO');
    await writeFile(statePaths(rig.stateDirectory).id, '');
    const report = await rig.repair();
    expect(report.repaired).toMatchObject({ pairs: 40, salvaged: 40 });
    expect(report.blocked).toHaveLength(1);
    expect(exitOf(report)).toBe(3);
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('forgets all hints of a state that belongs to another account', async () => {
    const mail = mailOf(rig);
    const other = await DiskRig.create({ remote: { address: 'imaps://you@other.example' } });
    await rm(rig.stateDirectory, { recursive: true });
    await cp(other.stateDirectory, rig.stateDirectory, {
      recursive: true,
    });
    await other.remove();
    expect(idsOf(await rig.check())).toContain('owner-mismatch');
    expect((await rig.repair()).repaired).toMatchObject({ pairs: 40, salvaged: 0 });
    await expectRepaired(rig, mail);
  });
});

const DAMAGES: readonly FileDamage[] = ['missing', 'truncated', 'halved', 'emptied', 'garbage', 'doubled'];

describe.each(['in the log', 'in tables'])('a repair of a database whose records are %s', where => {
  it.each(DAMAGES)('gets over every file that is %s, each for itself', async damage => {
    if (where === 'in tables') await intoTables(rig);
    const files = await levelFiles(rig);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const copy = await rig.clone();
      const mail = mailOf(copy);
      try {
        await damageFile(copy, file, damage);
        await copy.repair();
        await expectRepaired(copy, mail);
      } finally {
        await copy.remove();
      }
    }
  });
});
