import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { sync } from '@postern/core/api/sync.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { CountingSeam } from '../../support/seam.js';
import { TemporaryMaildir } from '../maildir/temporary-maildir.js';

/** A Maildir that holds the same mail as the remote, and syncs that tell what was made durable in it. */
async function synced() {
  const rig = await Rig.create();
  rig.remote.add('INBOX', message({ id: 'a' }));
  const maildir = await TemporaryMaildir.make();
  const durable = async (): Promise<string[]> => {
    const seam = new CountingSeam();
    const local = maildir.side({ seam });
    await rig.run(repository => sync({ ...repository, sides: { remote: repository.sides.remote, local } }));
    const synced = seam.effects.filter(({ name }) => name === 'fsync' || name === 'fsync-dir');
    return synced.map(({ target }) => target.slice(maildir.root.length) || '/');
  };
  await durable();
  return { rig, maildir, durable };
}

const BEGUN = ['/.postern-witness.new', '/'];

describe('an apply makes durable', () => {
  it('the witness of its beginning, and not the one of its end, which may be lost', async () => {
    const { rig, durable } = await synced();
    rig.remote.add('INBOX', message({ id: 'b' }));
    expect((await durable()).filter(target => target.includes('witness') || target === '/')).toEqual(BEGUN);
  });

  it('the directories of a message that somebody else delivered, before base says it is there', async () => {
    const { maildir, durable } = await synced();
    writeFileSync(maildir.path('new', '1.a.host'), message({ id: 'b' }));
    expect(await durable()).toEqual([...BEGUN, '/new', '/cur']);
  });

  it('the directories of a message that somebody flagged, before base has its flags', async () => {
    const { maildir, durable } = await synced();
    const [name] = readdirSync(maildir.path('new'));
    renameSync(maildir.path('new', name!), maildir.path('cur', `${name}:2,F`));
    expect(await durable()).toEqual([...BEGUN, '/new', '/cur']);
  });
});
