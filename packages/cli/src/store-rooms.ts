import { resolve } from 'node:path';
import type { StoreRoom } from '@postern/core/api/gc.js';
import { openSeam } from '@postern/core/model/effect.js';
import { detectLayout, type MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { MaildirAttic } from '@postern/core/side/maildir/maildir-attic.js';
import { MaildirLeftovers } from '@postern/core/side/maildir/maildir-leftovers.js';
import type { Config } from './config/config.js';

/** The attic and the leftovers of each side that is a Maildir. Nothing is opened or made. */
export function storeRooms({ paths, layout, remote }: Config): StoreRoom[] {
  const rooms = [storeRoom('local', paths.root, layout)];
  if (remote.kind === 'maildir') {
    rooms.push(storeRoom('remote', remote.path, remote.layout ?? detectLayout(remote.path) ?? 'maildir++'));
  }
  return rooms;
}

function storeRoom(side: StoreRoom['side'], path: string, layout: MaildirLayout): StoreRoom {
  const place = { root: resolve(path), layout, seam: openSeam };
  return { side, attic: new MaildirAttic(place), leftovers: new MaildirLeftovers(place) };
}
