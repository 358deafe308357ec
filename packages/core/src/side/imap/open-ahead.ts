import type { Cursor } from '../../model/row.js';
import type { Earlier } from '../earlier.js';
import { bulkSearch } from './existing.js';
import { bulkFetch, type Columns, type Fetched, flagColumns, identityColumns, isWhole } from './fetch.js';
import { openWith } from './open-with.js';
import { open } from './opening.js';
import type { Opened, Place } from './selection.js';
import type { Session } from './session.js';
import type { UidRanges } from './uid-ranges.js';
import { keyOf, uidSets } from './uid-set.js';

/** New messages that are asked for before anything is known of them but their number. */
const MOST_FRESH = 1_000;

/** What the server said of a mailbox in one breath with opening it: as good as asked afterwards. */
export interface Foresight {
  /** The messages that changed since the earlier snapshot, and descriptions of new ones. Whoever takes them takes them out. */
  readonly rows: Fetched[];
  /** The UIDs there are, proven complete; undefined where they were not asked for. */
  readonly existing: UidRanges | undefined;
}

/** A mailbox that is open for reading, and what is known of it already. */
export interface OpenedAhead extends Opened {
  readonly foresight: Foresight | undefined;
}

/** What is known before it is opened. */
export interface Before {
  readonly earlier: Earlier | undefined;
  /** What the last listing said of it. */
  readonly status: Cursor | undefined;
}

/**
 * Opens a mailbox to see what changed since an earlier snapshot, and asks in the same breath (RFC 3501 §5.5): a mailbox costs one
 * turn instead of four. Throws `mailbox-unreadable`.
 */
export async function openAhead(session: Session, place: Place, before: Before): Promise<OpenedAhead> {
  const questions = await questionsFor(session, before);
  const ahead = questions === undefined ? undefined : await ask(session, place, questions);
  return ahead ?? { session, selection: await open(session, place, 'read'), foresight: undefined };
}

interface Questions {
  readonly since: string;
  /** UIDs of new messages, as a set. */
  readonly fresh: string | undefined;
  /** Some are gone. */
  readonly existing: boolean;
}

/** Undefined where it is not to be seen what changed, or nothing can be said of it ahead. */
async function questionsFor(session: Session, { earlier, status }: Before): Promise<Questions | undefined> {
  if (earlier === undefined || !session.condstore || earlier.unreadable.size > 0) return undefined;
  const { epoch, uidNext, highestModseq } = earlier.cursor;
  if (highestModseq === undefined || (status !== undefined && status.epoch !== epoch)) return undefined;
  if (uidNext === undefined || status?.uidNext === undefined) {
    return { since: highestModseq, fresh: undefined, existing: false };
  }
  // What an apply brought since is known.
  const given = Array.from({ length: Math.min(MOST_FRESH, status.uidNext - uidNext) }, (_, n) => uidNext + n);
  const known = await earlier.rows(given.map(keyOf));
  const fresh = status.uidNext - uidNext - known.size;
  const [set, ...more] = uidSets(given.filter(uid => !known.has(keyOf(uid))));
  return {
    since: highestModseq,
    fresh: given.length < MOST_FRESH && more.length === 0 ? set?.text : undefined,
    existing: status.count !== earlier.size + fresh && session.has('ESEARCH'),
  };
}

/** Undefined where it cannot be asked like that; nothing was sent then. */
async function ask(
  session: Session,
  place: Place,
  { since, fresh, existing }: Questions,
): Promise<OpenedAhead | undefined> {
  const { mailbox } = place;
  let uids: UidRanges | undefined;
  const rows: Fetched[] = [];
  const take = (fetched: Fetched) => void rows.push(fetched);
  const fetched = (set: string, columns: Columns, changedSince?: string) =>
    bulkFetch(
      session,
      { mailbox, set, columns, ...(changedSince === undefined ? {} : { changedSince }) },
      take,
    );
  const asked = [fetched('1:*', flagColumns(session), since)];
  if (fresh !== undefined) asked.push(fetched(fresh, identityColumns(session)));
  if (existing) {
    const found = (all: UidRanges) => {
      uids = all;
    };
    asked.push(bulkSearch(session, mailbox, found));
  }
  const isHeard = () => rows.length > 0 || uids !== undefined;
  const opened = await openWith(session, place, 'read', { asked, isHeard });
  if (opened === undefined) return undefined;
  const { selection, answers, isOneMoment } = opened;
  const isComplete = uids === undefined || uids.size === selection.exists;
  const isSure = isOneMoment && answers.every(isWhole);
  return {
    session,
    selection,
    foresight: isSure ? { rows, existing: isComplete ? uids : undefined } : undefined,
  };
}
