import { INBOX, type MailboxName } from '@postern/core/model/mailbox.js';
import type { ScopeRules } from '@postern/core/side/scope.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { message } from '../support/messages.js';
import { Rig } from '../support/rig.js';
import { CountingSeam, Crash, CrashSeam } from '../support/seam.js';

const rule = (remote: string, local: string) => ({
  remote: remote as MailboxName,
  local: local as MailboxName,
});
const excluding = (...exclude: string[]) => ({ scope: { exclude } });

/** Both sides hold the same: INBOX with one message, Lists/dev with three. */
async function synced(scope: Partial<ScopeRules> = {}): Promise<Rig> {
  const rig = await Rig.create({ scope });
  rig.remote.createMailbox('Lists/dev');
  rig.remote.add('INBOX', message({ id: 'i' }));
  for (const id of ['a', 'b', 'c']) rig.remote.add('Lists/dev', message({ id }), ['\\Seen']);
  await rig.sync();
  expect((await rig.plan()).actions).toEqual([]);
  return rig;
}

const mail = (rig: Rig) => ({ remote: rig.remote.allContents(), local: rig.local.allContents() });
const delivered = (rig: Rig) => rig.remote.traffic.delivered + rig.local.traffic.delivered;

let rig: Rig;
beforeEach(async () => {
  rig = await synced();
});

describe('a mailbox that leaves the scope', () => {
  it('FO-23: is forgotten: nothing is deleted anywhere; back in scope, nothing travels', async () => {
    const before = mail(rig);
    const traffic = delivered(rig);
    rig.configure(excluding('Lists/**'));
    expect((await rig.sync()).plan.actions).toEqual([]);
    expect((await rig.sync()).plan.actions).toEqual([]);
    expect(mail(rig)).toEqual(before);
    expect(await known(rig)).toEqual(['INBOX']);

    rig.configure({ scope: {} });
    const { plan } = await rig.sync();
    expect(plan.actions.map(({ op }) => op)).toEqual(['pair', 'pair', 'pair']);
    expect((await rig.plan()).actions).toEqual([]);
    expect(mail(rig)).toEqual(before);
    expect(delivered(rig)).toBe(traffic);
  });

  it('is never taken for deleted, though it vanishes while nobody looks', async () => {
    rig.configure(excluding('Lists/**'));
    await rig.sync();
    rig.remote.deleteMailbox('Lists/dev');
    await rig.sync();
    rig.configure({ scope: {} });
    const { plan } = await rig.sync();
    expect(plan.actions.map(({ op }) => op)).toEqual(['create-mailbox-remote', 'upload', 'upload', 'upload']);
    expect(rig.remote.contents('Lists/dev')).toEqual(rig.local.contents('Lists/dev'));
  });

  it('is left alone while it is out: what changes there comes to the other side afterwards, and only as an addition', async () => {
    rig.configure(excluding('Lists/*'));
    await rig.sync();
    const [gone] = [...rig.remote.mailbox('Lists/dev').messages.keys()];
    rig.remote.remove('Lists/dev', gone!);
    rig.remote.add('Lists/dev', message({ id: 'new' }));
    const before = mail(rig);
    await rig.sync();
    expect(mail(rig)).toEqual(before);
    rig.configure({ scope: {} });
    await rig.sync();
    expect(rig.local.contents('Lists/dev')).toHaveLength(4);
    expect(rig.remote.contents('Lists/dev')).toEqual(rig.local.contents('Lists/dev'));
  });

  it('wants the remote fetched before anything is planned', async () => {
    rig.configure(excluding('Lists/**'));
    await rig.sync();
    rig.configure({ scope: {} });
    const { makePlan } = await import('@postern/core/api/plan.js');
    const plan = await rig.run(repository => makePlan(repository));
    expect(plan).toMatchObject({ actions: [], fetched: undefined });
  });

  it('is out of reach for a plan that was made before', async () => {
    const [key] = [...rig.remote.mailbox('Lists/dev').messages.keys()];
    rig.remote.remove('Lists/dev', key!);
    rig.remote.add('Lists/dev', message({ id: 'new' }));
    const { actions } = await rig.plan();
    expect(actions.map(({ op }) => op)).toEqual(['download', 'delete-local']);
    const before = mail(rig);
    rig.configure(excluding('Lists/**'));
    const report = await rig.apply(actions);
    expect(report.counts).toMatchObject({ done: 0, failed: 0 });
    expect(mail(rig)).toEqual(before);
  });

  it('survives a crash at every step of the change', async () => {
    rig.configure(excluding('Lists/**'));
    const count = new CountingSeam();
    await (await rig.clone()).sync({}, count);
    expect(count.count).toBeGreaterThan(1);
    for (let at = 1; at <= count.count; at++) {
      for (const moment of ['before', 'after'] as const) {
        const copy = await rig.clone();
        const before = mail(copy);
        await expect(copy.sync({}, new CrashSeam(at, moment))).rejects.toThrow(Crash);
        await copy.sync();
        expect(mail(copy)).toEqual(before);
        copy.configure({ scope: {} });
        await copy.sync();
        expect((await copy.plan()).actions).toEqual([]);
        expect(mail(copy)).toEqual(before);
      }
    }
  });
});

