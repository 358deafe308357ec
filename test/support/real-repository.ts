import { randomBytes } from 'node:crypto';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { Lanes } from '@postern/core/side/lanes.js';
import type { MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { MaildirSide } from '@postern/core/side/maildir/maildir-side.js';
import { createStore, openStore } from '@postern/core/state/disk-store.js';
import type { LevelStore } from '@postern/core/state/level-store.js';
import { initState, type Repository } from '@postern/core/state/repository.js';

/** A Maildir, an account on a server of 127.0.0.1 that speaks plain text, and where the state between the two is. */
export interface RealPlace {
  readonly id: string;
  readonly root: string;
  readonly layout: MaildirLayout;
  readonly state: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** As many as the command has where the configuration says nothing. */
const LANES = 3;

/** Makes the state. */
export async function createRepository(place: RealPlace): Promise<void> {
  const store = await createStore(place.state, { seam: openSeam });
  await on({ place, store, seam: openSeam }, repository => initState(repository));
}

/** Opens all of it, works, and closes all of it, as a process of its own does. */
export async function inRepository<T>(
  place: RealPlace,
  work: (repository: Repository) => Promise<T>,
  seam: Seam = openSeam,
): Promise<T> {
  return on({ place, store: await openStore(place.state, { seam }), seam }, work);
}

interface Opened {
  readonly place: RealPlace;
  readonly store: LevelStore;
  readonly seam: Seam;
}

async function on<T>(
  { place, store, seam }: Opened,
  work: (repository: Repository) => Promise<T>,
): Promise<T> {
  const { id, root, layout, port, user, password } = place;
  const random = () => randomBytes(4).toString('hex');
  const remote = new ImapSide({
    host: '127.0.0.1',
    port,
    user,
    password: async () => password,
    tls: 'none',
    seam,
    clock: systemClock,
  });
  const local = new MaildirSide({
    root,
    layout,
    repository: id,
    position: 'local',
    seam,
    clock: systemClock,
    random,
  });
  const sides = { remote, local };
  const lanes = new Lanes(sides, LANES);
  try {
    return await work({ id, sides, lanes, store, clock: systemClock, random });
  } finally {
    await lanes.close();
    await remote.close();
    await local.close();
    await store.close();
  }
}
