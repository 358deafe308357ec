import type { SideName } from '../model/by-side.js';
import { bug, isMailboxUnread, PosternError } from '../model/error.js';
import { type Hidden, hiddenAt, hides } from '../model/hidden.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import type { MailboxEntry, MessageKey, Problem } from '../model/row.js';
import { type MailboxRecord, unquiet, withoutSide } from '../state/records.js';
import { eachInLanes, type Progress, type Repository } from '../state/repository.js';
import type { Change } from '../state/store.js';
import { forgetLeftOut } from './apply-scope.js';
import { loadRecord } from './load-view.js';
import { type MailboxChange, observeMailbox } from './observe-mailbox.js';
import { witnessFault } from './went-back.js';

export interface ObserveOptions {
  /** Only these; all when absent. */
  readonly mailboxes?: readonly MailboxName[];
  readonly progress?: Progress;
  /** A mailbox that is missing again is missing for good: set once a command, so that one bad listing is not believed. */
  readonly confirmMissing?: boolean;
}

/** What a look at a side left in the dark. */
export interface Unseen {
  /** Mailboxes that could not be read: nothing is concluded about them in this run. */
  readonly unread: ReadonlySet<MailboxName>;
  /** Those of them that base knows and that may have got mail since they were last read, and why they cannot be. */
  readonly unseen: ReadonlyMap<MailboxName, string>;
}

export interface Observation extends Unseen {
  readonly side: SideName;
  readonly mailboxes: number;
  readonly changes: readonly MailboxChange[];
  readonly problems: readonly Problem[];
  /** Every mailbox that should carry our witness has lost it: the side is not the one we knew. */
  readonly stranger: boolean;
}

/**
 * Brings the state up to date with a side. A mailbox that cannot be read is reported and left as it was; a side that
 * cannot be listed is an error. Mailboxes the side no longer has lose their snapshot, never their pairs.
 */
export async function observeSide(
  repository: Repository,
  side: SideName,
  options: ObserveOptions = {},
): Promise<Observation> {
  const { store } = repository;
  const { entries, problems: listed, leftOut, hidden } = await repository.sides[side].list();
  const forgotten = leftOut === undefined ? [] : await forgetLeftOut(repository, leftOut);
  const records = await store.all('mailbox', '');
  const wanted = (mailbox: string) =>
    options.mailboxes === undefined || options.mailboxes.some(name => name === mailbox);
  const selectable = entries
    .filter(entry => entry.selectable)
    .sort((a, b) => compareText(a.mailbox, b.mailbox));

  const changes: MailboxChange[] = [];
  const problems: Problem[] = [...listed, ...forgotten.map(outOfSight)];
  const unread = new Set<MailboxName>();
  const unseen = new Map<MailboxName, string>();
  const there = new Set<string>(selectable.map(entry => entry.mailbox));
  const missing = [...records.values()].filter(record => !there.has(record.mailbox));
  const strange = strangePlaces(hidden, missing, side);
  let witnessed = 0;
  let unwitnessed = 0;
  const toSee: MailboxEntry[] = [];
  for (const entry of selectable) {
    const { mailbox } = entry;
    if (!wanted(mailbox) || isUnchanged(records.get(mailbox), side, entry)) continue;
    const beside = strange.find(place => hides(place, mailbox));
    if (beside === undefined) toSee.push(entry);
    else {
      unread.add(mailbox);
      problems.push({ mailbox, reason: `it lies where others are out of sight: ${beside.reason}` });
    }
  }
  const sights = await seeEach(repository, side, { entries: toSee, records, progress: options.progress });
  for (const entry of toSee) {
    const { mailbox } = entry;
    const record = records.get(mailbox);
    const sight = sights.get(mailbox) ?? bug('a mailbox nobody looked at');
    if (sight instanceof PosternError) {
      unread.add(mailbox);
      problems.push({ mailbox, reason: sight.message });
      await noteFault(repository, side, { mailbox, reason: sight.message });
      if (record?.agreed && !gotNoMail(record, side, entry)) unseen.set(mailbox, sight.message);
      continue;
    }
    const { change, unreadable } = sight;
    if (change !== undefined && change.fresh + change.gone + change.flags > 0) changes.push(change);
    for (const [key, reason] of unreadable) problems.push({ mailbox, key, reason });
    if ((record?.generation ?? 0) > 0) sight.unwitnessed ? unwitnessed++ : witnessed++;
  }
  for (const known of missing) {
    if (!wanted(known.mailbox)) continue;
    const place = hiddenAt(hidden, known);
    if (place !== undefined && isKnown(known, side)) {
      const reason = `it is out of sight: ${place.reason}`;
      unread.add(known.mailbox);
      problems.push({ mailbox: known.mailbox, reason });
      if (known.agreed) unseen.set(known.mailbox, reason);
      continue;
    }
    const record = await forgetLeftovers(repository, side, known);
    if (record.sides[side] !== undefined) changes.push(await forgetSnapshot(repository, side, record));
    else if (options.confirmMissing && (record.missing?.[side] ?? 2) < 2)
      await noteMissing(repository, side, record);
  }
  return {
    side,
    mailboxes: selectable.length,
    changes,
    problems,
    unread,
    unseen,
    stranger: unwitnessed > 0 && witnessed === 0,
  };
}

