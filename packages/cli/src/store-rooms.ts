import { resolve } from 'node:path';
import type { StoreRoom } from '@postern/core/api/gc.js';
import { openSeam } from '@postern/core/model/effect.js';
import { MaildirAttic } from '@postern/core/side/maildir/maildir-attic.js';
import { MaildirLeftovers } from '@postern/core/side/maildir/maildir-leftovers.js';
import type { Config } from './config/config.js';
import { layoutOf } from './config/end-config.js';

/** The attic and the leftovers of each side that is a Maildir. Nothing is opened or made. */
export function storeRooms(config: Config): StoreRoom[] {
  return (['local', 'remote'] as const).flatMap(side => {
    const end = config[side];
    if (end.kind !== 'maildir') return [];
    const place = { root: resolve(end.path), layout: layoutOf(end), seam: openSeam };
    return [{ side, attic: new MaildirAttic(place), leftovers: new MaildirLeftovers(place) }];
  });
}
