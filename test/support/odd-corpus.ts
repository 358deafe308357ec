import type { Flags } from '@postern/core/model/flags.js';
import { type CorpusMessage, type CorpusOptions, corpus } from './corpus.js';
import { falseTwins, oddMessages, twins } from './messages.js';

const NAMES: Readonly<Record<string, string>> = {
  box001: 'Entwürfe',
  box002: 'Listen/日本語',
  box003: 'R&D',
  box004: 'Archiv/2025/tief/tiefer',
};

/** Octets a server without BINARY does not take. */
const UNSENDABLE = new Set(['NUL']);

/**
 * A corpus in mailboxes with nested and non-ASCII names, and in INBOX, beside it, every odd message, twins and false twins.
 */
export function* oddCorpus(options: CorpusOptions): Generator<CorpusMessage> {
  for (const one of corpus(options)) yield { ...one, mailbox: NAMES[one.mailbox] ?? one.mailbox };
  const odd = Object.entries(oddMessages())
    .filter(([name]) => !UNSENDABLE.has(name))
    .map(([, bytes]) => bytes);
  const more = [
    ...odd,
    ...twins({ id: 'twins' }),
    ...twins({ id: false, subject: 'Twins without an id' }),
    ...falseTwins(),
  ];
  const flagSets: readonly Flags[] = [[], ['\\Seen'], ['\\Flagged', '\\Seen']];
  for (const [index, bytes] of more.entries()) {
    yield { mailbox: 'INBOX', bytes, flags: flagSets[index % 3]!, date: 1_700_000_000_000 + index * 1000 };
  }
}