/**
 * What a first look that failed or died left of a mailbox that the side has no more: nothing vouches for its rows, and that it
 * could not be looked into says nothing any longer. Gives the record without it.
 */
async function forgetLeftovers(
  { store }: Repository,
  side: SideName,
  record: MailboxRecord,
): Promise<MailboxRecord> {
  const { mailbox, sides } = record;
  const changes: Change[] = [];
  if (sides[side] === undefined && (await store.count(side, mailbox)) > 0)
    changes.push({ clear: side, mailbox });
  const { faults, ...rest } = record;
  const others = withoutSide(faults, side);
  const value = { ...rest, ...(others === undefined ? {} : { faults: others }) };
  if (faults?.[side] !== undefined) {
    const isKnown = !isBlank(value) || (await store.count('pair', mailbox)) > 0;
    changes.push(
      isKnown
        ? { put: 'mailbox', mailbox: '', key: mailbox, value }
        : { del: 'mailbox', mailbox: '', key: mailbox },
    );
  }
  if (changes.length > 0) await store.write(changes, { durable: false });
  return value;
}

/** It says nothing but a name. */
function isBlank({ mailbox: _name, generation, sides, ...more }: MailboxRecord): boolean {
  const said = [...Object.values(sides), ...Object.values(more)];
  return generation === 0 && said.every(value => value === undefined);
}

/** Where nothing is known of a mailbox that is there, it must not look as if it were not: it was listed, however often it was not before. */
async function noteFault(
  { store }: Repository,
  side: SideName,
  { mailbox, reason }: { readonly mailbox: MailboxName; readonly reason: string },
): Promise<void> {
  const record = await loadRecord(store, mailbox);
  const { faults, missing } = record;
  const isListedAnew = (missing?.[side] ?? 0) > 0;
  if (record.sides[side] !== undefined || (faults?.[side] === reason && !isListedAnew)) return;
  const value = {
    ...unquiet(record),
    ...(isListedAnew ? { missing: { ...missing, [side]: 0 } } : {}),
    faults: { ...faults, [side]: reason },
  };
  await store.write([{ put: 'mailbox', mailbox: '', key: mailbox, value }], { durable: false });
}

/** What became of a look at one mailbox. */
interface MailboxSight {
  /** Undefined where the side itself proves that nothing changed. */
  readonly change: MailboxChange | undefined;
  readonly unreadable: ReadonlyMap<MessageKey, string>;
  readonly unwitnessed: boolean;
}

const AS_KNOWN: MailboxSight = { change: undefined, unreadable: new Map(), unwitnessed: false };

/** Looks at each mailbox and brings the state up to date with it; on a server at several at once. */
async function seeEach(
  repository: Repository,
  side: SideName,
  {
    entries,
    records,
    progress,
  }: {
    readonly entries: readonly MailboxEntry[];
    readonly records: ReadonlyMap<string, MailboxRecord>;
    readonly progress: Progress | undefined;
  },
): Promise<ReadonlyMap<MailboxName, MailboxSight | PosternError>> {
  const sights = new Map<MailboxName, MailboxSight | PosternError>();
  const what = side === 'remote' ? 'fetch' : 'scan';
  const sizeOf = ({ mailbox, status }: MailboxEntry) =>
    status?.count ?? records.get(mailbox)?.sides[side]?.cursor.count ?? 0;
  const total = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  let done = 0;
  const see = async (seer: Repository, entry: MailboxEntry) => {
    const { mailbox } = entry;
    let here = 0;
    const seen = (messages: number) => {
      done += messages - here;
      here = messages;
      progress?.({ what, mailbox, done: Math.min(done, total), total });
    };
    seen(0);
    try {
      if (await isAsKnown(seer, side, records.get(mailbox))) sights.set(mailbox, AS_KNOWN);
      else {
        const { change, unreadable, unwitnessed } = await observeMailbox(seer, side, mailbox, seen);
        sights.set(mailbox, { change, unreadable, unwitnessed });
      }
    } catch (error) {
      if (!isMailboxUnread(error)) throw error;
      sights.set(mailbox, error);
    }
    seen(Math.max(here, sizeOf(entry)));
  };
  if (repository.sides[side].kind === 'imap') {
    await eachInLanes(repository, { jobs: entries, uses: [side] }, see);
  } else for (const entry of entries) await see(repository, entry);
  return sights;
}

