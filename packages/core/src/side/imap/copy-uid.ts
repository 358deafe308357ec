import type { Epoch } from '../../model/row.js';
import { type ResponseCode, textOf } from './tokens.js';
import { expandUidSet, parseUid } from './uid-set.js';

/** What a server says it copied: new UIDs by old ones, and the UIDVALIDITY the new ones are valid under. */
export interface Copied {
  readonly epoch: Epoch;
  readonly uids: ReadonlyMap<number, number>;
}

/**
 * Reads COPYUID codes (RFC 4315 §3; a MOVE sends them in untagged answers, RFC 6851 §4.3). Undefined where there is none,
 * or any of them cannot be believed: sets of unequal length, a UID twice, one that nobody asked for.
 */
export function readCopyUid(
  codes: readonly (ResponseCode | undefined)[],
  asked: readonly number[],
): Copied | undefined {
  const told = codes.filter(code => code?.name === 'COPYUID') as ResponseCode[];
  const requested = new Set(asked);
  const uids = new Map<number, number>();
  const news = new Set<number>();
  let validity: number | undefined;
  for (const { values } of told) {
    const [under, from, to] = values.map(textOf);
    const named = parseUid(under);
    const old = expandUidSet(from ?? '', asked.length);
    const fresh = expandUidSet(to ?? '', asked.length);
    if (named === undefined || old === undefined || old.length !== fresh?.length) return undefined;
    if (validity !== undefined && validity !== named) return undefined;
    validity = named;
    for (const [at, uid] of old.entries()) {
      if (!requested.has(uid) || uids.has(uid) || news.has(fresh[at]!)) return undefined;
      uids.set(uid, fresh[at]!);
      news.add(fresh[at]!);
    }
  }
  return validity === undefined ? undefined : { epoch: String(validity) as Epoch, uids };
}
