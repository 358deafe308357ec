import type { SideName } from '../model/by-side.js';
import type { Identity } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Result } from '../model/outcome.js';
import type { Cursor, Epoch, MessageKey } from '../model/row.js';
import { readPair, readRow, storePair, storeRow } from './message-forms.js';
import type {
  DigestIndex,
  FileNames,
  Intent,
  Kind,
  MailboxRecord,
  Operation,
  RecordKinds,
  RepositoryRecord,
  Settled,
  SideRecord,
  Touched,
} from './records.js';
import {
  boolean,
  branded,
  list,
  number,
  object,
  oneOf,
  optional,
  type Reader,
  text,
  tuple,
  whole,
} from './shape.js';

/** How a kind of record looks when stored; `read` undoes `store` and refuses every other shape. */
interface Form<T> {
  readonly store: (value: T) => unknown;
  readonly read: Reader<T>;
}

const side = oneOf<SideName>('remote', 'local');
const epoch = branded<Epoch>;
const messageKey = branded<MessageKey>;

const repository = object<RepositoryRecord>({
  repository: text,
  addresses: object({ remote: text, local: text }),
  created: number,
  fetched: optional(number),
  scope: optional(text),
  leftOut: optional(list(branded<MailboxName>)),
});

const cursor = object<Cursor>({
  epoch,
  count: whole,
  uidNext: optional(whole),
  highestModseq: optional(text),
  mailboxId: optional(text),
  stamp: optional(text),
});

const reasons = list(raw => {
  const [key, reason] = tuple(raw, 2);
  return [text(key), text(reason)] as const;
});

const sideRecord = object<SideRecord>({
  cursor,
  permanentFlags: list(text),
  unreadable: optional(raw => Object.fromEntries(reasons(raw))),
});

const keysBySide = { remote: list(messageKey), local: list(messageKey) };

const mailbox = object<MailboxRecord>({
  mailbox: branded,
  generation: whole,
  pending: optional(whole),
  sides: object<MailboxRecord['sides']>({ remote: optional(sideRecord), local: optional(sideRecord) }),
  rematch: optional(text),
  quiet: optional(boolean),
  touched: optional(
    object<Touched>({
      ...keysBySide,
      came: optional(object(keysBySide)),
      gone: optional(object(keysBySide)),
    }),
  ),
  missing: optional(
    object<NonNullable<MailboxRecord['missing']>>({ remote: optional(whole), local: optional(whole) }),
  ),
  faults: optional(
    object<NonNullable<MailboxRecord['faults']>>({ remote: optional(text), local: optional(text) }),
  ),
  agreed: optional(boolean),
  formerly: optional(branded<MailboxName>),
});

/** Keys of messages are data, not field names: msgpackr would rename a message called `__proto__`. */
function storeMailbox(record: MailboxRecord): unknown {
  const storeSide = (at: SideRecord | undefined) =>
    at?.unreadable === undefined ? at : { ...at, unreadable: Object.entries(at.unreadable) };
  return {
    ...record,
    sides: { remote: storeSide(record.sides.remote), local: storeSide(record.sides.local) },
  };
}

const intent = object<Intent>({
  operation: text,
  side,
  mailbox: branded,
  source: object<Intent['source']>({ epoch, key: messageKey }),
  identity: object<Identity>({
    messageId: optional(text),
    digest: text,
    size: whole,
    content: optional(text),
  }),
  epoch,
  key: optional(messageKey),
  uidFrom: optional(whole),
  begun: number,
  lost: optional(number),
  from: optional(object<NonNullable<Intent['from']>>({ mailbox: branded, epoch, key: messageKey })),
});

const operation = object<Operation>({
  started: number,
  ended: optional(number),
  counts: optional(
    object<Readonly<Partial<Record<Result, number>>>>({
      done: optional(whole),
      already: optional(whole),
      skipped: optional(whole),
      failed: optional(whole),
      held: optional(whole),
    }),
  ),
  pid: optional(whole),
  command: optional(text),
  actions: optional(whole),
  settled: optional(object<Settled>({ by: text, at: number, found: whole, undone: whole, open: whole })),
});

const digests = object<DigestIndex>({
  stamp: optional(text),
  digests: text,
  blocks: optional(whole),
  entries: optional(whole),
});

const files = object<FileNames>({
  stamp: text,
  place: text,
  looked: number,
  names: text,
  gone: text,
  of: optional(text),
  doubted: list(messageKey),
});

const row = { store: storeRow, read: readRow };

export const FORMS: { readonly [K in Kind]: Form<RecordKinds[K]> } = {
  meta: { store: repository, read: repository },
  mailbox: { store: storeMailbox, read: mailbox },
  pair: { store: storePair, read: readPair },
  remote: row,
  local: row,
  intent: { store: intent, read: intent },
  log: { store: operation, read: operation },
  digests: { store: digests, read: digests },
  files: { store: files, read: files },
};
