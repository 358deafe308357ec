import { type BySide, SIDES, type SideName } from '../model/by-side.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import { endName } from '../model/pair.js';
import type { MessageKey, Row, Snapshot } from '../model/row.js';
import type { MailboxView } from '../model/view.js';
import { peekLocalEnd } from '../state/glimpse.js';
import type { MailboxRecord, SideRecord } from '../state/records.js';
import type { Store } from '../state/store.js';
import { editionsOf } from './mailbox-memory.js';

/** Rows of views that are kept. */
const MOST_KEPT = 20_000;

interface Kept {
  readonly stamp: string;
  readonly view: MailboxView;
}

/** One command asks several times for the same. */
const kept = new WeakMap<Store, { rows: number; readonly views: Map<MailboxName, Kept> }>();

/** The rows that changed since the mailbox was quiet, their pairs, and the other ends; undefined where that is not known. */
export async function loadTouched(store: Store, record: MailboxRecord): Promise<MailboxView | undefined> {
  const { mailbox } = record;
  if (record.touched === undefined) return undefined;
  const stamp = JSON.stringify([record, editionsOf(store, mailbox)]);
  const memory = kept.get(store) ?? { rows: 0, views: new Map<MailboxName, Kept>() };
  kept.set(store, memory);
  const before = memory.views.get(mailbox);
  if (before?.stamp === stamp) return before.view;
  const view = await readTouched(store, record);
  if (memory.rows > MOST_KEPT) {
    memory.views.clear();
    memory.rows = 0;
  }
  if (view !== undefined) {
    memory.views.set(mailbox, { stamp, view });
    memory.rows += SIDES.reduce((rows, side) => rows + (view.sides[side]?.rows.size ?? 0), 0);
  }
  return view;
}

async function readTouched(store: Store, record: MailboxRecord): Promise<MailboxView | undefined> {
  const { mailbox, touched, sides } = record;
  const { remote, local } = sides;
  if (touched === undefined || remote === undefined || local === undefined) return undefined;
  if (record.rematch !== undefined || record.missing !== undefined) return undefined;
  // What came is in no pair.
  const inPairs = (side: SideName) => without(touched[side], touched.came?.[side]);
  const names = inPairs('remote').map(key => endName({ epoch: remote.cursor.epoch, key }));
  let pairs = await store.getMany('pair', mailbox, names);
  const wanted = new Set(inPairs('local'));
  for (const { local: end } of pairs.values()) wanted.delete(end.key);
  if (wanted.size > 0) {
    const ends = await store.glimpses('pair', mailbox, peekLocalEnd);
    for (const [name, { key }] of ends) if (wanted.has(key)) names.push(name);
    // Read after all of them were: that a message has no pair is proven then.
    pairs = await store.getMany('pair', mailbox, [...new Set(names)]);
  }
  const found = [...pairs].sort(([a], [b]) => compareText(a, b)).map(([, pair]) => pair);
  const snapshotOf = async (side: SideName, { cursor, permanentFlags }: SideRecord): Promise<Snapshot> => {
    const keys = new Set([...touched[side], ...found.map(pair => pair[side].key)]);
    for (const key of touched.gone?.[side] ?? []) keys.delete(key);
    const rows = await store.getMany(side, mailbox, [...keys].sort(compareText));
    return {
      mailbox,
      cursor,
      permanentFlags,
      rows: rows as ReadonlyMap<MessageKey, Row>,
      unreadable: new Map(),
    };
  };
  return {
    mailbox,
    pairs: found,
    sides: { remote: await snapshotOf('remote', remote), local: await snapshotOf('local', local) },
    vanished: [],
    known: record.agreed ?? false,
  };
}

function without(keys: readonly MessageKey[], others: readonly MessageKey[] | undefined): MessageKey[] {
  const less = new Set(others);
  return keys.filter(key => !less.has(key));
}

/** Some messages of a mailbox. */
export type MessageKeys = BySide<ReadonlySet<MessageKey>>;

/** The same where these messages are part of it. */
export async function loadTouchedFor(
  store: Store,
  record: MailboxRecord,
  ends: MessageKeys,
): Promise<MailboxView | undefined> {
  const { touched } = record;
  const part = await loadTouched(store, record);
  if (part === undefined || touched === undefined) return undefined;
  for (const side of SIDES) {
    const known = new Set([...touched[side], ...part.pairs.map(pair => pair[side].key)]);
    for (const key of ends[side]) if (!known.has(key)) return undefined;
  }
  return part;
}