function outOfSight(mailbox: MailboxName): Problem {
  return { mailbox, reason: 'the remote is not subscribed to it: left alone on both sides from now on' };
}

/**
 * Places where known mailboxes are out of sight. What is listed there lies on another disk: were anything done in it, the
 * place would look like the one we knew.
 */
function strangePlaces(
  hidden: readonly Hidden[] | undefined,
  missing: readonly MailboxRecord[],
  side: SideName,
): Hidden[] {
  const known = missing.filter(record => isKnown(record, side));
  return (hidden ?? []).filter(place => known.some(record => hiddenAt([place], record) !== undefined));
}

function isKnown(record: MailboxRecord, side: SideName): boolean {
  return record.agreed === true || record.sides[side] !== undefined || record.faults?.[side] !== undefined;
}

/** A listing with STATUS proves that nothing changed only where it brings HIGHESTMODSEQ (RFC 7162 §3.1.2, RFC 5819). */
function isUnchanged(record: MailboxRecord | undefined, side: SideName, entry: MailboxEntry): boolean {
  const known = record?.sides[side];
  const { status } = entry;
  if (known === undefined || status?.highestModseq === undefined || known.unreadable !== undefined)
    return false;
  const { cursor } = known;
  return (
    cursor.epoch === status.epoch &&
    cursor.count === status.count &&
    cursor.uidNext === status.uidNext &&
    cursor.highestModseq === status.highestModseq
  );
}

/** Whether the side itself proves that nothing changed, and nothing speaks against its being the mailbox we knew. */
async function isAsKnown(
  { sides, id }: Repository,
  side: SideName,
  record: MailboxRecord | undefined,
): Promise<boolean> {
  const known = record?.sides[side];
  if (record === undefined || known === undefined || known.unreadable !== undefined) return false;
  if (record.missing?.[side] !== undefined || !(await sides[side].isAsAt(record.mailbox, known.cursor))) {
    return false;
  }
  const witness = await sides[side].readWitness(record.mailbox);
  return witness === false || witnessFault(record, witness, id) === undefined;
}

/** No UID was given away since the mailbox was last read as a whole: all that ever came into it is known (RFC 3501 §2.3.1.1). */
function gotNoMail(record: MailboxRecord, side: SideName, { status }: MailboxEntry): boolean {
  const cursor = record.sides[side]?.cursor;
  if (cursor?.uidNext === undefined || status?.uidNext === undefined) return false;
  return cursor.epoch === status.epoch && cursor.uidNext === status.uidNext;
}

async function forgetSnapshot(
  repository: Repository,
  side: SideName,
  record: MailboxRecord,
): Promise<MailboxChange> {
  const { mailbox } = record;
  const rows = await repository.store.all(side, mailbox);
  const { [side]: _gone, ...sides } = record.sides;
  const missing = { ...record.missing, [side]: 1 };
  await repository.store.write(
    [
      { clear: side, mailbox },
      ...(side === 'local' ? [{ clear: 'files', mailbox } as const] : []),
      { put: 'mailbox', mailbox: '', key: mailbox, value: { ...unquiet(record), sides, missing } },
    ],
    { durable: false },
  );
  return { mailbox, fresh: 0, gone: rows.size, flags: 0, total: 0 };
}

/** Missing once may be the listing's fault; missing twice is believed. */
async function noteMissing(repository: Repository, side: SideName, record: MailboxRecord): Promise<void> {
  const times = (record.missing?.[side] ?? 0) + 1;
  const value = { ...unquiet(record), missing: { ...record.missing, [side]: times } };
  await repository.store.write([{ put: 'mailbox', mailbox: '', key: record.mailbox, value }], {
    durable: false,
  });
}
