import { unsettledPart } from '../match/unsettled-part.js';
import { SIDES, type SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Pair } from '../model/pair.js';
import type { Glimpse, MessageKey, Row, Snapshot } from '../model/row.js';
import type { MailboxView } from '../model/view.js';
import type { Earlier } from '../side/earlier.js';
import { peekRow } from '../state/glimpse.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';
import { loadFamiliar } from './file-names.js';
import { loadTouched } from './touched-part.js';

/** The last snapshot of a mailbox as the state has it; undefined where the side had no such mailbox. */
export async function loadSnapshot(
  store: Store,
  record: MailboxRecord,
  side: SideName,
): Promise<Snapshot | undefined> {
  const known = record.sides[side];
  if (known === undefined) return undefined;
  return {
    mailbox: record.mailbox,
    cursor: known.cursor,
    permanentFlags: known.permanentFlags,
    rows: (await store.all(side, record.mailbox)) as ReadonlyMap<MessageKey, Row>,
    unreadable: new Map(Object.entries(known.unreadable ?? {})) as Map<MessageKey, string>,
  };
}

/** The same, of which rows are read when they are asked for. */
export async function loadEarlier(
  store: Store,
  { mailbox, sides }: MailboxRecord,
  side: SideName,
): Promise<Earlier | undefined> {
  const known = sides[side];
  if (known === undefined) return undefined;
  return {
    cursor: known.cursor,
    permanentFlags: known.permanentFlags,
    unreadable: new Map(Object.entries(known.unreadable ?? {})) as Map<MessageKey, string>,
    size: await store.count(side, mailbox),
    keys: async () => (await store.keys(side, mailbox)) as readonly MessageKey[],
    glimpses: async () => (await store.glimpses(side, mailbox, peekRow)) as ReadonlyMap<MessageKey, Glimpse>,
    familiar: async () => (side === 'local' ? loadFamiliar(store, mailbox) : undefined),
    rows: async keys => (await store.some(side, mailbox, keys)) as ReadonlyMap<MessageKey, Row>,
  };
}

/** Everything the state has on one mailbox. */
export async function loadView(store: Store, record: MailboxRecord): Promise<MailboxView> {
  return {
    mailbox: record.mailbox,
    pairs: listOf(await store.all('pair', record.mailbox)),
    sides: {
      remote: await loadSnapshot(store, record, 'remote'),
      local: await loadSnapshot(store, record, 'local'),
    },
    vanished: SIDES.filter(side => (record.missing?.[side] ?? 0) > 1),
    known: record.agreed ?? false,
    ...(record.rematch === undefined ? {} : { rematch: record.rematch }),
  };
}

/** What a merge can have something to say about, found without reading the rest where the record knows what changed. */
export async function loadUnsettled(store: Store, record: MailboxRecord): Promise<MailboxView> {
  return unsettledPart((await loadTouched(store, record)) ?? (await loadView(store, record)));
}

export async function loadRecord(store: Store, mailbox: MailboxName): Promise<MailboxRecord> {
  return (await store.get('mailbox', '', mailbox)) ?? { mailbox, generation: 0, sides: {} };
}

type Pairs = ReadonlyMap<string, Pair>;

const lists = new WeakMap<Pairs, readonly Pair[]>();

/** The same list for the same pairs: what was found out about it holds. */
function listOf(pairs: Pairs): readonly Pair[] {
  const known = lists.get(pairs);
  if (known !== undefined) return known;
  const list = [...pairs.values()];
  lists.set(pairs, list);
  return list;
}
