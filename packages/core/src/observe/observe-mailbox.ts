import type { BySide, SideName } from '../model/by-side.js';
import { canStore, sameFlags } from '../model/flags.js';
import type { MailboxName } from '../model/mailbox.js';
import { type MessageKey, type Row, sameCursor, withPartnerOf } from '../model/row.js';
import type { Changes, Earlier } from '../side/earlier.js';
import type { Seen } from '../side/side.js';
import { type MailboxRecord, type SideRecord, unquiet, withoutSide } from '../state/records.js';
import type { Repository } from '../state/repository.js';
import type { Change, Store } from '../state/store.js';
import { noteFamiliar } from './file-names.js';
import { loadEarlier, loadRecord } from './load-view.js';
import { wentBack, witnessFault } from './went-back.js';

/** What a new snapshot brought, in messages. */
export interface MailboxChange {
  readonly mailbox: MailboxName;
  readonly fresh: number;
  readonly gone: number;
  readonly flags: number;
  readonly total: number;
}

export interface ObservedMailbox {
  readonly change: MailboxChange;
  readonly unreadable: Changes['unreadable'];
  /** The mailbox should carry our witness and has none. */
  readonly unwitnessed: boolean;
}

const CHANGES_A_BATCH = 2000;

/** Takes a snapshot of one mailbox of one side and brings the state up to date with it. */
export async function observeMailbox(
  repository: Repository,
  side: SideName,
  mailbox: MailboxName,
  seen?: Seen,
): Promise<ObservedMailbox> {
  const { store } = repository;
  const record = await loadRecord(store, mailbox);
  const earlier = await loadEarlier(store, record, side);
  const first = new FirstRows(store, record, side);
  const take = earlier === undefined ? (rows: ReadonlyMap<MessageKey, Row>) => first.take(rows) : undefined;
  const now = await first.guard(repository.sides[side].changes(mailbox, earlier, seen, take));
  const witness = await repository.sides[side].readWitness(mailbox);
  const fault =
    (earlier === undefined ? undefined : wentBack(earlier.cursor, now.cursor)) ??
    (witness === false ? undefined : witnessFault(record, witness, repository.id)) ??
    cameBack(record, side);
  const changes = changesOf(now, side);
  if (earlier !== undefined) changes.push(...(await forgetUnproven(repository, earlier, now)));
  const change = summary(now, earlier?.size ?? 0);
  await writeSnapshot(repository, {
    record,
    snapshot: now,
    changes,
    partners: side === 'local' ? await partnersOf(earlier, now) : [],
    side,
    isBegun: first.isBegun,
    ...(fault === undefined ? {} : { fault }),
  });
  if (now.familiar !== undefined && side === 'local') await noteFamiliar(store, mailbox, now.familiar);
  return {
    change,
    unreadable: now.unreadable,
    unwitnessed: record.generation > 0 && witness === undefined,
  };
}

/** No cursor tells any more whether it is the same, or an older copy of it. */
function cameBack(record: MailboxRecord, side: SideName): string | undefined {
  return record.missing?.[side] === undefined
    ? undefined
    : `the mailbox was not on the ${side} side for a while`;
}

/** The partners of messages that changed or went, as far as they are known. */
async function partnersOf(
  earlier: Earlier | undefined,
  { before, gone }: Changes,
): Promise<readonly MessageKey[]> {
  const went = gone.length > 0 && gone.length <= MOST_TOUCHED ? await earlier?.rows(gone) : undefined;
  return [...before.values(), ...(went?.values() ?? [])].flatMap(({ partner }) => partner ?? []);
}

/**
 * A flag the side could not store so far stands in base because the other side had it. Now that it can be stored, its
 * absence here must not look like a removal.
 */
