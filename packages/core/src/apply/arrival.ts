import { adoptedFlags, agreedFlags } from '../model/agreed-flags.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import type { Flags } from '../model/flags.js';
import type { End, Pair } from '../model/pair.js';
import type { Row } from '../model/row.js';
import type { Desk } from './desk.js';

export interface Arrival {
  /** The side the message arrived on. */
  readonly on: SideName;
  readonly arrived: Row;
  /** The same message on the other side, as it is now. */
  readonly partner: Row;
  /** The pair it had in the mailbox it came from. */
  readonly before: Pair | undefined;
  /** Flags both count as having agreed on, where there was no pair. */
  readonly base?: Flags;
}

/** Records that a message that came from another mailbox of its side is the one the other side has here. */
export function pairArrival(desk: Desk, { on, arrived, partner, before, base }: Arrival): void {
  const source = otherSide(on);
  const partnerEnd: End = { epoch: desk.epoch(source), key: partner.key };
  const known = desk.row(source, partnerEnd) ?? bug('an arrival without its partner');
  desk.putRow(on, arrived);
  desk.putRow(source, { ...known, flags: partner.flags });
  const ends = { [on]: { epoch: desk.epoch(on), key: arrived.key }, [source]: partnerEnd } as Record<
    SideName,
    End
  >;
  const rows = { [on]: arrived, [source]: partner } as Record<SideName, Row>;
  const flags = { remote: rows.remote.flags, local: rows.local.flags };
  const { remote, local } = rows;
  const agreed = before?.flags ?? base;
  desk.putPair({
    remote: ends.remote,
    local: ends.local,
    flags:
      agreed === undefined
        ? adoptedFlags(flags, desk.permanent())
        : agreedFlags(agreed, flags, desk.permanent()),
    identity: before?.identity ?? local.identity,
    ...(remote.identity.digest === local.identity.digest ? {} : { remoteDigest: remote.identity.digest }),
    ...(before?.weak ? { weak: true } : {}),
  });
}
