import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { sync } from '@postern/core/api/sync.js';
import type { Seam } from '@postern/core/model/effect.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';
import { CountingSeam, Crash, CrashSeam, effectsNamed, FaultSeam } from '../../support/seam.js';
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
/** The name may be the older one's after a power cut; never a file without octets. */
const ENDED = ['/.postern-witness.new'];

describe('an apply makes durable', () => {
  it('the witness of its beginning, and not that the one of its end is in its place', async () => {
    const { rig, durable } = await synced();
    rig.remote.add('INBOX', message({ id: 'b' }));
    expect((await durable()).filter(target => target.includes('witness') || target === '/')).toEqual([
      ...BEGUN,
      ...ENDED,
    ]);
  });

  it('the directories of a message that somebody else delivered, before base says it is there', async () => {
    const { maildir, durable } = await synced();
    writeFileSync(maildir.path('new', '1.a.host'), message({ id: 'b' }));
    expect(await durable()).toEqual([...BEGUN, '/new', '/cur', ...ENDED]);
  });

  it('the directories of a message that somebody flagged, before base has its flags', async () => {
    const { maildir, durable } = await synced();
    const [name] = readdirSync(maildir.path('new'));
    renameSync(maildir.path('new', name!), maildir.path('cur', `${name}:2,F`));
    expect(await durable()).toEqual([...BEGUN, '/new', '/cur', ...ENDED]);
  });
});

/** Runs a sync that dies after each of its batches in turn, and cuts the power; then what comes next. */
async function cutAfterEachBatch(
  change: (rig: Rig) => unknown,
  next: (rig: Rig, dying: string) => Promise<void>,
  also: (seam: Seam) => Seam = seam => seam,
): Promise<void> {
  for (let at = 1; ; at++) {
    const rig = await Rig.create();
    rig.remote.add('INBOX', message({ id: 'a' }));
    await rig.sync();
    change(rig);
    const crash = new CrashSeam(at, 'after', effectsNamed('batch').only);
    await rig.sync({}, also(crash)).catch(error => {
      if (!(error instanceof Crash)) throw error;
    });
    if (!crash.crashed) {
      expect(at).toBeGreaterThan(3);
      return;
    }
    await rig.powerCut();
    await next(rig, crash.where);
  }
}

const only = (world: Rig['remote']) => [...world.mailbox('INBOX').messages.keys()][0] ?? '';

describe('after a power cut', () => {
  it('a flag that was carried over, and that the user took back since, stays away', async () => {
    await cutAfterEachBatch(
      rig => rig.remote.flag('INBOX', only(rig.remote), { add: ['\\Flagged'] }),
      async (rig, dying) => {
        const wasCarried = rig.local.contents('INBOX')[0]?.flags.includes('\\Flagged') === true;
        rig.local.flag('INBOX', only(rig.local), { remove: ['\\Flagged'] });
        await rig.sync();
        if (wasCarried) expect(rig.local.contents('INBOX')[0]?.flags, dying).toEqual([]);
      },
    );
  });

  it('an upload whose answer was lost still has its grace', async () => {
    let fault = new FaultSeam(0, '');
    const fails = (seam: Seam): Seam => {
      fault = new FaultSeam(1, 'ETIMEDOUT', effectsNamed('APPEND'));
      return {
        run: (effect, act) => seam.run(effect, () => fault.run(effect, act)),
        runSync: (effect, act) => seam.runSync(effect, () => fault.runSync(effect, act)),
      };
    };
    await cutAfterEachBatch(
      rig => rig.local.add('INBOX', message({ id: 'b' })),
      async (rig, dying) => {
        rig.clock.pass(60_000);
        const seam = new CountingSeam();
        await rig.sync({}, seam);
        if (fault.failed > 0) expect(seam.countOf('APPEND'), dying).toBe(0);
      },
      fails,
    );
  });
});
