import { printable } from '@postern/core/model/escape-text.js';
import type { Problem } from '@postern/core/model/row.js';

/** Something that was left alone, on one line: `INBOX 42: its header cannot be read`. */
export function problemWords({ mailbox, key, reason }: Problem): string {
  const place = [mailbox, key].filter(part => part !== undefined).map(printable);
  return place.length === 0 ? printable(reason) : `${place.join(' ')}: ${printable(reason)}`;
}
