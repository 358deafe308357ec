import { otherSide, type SideName } from '../model/by-side.js';
import { isCopy } from '../model/is-copy.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Row } from '../model/row.js';
import type { Decision } from './decision.js';

/** A message that both sides have in a mailbox, as the side has it that a copy would be made on. */
export interface Original {
  readonly mailbox: MailboxName;
  readonly row: Row;
  /** What the other side has there. */
  readonly counterpart: Row;
}

export interface Originals {
  /** Messages of a side that are paired, by digest. */
  find(side: SideName, digest: string): readonly Original[];
  /** How many messages of this digest, paired or not, a side has in a mailbox that was looked at. */
  count(side: SideName, mailbox: MailboxName, digest: string): number;
}

/** Digests of the new messages that `findCopies` would look for. */
export function digestsToFind(decisions: readonly Decision[]): Set<string> {
  return new Set(decisions.flatMap(decision => (isNew(decision) ? [decision.row.identity.digest] : [])));
}

/** A new message that the other side has in another mailbox already is copied there: its bytes do not travel twice. Pure. */
export function findCopies(decisions: readonly Decision[], originals: Originals): Decision[] {
  return decisions.map(decision => {
    if (!isNew(decision)) return decision;
    const { to: on, mailbox: to, row: partner } = decision;
    const { digest } = partner.identity;
    const isSole = (mailbox: MailboxName) => originals.count(otherSide(on), mailbox, digest) === 1;
    const original = originals
      .find(on, digest)
      .find(
        ({ mailbox, counterpart }) =>
          mailbox !== to && isCopy(counterpart, partner, () => isSole(mailbox) && isSole(to)),
      );
    if (original === undefined) return decision;
    const { mailbox, row } = original;
    return {
      kind: 'duplicate',
      on,
      mailbox,
      to,
      original: row,
      partner,
      why: `new on ${otherSide(on)}, and in ${mailbox} already`,
    };
  });
}

function isNew(decision: Decision): decision is Decision & { kind: 'copy' } {
  return decision.kind === 'copy' && decision.instead === undefined;
}
