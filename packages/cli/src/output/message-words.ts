import type { Action } from '@postern/core/model/action.js';
import { printable } from '@postern/core/model/escape-text.js';
import type { Envelope } from '@postern/core/model/identity.js';
import type { End } from '@postern/core/model/pair.js';
import { NO_EPOCH } from '@postern/core/model/row.js';
import { readableHeader } from './readable-header.js';
import { quoted } from './terminal.js';

/** A message for people: `"Lunch on Friday" from "Ann <ann@example.org>"`. */
export function messageWords({ subject, from }: Envelope): string {
  const about = subject === undefined ? '(no subject)' : quoted(readableHeader(subject));
  return from === undefined ? about : `${about} from ${quoted(readableHeader(from), 40)}`;
}

/** Which message an action is about: its end on the side the change comes from. */
export function sourceEnd(action: Action): End | undefined {
  const fromLocal = action.op.endsWith('-remote') || action.op === 'upload';
  return fromLocal ? (action.local ?? action.remote) : (action.remote ?? action.local);
}

/** `INBOX, UID 42`, `INBOX, file 179…`. */
export function placeWords(mailbox: string, end: End | undefined): string {
  if (end === undefined) return printable(mailbox);
  return `${printable(mailbox)}, ${end.epoch === NO_EPOCH ? 'file' : 'UID'} ${printable(end.key)}`;
}