async function forgetUnproven(
  repository: Repository,
  { permanentFlags: before }: Earlier,
  now: Changes,
): Promise<Change[]> {
  const { mailbox } = now;
  if (before.join(' ') === now.permanentFlags.join(' ')) return [];
  const changes: Change[] = [];
  for (const [key, pair] of await repository.store.all('pair', mailbox)) {
    const flags = pair.flags.filter(flag => canStore(before, flag) || !canStore(now.permanentFlags, flag));
    if (flags.length < pair.flags.length)
      changes.push({ put: 'pair', mailbox, key, value: { ...pair, flags } });
  }
  return changes;
}

function changesOf({ mailbox, rows, before, gone }: Changes, side: SideName): Change[] {
  return [
    ...[...rows].map(
      ([key, row]): Change => ({ put: side, mailbox, key, value: withPartnerOf(row, before.get(key)) }),
    ),
    ...gone.map((key): Change => ({ del: side, mailbox, key })),
  ];
}

/** `had`: messages of the earlier snapshot. */
function summary(
  { mailbox, rows, taken = 0, before, gone, anew, cursor, unreadable }: Changes,
  had: number,
): MailboxChange {
  let flags = 0;
  for (const [key, row] of before) if (!sameFlags(row.flags, rows.get(key)!.flags)) flags++;
  return {
    mailbox,
    fresh: rows.size + taken - before.size,
    gone: anew ? had : gone.length,
    flags,
    total: cursor.count - unreadable.size,
  };
}

interface NewSnapshot {
  readonly record: MailboxRecord;
  readonly snapshot: Changes;
  readonly changes: readonly Change[];
  readonly partners: readonly MessageKey[];
  readonly side: SideName;
  /** Rows were written before all of them were read. */
  readonly isBegun: boolean;
  readonly fault?: string;
}

/**
 * Rows of a side's first look at a mailbox, written while it goes on. The claim that the side has the mailbox comes last: until
 * then the next look begins anew.
 */
class FirstRows {
  readonly #store: Store;
  readonly #record: MailboxRecord;
  readonly #side: SideName;
  isBegun = false;

  constructor(store: Store, record: MailboxRecord, side: SideName) {
    this.#store = store;
    this.#record = record;
    this.#side = side;
  }

