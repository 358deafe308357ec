import type { Flags } from '../../model/flags.js';
import { type Identity, readHeader } from '../../model/identity.js';
import type { Row } from '../../model/row.js';
import { tuidOctets } from '../../model/tuid-filter.js';
import type { Fetched } from './fetch.js';
import { keyOf } from './uid-set.js';

/** Why an answer is not enough to know a message by, or undefined when it is. */
export function descriptionFault(fetched: Fetched): string | undefined {
  if (fetched.header === undefined || fetched.header === null) return 'the server does not send its header';
  if (fetched.size === undefined) return 'the server does not say its size';
  return undefined;
}

/** What does not change as long as the UID lives. */
export type Description = Omit<Row, 'flags' | 'modseq'>;

/** The lasting part of a row; undefined where the answer is not enough. */
export function describe(fetched: Fetched): Description | undefined {
  const { uid, header, date, serverId } = fetched;
  if (header === undefined || header === null || fetched.size === undefined) return undefined;
  const size = Math.max(0, fetched.size - tuidOctets(header));
  const { messageId, digest, envelope } = readHeader(header);
  const identity: Identity = messageId === undefined ? { digest, size } : { messageId, digest, size };
  const lasting = { key: keyOf(uid), date: date ?? dateOf(envelope.date), identity, envelope };
  return serverId === undefined ? lasting : { serverId, ...lasting };
}

/** For the rare server that sends no INTERNALDATE: what the message says itself, else the epoch. */
function dateOf(text: string | undefined): number {
  const date = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(date) ? 0 : date;
}

/** A description and what may change, as a row. Literals that begin with a spread are slow; there is one a message. */
export function withState(
  lasting: Description,
  { flags, modseq }: { readonly flags: Flags; readonly modseq: string | undefined },
): Row {
  return modseq === undefined ? { flags, ...lasting } : { flags, modseq, ...lasting };
}

/** The whole row; undefined where the answer is not enough. */
export function rowOf(fetched: Fetched): Row | undefined {
  const description = describe(fetched);
  const { flags, modseq } = fetched;
  if (description === undefined || flags === undefined) return undefined;
  return withState(description, { flags, modseq });
}
