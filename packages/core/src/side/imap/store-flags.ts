import {
  applyDelta,
  canStore,
  type Flags,
  flagsWithout,
  hasFlag,
  isFlag,
  type PermanentFlags,
  sameFlags,
} from '../../model/flags.js';
import { groupBy } from '../../model/group-by.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { Epoch, MessageKey } from '../../model/row.js';
import type { FlagChange, FlagOutcome } from '../side.js';
import { Failed } from './bulk/pipeline.js';
import { CommandRefused } from './error-words.js';
import { bulkStore, type Fetched, type StoreRequest, storeFlags, WITH_FLAGS } from './fetch.js';
import { fetchSets } from './fetch-sets.js';
import { goneOf } from './look.js';
import { permanentFlagsOf } from './permanent-flags.js';
import { takeRecentRows } from './recent-look.js';
import { demandEpoch, type Opened, type Selection } from './selection.js';
import type { Session } from './session.js';
import { keyOf, uidOf, uidSets } from './uid-set.js';

const STORED_AT_ONCE = 5_000;
/** With more a server may be silent for long. */
const FEW = 1_000;

/** A change reduced to what the mailbox can store. */
interface Order {
  readonly uid: number;
  readonly add: Flags;
  readonly remove: Flags;
}

/** Changes flags by +FLAGS and -FLAGS, many messages in one command. Outcomes in the order of the changes. */
export async function changeFlags(
  { session, selection }: Opened,
  epoch: Epoch,
  changes: readonly FlagChange[],
): Promise<readonly FlagOutcome[]> {
  demandEpoch(selection, epoch);
  const before = recentFlags(selection, changes) ?? (await flagsNow(session, selection, changes));
  const storable = permanentFlagsOf(selection);
  const orders = new Map<FlagChange, Order>();
  for (const change of changes) {
    const flags = before.get(change.key);
    if (flags !== undefined) orders.set(change, orderOf(change, flags, storable));
  }
  const { refusals, answers } = await store(session, selection, [...orders.values()]);
  const after = new Map(before);
  for (const [uid, flags] of answers) if (after.has(keyOf(uid))) after.set(keyOf(uid), flags);
  // Where an answer does not say that all is well, the flags are asked for.
  const open = changes.filter(change => {
    const flags = after.get(change.key);
    if (!isChange(orders.get(change)) || flags === undefined) return false;
    return !answers.has(uidOf(change.key)!) || faultOf(change, flags, storable) !== undefined;
  });
  if (open.length > 0) {
    for (const { key } of open) after.delete(key);
    for (const [key, flags] of await flagsNow(session, selection, open)) after.set(key, flags);
  }
  const gone = await goneOf(
    session,
    selection,
    changes.map(change => change.key),
    after,
  );
  return changes.map(change => {
    const flags = after.get(change.key);
    if (gone.has(change.key)) return { kind: 'gone' };
    if (flags === undefined) return refused('the server does not say its flags');
    const why = faultOf(change, flags, storable);
    if (why === undefined) return { kind: 'done', flags };
    return refused(refusals.get(uidOf(change.key)!) ?? why);
  });
}

/** The flags these messages had a moment ago, where they were just looked at. */
function recentFlags(
  selection: Selection,
  changes: readonly FlagChange[],
): ReadonlyMap<MessageKey, Flags> | undefined {
  const rows = takeRecentRows(
    selection,
    changes.map(({ key }) => key),
  );
  return rows && new Map(changes.map(({ key }) => [key, rows.get(key)!.flags]));
}

function refused(reason: string): FlagOutcome {
  return { kind: 'refused', reason };
}

async function flagsNow(
  session: Session,
  selection: Selection,
  changes: readonly FlagChange[],
): Promise<Map<MessageKey, Flags>> {
  const byUid = new Map(changes.flatMap(({ key }) => (uidOf(key) === undefined ? [] : [[uidOf(key)!, key]])));
  const flags = new Map<MessageKey, Flags>();
  const sets = uidSets(byUid.keys(), { messages: STORED_AT_ONCE });
  await fetchSets(
    session,
    { mailbox: selection.place.mailbox, sets, columns: WITH_FLAGS },
    {
      take: fetched => {
        const key = byUid.get(fetched.uid);
        if (key !== undefined && fetched.flags !== undefined) flags.set(key, fetched.flags);
      },
      refused: () => {},
    },
  );
  return flags;
}