describe('a scope', () => {
  it('shows neither side what it leaves out, from the first sync on', async () => {
    const fresh = await Rig.create({ scope: { include: ['INBOX', 'Lists/*'], exclude: ['**/old'] } });
    for (const name of ['Lists/dev', 'Lists/old', 'Spam']) fresh.remote.createMailbox(name);
    for (const name of ['INBOX', 'Lists/dev', 'Lists/old', 'Spam'])
      fresh.remote.add(name, message({ id: name }));
    fresh.local.createMailbox('Private');
    fresh.local.add('Private', message({ id: 'mine' }));
    await fresh.sync();
    expect([...fresh.local.mailboxes.keys()].sort()).toEqual(['INBOX', 'Lists/dev', 'Private']);
    expect(fresh.remote.mailboxes.has('Private' as MailboxName)).toBe(false);
    expect((await fresh.plan()).actions).toEqual([]);
  });
});

describe('names that are mapped', () => {
  it('are the names here, both ways and below', async () => {
    const mapped = await Rig.create({ scope: { map: [rule('Archive/2026', 'old/2026')] } });
    for (const name of ['Archive/2026', 'Archive/2026/May']) {
      mapped.remote.createMailbox(name);
      mapped.remote.add(name, message({ id: name }));
    }
    mapped.local.createMailbox('old/2026/June');
    mapped.local.add('old/2026/June', message({ id: 'june' }));
    await mapped.sync();
    expect([...mapped.local.mailboxes.keys()].sort()).toEqual([
      'INBOX',
      'old/2026',
      'old/2026/June',
      'old/2026/May',
    ]);
    expect(mapped.remote.contents('Archive/2026/June')).toHaveLength(1);
    expect((await mapped.plan()).actions).toEqual([]);
    mapped.remote.deleteMailbox('Archive/2026/May');
    await mapped.sync();
    await mapped.sync();
    expect(mapped.local.mailboxes.has('old/2026/May' as MailboxName)).toBe(false);
    expect(mapped.local.contents('old/2026')).toHaveLength(1);
  });

  it('that are mapped from now on transfer nothing where the mailbox here was renamed with them', async () => {
    const traffic = delivered(rig);
    rig.local.renameMailbox('Lists/dev', 'News/dev');
    rig.configure({ scope: { map: [rule('Lists', 'News')] } });
    await rig.sync();
    expect((await rig.plan()).actions).toEqual([]);
    expect(rig.local.contents('News/dev')).toEqual(rig.remote.contents('Lists/dev'));
    expect(rig.remote.mailboxes.has('News/dev' as MailboxName)).toBe(false);
    expect(delivered(rig)).toBe(traffic);
  });

  it('leave the mailbox here that lost its name alone, and report it', async () => {
    const before = rig.local.contents('Lists/dev');
    rig.configure({ scope: { map: [rule('Lists', 'News')] } });
    const { fetch } = await rig.sync();
    expect(fetch.problems.map(({ reason }) => reason)).toEqual([
      'the local mailbox Lists/dev is left alone: [map] leaves no name for it on the other side',
    ]);
    expect(rig.local.contents('Lists/dev')).toEqual(before);
    expect(rig.remote.contents('Lists/dev')).toEqual(before);
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('never make two mailboxes one: the one that lost its name is reported and left alone', async () => {
    rig.remote.createMailbox('Old');
    rig.remote.add('Old', message({ id: 'old' }));
    rig.configure({ scope: { map: [rule('Archive', 'Old')] } });
    const { fetch, plan } = await rig.sync();
    expect(plan.actions).toEqual(expect.not.arrayContaining([expect.objectContaining({ mailbox: 'Old' })]));
    expect(fetch.problems.map(({ reason }) => reason)).toEqual([
      'the remote mailbox Old is left alone: [map] leaves no name for it on the other side',
    ]);
    expect(rig.remote.contents('Old')).toHaveLength(1);
  });

  it('keep a mailbox with one out of scope below it from being renamed', async () => {
    rig.remote.createMailbox('Lists/dev/old');
    rig.configure(excluding('**/old'));
    await rig.sync();
    rig.local.renameMailbox('Lists/dev', 'Dev');
    const { apply } = await rig.sync();
    expect(apply.counts.failed).toBeGreaterThan(0);
    expect(rig.remote.mailboxes.has('Lists/dev/old' as MailboxName)).toBe(true);
    expect(rig.remote.contents('Lists/dev')).toHaveLength(3);
    expect(rig.local.contents('Dev')).toHaveLength(3);
  });
});

describe('only what is subscribed', () => {
  const subscribed = new Set<string>();

  beforeEach(async () => {
    subscribed.clear();
    subscribed.add('Lists/dev');
    rig = await Rig.create({ scope: { subscribed: true }, remote: { subscribed } });
    for (const name of ['Lists/dev', 'Noise']) {
      rig.remote.createMailbox(name);
      rig.remote.add(name, message({ id: name }));
      rig.remote.add('INBOX', message({ id: `INBOX ${name}` }));
    }
    await rig.sync();
  });

  it('comes here, and INBOX', async () => {
    expect([...rig.local.mailboxes.keys()].sort()).toEqual(['INBOX', 'Lists/dev']);
    expect((await rig.plan()).actions).toEqual([]);
  });

  it('leaves a mailbox alone on both sides that is no longer subscribed, and takes it back as it is', async () => {
    const before = mail(rig);
    const traffic = delivered(rig);
    subscribed.delete('Lists/dev');
    const { fetch } = await rig.sync();
    expect(fetch.problems).toEqual([
      { mailbox: 'Lists/dev', reason: expect.stringContaining('not subscribed') },
    ]);
    expect(await rig.sync()).toMatchObject({ fetch: { problems: [] }, plan: { actions: [] } });
    expect(await known(rig)).toEqual(['INBOX']);
    subscribed.add('Lists/dev');
    const { plan } = await rig.sync();
    expect(plan.actions.map(({ op }) => op)).toEqual(['pair']);
    expect(mail(rig)).toEqual(before);
    expect(delivered(rig)).toBe(traffic);
  });

  it('wants everything again when the setting goes', async () => {
    rig.configure({ scope: {} });
    await rig.sync();
    expect([...rig.local.mailboxes.keys()].sort()).toEqual(['INBOX', 'Lists/dev', 'Noise']);
    expect((await rig.plan()).actions).toEqual([]);
  });
});

/** The mailboxes the state has anything of. */
function known(rig: Rig): Promise<string[]> {
  return rig.run(async ({ store }) => {
    const names = new Set<string>((await store.all('mailbox', '')).keys());
    for (const kind of ['pair', 'remote', 'local', 'intent'] as const)
      for (const mailbox of await store.partitions(kind)) names.add(mailbox);
    expect(names).toContain(INBOX);
    return [...names].sort();
  });
}