  async take(rows: ReadonlyMap<MessageKey, Row>): Promise<void> {
    const { mailbox } = this.#record;
    if (!this.isBegun) {
      this.isBegun = true;
      const value = unquiet(this.#record);
      await writeInBatches(this.#store, [
        { clear: this.#side, mailbox },
        { put: 'mailbox', mailbox: '', key: mailbox, value },
      ]);
    }
    await writeInBatches(
      this.#store,
      [...rows].map(([key, value]): Change => ({ put: this.#side, mailbox, key, value })),
    );
  }

  /** A look that fails leaves nothing. */
  async guard<T>(look: Promise<T>): Promise<T> {
    try {
      return await look;
    } catch (error) {
      if (this.isBegun)
        await writeInBatches(this.#store, [{ clear: this.#side, mailbox: this.#record.mailbox }]).catch(
          () => undefined,
        );
      throw error;
    }
  }
}

async function writeInBatches(store: Store, changes: readonly Change[]): Promise<void> {
  for (let from = 0; from < changes.length; from += CHANGES_A_BATCH)
    await store.write(changes.slice(from, from + CHANGES_A_BATCH), { durable: false });
}

/**
 * One batch where it fits. Else the mailbox is no longer quiet first, then come the rows, and the record that vouches for
 * them last: a crash in between leaves an older cursor, which only means that more is read again. Where no earlier row
 * counts, they go at once, together with the claim that the side has the mailbox.
 */
async function writeSnapshot(repository: Repository, news: NewSnapshot): Promise<void> {
  const { record, snapshot, changes, side, isBegun, fault } = news;
  const { store } = repository;
  const { mailbox } = record;
  const now: SideRecord = {
    cursor: snapshot.cursor,
    permanentFlags: snapshot.permanentFlags,
    ...(snapshot.unreadable.size === 0 ? {} : { unreadable: Object.fromEntries(snapshot.unreadable) }),
  };
  const before = record.sides[side];
  const moved =
    snapshot.anew ||
    before === undefined ||
    !sameSide(before, now) ||
    changes.length > 0 ||
    fault !== undefined;
  if (!moved) return;
  const { quiet, touched, missing, faults, ...lasting } = record;
  const [missingElsewhere, faultsElsewhere] = [withoutSide(missing, side), withoutSide(faults, side)];
  const rest = {
    ...lasting,
    ...(missingElsewhere === undefined ? {} : { missing: missingElsewhere }),
    ...(faultsElsewhere === undefined ? {} : { faults: faultsElsewhere }),
  };
  const cursorOnly =
    !snapshot.anew &&
    changes.length === 0 &&
    fault === undefined &&
    before !== undefined &&
    sameSide(before, { ...now, cursor: before.cursor }) &&
    before.cursor.epoch === now.cursor.epoch;
  const next: MailboxRecord = {
    ...rest,
    ...(quiet && cursorOnly
      ? { quiet, ...(touched === undefined ? {} : { touched }) }
      : touchedBy(news, now)),
    sides: { ...record.sides, [side]: now },
    ...(record.agreed || record.sides[side === 'remote' ? 'local' : 'remote'] !== undefined
      ? { agreed: true }
      : {}),
    ...(fault === undefined ? {} : { rematch: fault }),
  };
  const { [side]: _before, ...others } = record.sides;
  const meanwhile: MailboxRecord = {
    ...rest,
    sides: snapshot.anew ? others : record.sides,
    ...(fault === undefined ? {} : { rematch: fault }),
  };
  const batch: Change[] = [
    ...(snapshot.anew && !isBegun ? [{ clear: side, mailbox } as const] : []),
    ...changes,
    { put: 'mailbox', mailbox: '', key: mailbox, value: next },
  ];
  if (batch.length > CHANGES_A_BATCH)
    batch.unshift({ put: 'mailbox', mailbox: '', key: mailbox, value: meanwhile });
  await writeInBatches(store, batch);
}

/** So many rows may have changed before a look at the whole mailbox is as good. */
const MOST_TOUCHED = 2000;

/** What is known of the rows that changed since the mailbox was quiet, when these changes are written. */
function touchedBy(
  { record, snapshot, changes, partners, side, fault }: NewSnapshot,
  now: SideRecord,
): Pick<MailboxRecord, 'touched'> {
  const before = record.touched;
  const was = record.sides[side];
  if (before === undefined || was === undefined || snapshot.anew || fault !== undefined) return {};
  if (record.rematch !== undefined) return {};
  const asBefore = was.permanentFlags.join(' ') === now.permanentFlags.join(' ');
  if (!asBefore || was.unreadable !== undefined || now.unreadable !== undefined) return {};
  const touched = new Set(before[side]);
  const came = new Set(before.came?.[side]);
  const gone = new Set(before.gone?.[side]);
  for (const change of changes) {
    if ('put' in change && change.put === side) {
      const key = change.key as MessageKey;
      touched.add(key);
      if (!gone.delete(key) && !snapshot.before.has(key)) came.add(key);
    } else if ('del' in change && change.del === side) {
      const key = change.key as MessageKey;
      if (came.delete(key)) touched.delete(key);
      else {
        touched.add(key);
        gone.add(key);
      }
    } else return {};
  }
  const of = (known: BySide<readonly MessageKey[]> | undefined, keys: ReadonlySet<MessageKey>) => ({
    ...(known ?? { remote: [], local: [] }),
    [side]: [...keys],
  });
  const all = { ...of(before, touched), came: of(before.came, came), gone: of(before.gone, gone) };
  // By these the pairs of local messages are found.
  all.remote = [...new Set([...all.remote, ...partners])];
  return all.remote.length + all.local.length > MOST_TOUCHED ? {} : { touched: all };
}

function sameSide(a: SideRecord, b: SideRecord): boolean {
  return (
    sameCursor(a.cursor, b.cursor) &&
    a.permanentFlags.join(' ') === b.permanentFlags.join(' ') &&
    JSON.stringify(a.unreadable) === JSON.stringify(b.unreadable)
  );
}