function orderOf(change: FlagChange, now: Flags, storable: PermanentFlags): Order {
  const can = (flag: string) => isFlag(flag) && canStore(storable, flag);
  return {
    uid: uidOf(change.key)!,
    add: change.add.filter(flag => can(flag) && !hasFlag(now, flag)),
    remove: change.remove.filter(flag => can(flag) && hasFlag(now, flag)),
  };
}

function isChange(order: Order | undefined): boolean {
  return order !== undefined && (order.add.length > 0 || order.remove.length > 0);
}

interface Stored {
  /** Why, for the messages of those STOREs that the server refused. */
  readonly refusals: ReadonlyMap<number, string>;
  /** The flags messages have since, where the server said so. */
  readonly answers: ReadonlyMap<number, Flags>;
}

/**
 * Sends the STOREs, one for each set of flags to add or to remove; the server answers with the flags there are then (RFC 3501 §6.4.6). A
 * few messages' are sent in one go, but never two of the same message (§5.5).
 */
async function store(session: Session, selection: Selection, orders: readonly Order[]): Promise<Stored> {
  const stored = { refusals: new Map<number, string>(), answers: new Map<number, Flags>() };
  const { mailbox } = selection.place;
  const adding = storesOf(mailbox, orders, '+FLAGS');
  const removing = storesOf(mailbox, orders, '-FLAGS');
  const areApart = orders.every(({ add, remove }) => add.length === 0 || remove.length === 0);
  for (const stores of areApart ? [[...adding, ...removing]] : [adding, removing])
    await sendAll(session, stores, stored);
  return stored;
}

interface Store {
  readonly uids: readonly number[];
  readonly request: StoreRequest;
}

function storesOf(mailbox: MailboxName, orders: readonly Order[], change: StoreRequest['change']): Store[] {
  const wanted = orders
    .map(({ uid, add, remove }) => ({ uid, flags: change === '+FLAGS' ? add : remove }))
    .filter(({ flags }) => flags.length > 0);
  const groups = groupBy(wanted, ({ flags }) => flags.map(flag => flag.toLowerCase()).join(' '));
  return [...groups.values()].flatMap(group => {
    const { flags } = group[0]!;
    const sets = uidSets(
      group.map(({ uid }) => uid),
      { messages: STORED_AT_ONCE },
    );
    return sets.map(({ text: set, uids }) => ({ uids, request: { mailbox, set, change, flags } }));
  });
}

/** STOREs of different messages: what is said while one of them is under way counts for those that come later only until they are answered. */
async function sendAll(
  session: Session,
  stores: readonly Store[],
  { refusals, answers }: { readonly refusals: Map<number, string>; readonly answers: Map<number, Flags> },
): Promise<void> {
  const listeners = stores.map(() => {
    const said = new Map<number, Flags>();
    const take = ({ uid, flags }: Fetched) => void (flags === undefined || said.set(uid, flags));
    return { said, take };
  });
  const areFew = stores.reduce((sum, { uids }) => sum + uids.length, 0) <= FEW;
  const results =
    stores.length > 1 && areFew && session.takesSeveral
      ? await session.pipeline(
          stores.map(({ request }, at) => bulkStore(session, request, listeners[at]!.take)),
        )
      : undefined;
  for (const [at, { uids, request }] of stores.entries()) {
    const { said, take } = listeners[at]!;
    try {
      const result = results?.[at] ?? (await storeFlags(session, request, take));
      if (result instanceof Failed) throw result.error;
    } catch (error) {
      if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
      for (const uid of uids) refusals.set(uid, `the server refused it: ${error.words}`);
    }
    for (const uid of uids) answers.delete(uid);
    for (const [uid, flags] of said) answers.set(uid, flags);
  }
}

/** Why a change did not happen, or undefined when all of it that can be stored did. */
function faultOf(change: FlagChange, now: Flags, storable: PermanentFlags): string | undefined {
  const asked = [...change.add, ...change.remove];
  const possible = asked.filter(flag => isFlag(flag) && canStore(storable, flag));
  const wanted = applyDelta(now, {
    add: change.add.filter(flag => possible.includes(flag)),
    remove: change.remove.filter(flag => possible.includes(flag)),
  });
  if (!sameFlags(wanted, now)) return 'the server did not keep the change';
  const already = sameFlags(applyDelta(now, change), now);
  if (already || possible.length > 0) return undefined;
  return `the mailbox cannot store ${flagsWithout(asked, possible).join(' ')}`;
}
