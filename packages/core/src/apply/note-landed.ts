import type { Action } from '../model/action.js';
import { otherSide } from '../model/by-side.js';
import { bug } from '../model/error.js';
import type { Row } from '../model/row.js';
import { targetOf } from './copy-target.js';
import type { Desk } from './desk.js';
import type { LandedMessages } from './landed.js';
import { endOf } from './pairing.js';

/** Remembers what a line brought, or found there, for the lines of other mailboxes that want the same. */
export function noteLanded(desk: Desk, landed: LandedMessages, action: Action, { key }: Row): void {
  if (!landed.isShared(action)) return;
  const target = targetOf(action);
  const source = otherSide(target);
  const row = desk.row(source, endOf(action, source)) ?? bug('a delivery without its source');
  const { identity, date, serverId } = row;
  landed.note(action, {
    mailbox: desk.mailbox,
    epoch: desk.epoch(target),
    key,
    size: identity.size,
    date,
    serverId,
    sole: desk.countLike(source, identity.digest) === 1,
  });
}
