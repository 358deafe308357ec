import { type BySide, bySide, SIDES, type SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import { type End, isEdited, isSettled, type Pair } from '../model/pair.js';
import type { MessageKey, Row } from '../model/row.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';
import { editionsOf } from './paired-ends.js';

/** So many pairs are compared with their messages at once. */
const PAIRS_AT_ONCE = 1000;

/** Whether each pair of a mailbox is settled, and shares no message with another one; read part by part. */
export function arePairsSettled(store: Store, record: MailboxRecord): Promise<boolean> {
  return areAll(store, record, isSettled);
}

const intact = new WeakMap<Store, Map<MailboxName, string>>();

/** The same but for flags: both ends are there, and neither was edited. Read once, as long as nobody writes a row or a pair. */
export async function arePairsIntact(store: Store, record: MailboxRecord): Promise<boolean> {
  const { mailbox } = record;
  const known = intact.get(store) ?? new Map<MailboxName, string>();
  intact.set(store, known);
  const stamp = editionsOf(store, mailbox);
  if (known.get(mailbox) === stamp) return true;
  const areIntact = await areAll(store, record, (pair, rows) =>
    SIDES.every(side => rows[side] !== undefined && !isEdited(pair, side, rows[side])),
  );
  if (areIntact) known.set(mailbox, stamp);
  return areIntact;
}

async function areAll(
  store: Store,
  { mailbox, sides }: MailboxRecord,
  isRight: (pair: Pair, rows: BySide<Row | undefined>) => boolean,
): Promise<boolean> {
  const areRight = async (pairs: readonly Pair[]) => {
    const rows = {
      remote: await store.some('remote', mailbox, keysOf(pairs, 'remote')),
      local: await store.some('local', mailbox, keysOf(pairs, 'local')),
    };
    const at = (side: SideName, { epoch, key }: End) =>
      epoch === sides[side]?.cursor.epoch ? rows[side].get(key) : undefined;
    return pairs.every(pair =>
      isRight(
        pair,
        bySide(side => at(side, pair[side])),
      ),
    );
  };
  const locals = new Set<MessageKey>();
  let part: Pair[] = [];
  for await (const [, pair] of store.each('pair', mailbox)) {
    part.push(pair);
    if (locals.has(pair.local.key)) return false;
    locals.add(pair.local.key);
    if (part.length < PAIRS_AT_ONCE) continue;
    if (!(await areRight(part))) return false;
    part = [];
  }
  return areRight(part);
}

function keysOf(pairs: readonly Pair[], side: SideName): MessageKey[] {
  return pairs.map(pair => pair[side].key);
}
