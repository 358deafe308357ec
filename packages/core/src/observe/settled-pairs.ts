import { type BySide, bySide, SIDES, type SideName } from '../model/by-side.js';
import { type End, isEdited, isSettled, type Pair } from '../model/pair.js';
import type { MessageKey, Row } from '../model/row.js';
import type { MailboxRecord } from '../state/records.js';
import type { Store } from '../state/store.js';
import { editionsOf, MailboxMemory } from './mailbox-memory.js';

/** So many pairs are compared with their messages at once. */
const PAIRS_AT_ONCE = 1000;

/** Whether each message of a mailbox is in a settled pair; where all pairs are known to be settled, their number tells. */
export async function isAllSettled(
  store: Store,
  record: MailboxRecord,
  areSettled: boolean,
): Promise<boolean> {
  const { mailbox } = record;
  const count = await store.count('pair', mailbox);
  for (const side of SIDES) if ((await store.count(side, mailbox)) !== count) return false;
  return areSettled || areAll(store, record, isSettled);
}

const intact = new MailboxMemory<true>();

/** Whether both ends of each pair are there, unedited. Read once, as long as nobody writes a row or a pair. */
export async function arePairsIntact(store: Store, record: MailboxRecord): Promise<boolean> {
  const { mailbox } = record;
  const stamp = editionsOf(store, mailbox);
  if (intact.recall(store, mailbox, stamp)) return true;
  const areIntact = await areAll(store, record, (pair, rows) =>
    SIDES.every(side => rows[side] !== undefined && !isEdited(pair, side, rows[side])),
  );
  if (areIntact) intact.note(store, mailbox, stamp, true);
  return areIntact;
}

/** Whether this is so of each pair, and none shares a message with another one; read part by part. */
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
