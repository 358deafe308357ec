import { getHeapStatistics } from 'node:v8';
import { PosternError } from '../../model/error.js';
import type { Selection } from './selection.js';

/** Octets of memory a message of a mailbox takes while both sides are compared, on average and rounded up. */
const OCTETS_A_MESSAGE = 1_500;

/** A mailbox that cannot be held in memory is refused before it is read: a number from a server ends no process. */
export function demandRoom({ place, exists }: Selection): void {
  const room = Math.floor(getHeapStatistics().heap_size_limit / OCTETS_A_MESSAGE);
  if (exists <= room) return;
  throw new PosternError(
    'mailbox-unreadable',
    `${place.mailbox} has ${exists} messages, as the server says; there is memory for ${room}`,
    { hint: 'give it more: NODE_OPTIONS=--max-old-space-size=MEGABYTES' },
  );
}
