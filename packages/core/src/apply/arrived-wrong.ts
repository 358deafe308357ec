import type { Identity } from '../model/identity.js';
import type { Row } from '../model/row.js';
import { failed, type Refusal } from './judgement.js';

/**
 * A server may hand out a notice instead of the message (SCENARIOS RA-08). Header excerpts of malformed messages may hash
 * differently from their bytes, so an equal Message-ID or size is enough.
 */
export function arrivedWrong(expected: Row, got: Identity): Refusal | undefined {
  const known = expected.identity;
  if (known.content !== undefined) {
    return known.content === got.content
      ? undefined
      : failed('other bytes arrived than the message had before');
  }
  const same =
    known.digest === got.digest ||
    (known.messageId !== undefined && known.messageId === got.messageId) ||
    known.size === got.size;
  return same ? undefined : failed('another message arrived than the one asked for');
}
