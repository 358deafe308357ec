import { PosternError } from '../../model/error.js';
import { printable } from '../../model/escape-text.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { Cursor, Epoch, Listing, MailboxEntry, Problem } from '../../model/row.js';
import { CommandRefused, saysNonexistent } from './error-words.js';
import { type NameStyle, rawNameOf, readRawName } from './mailbox-names.js';
import { open } from './opening.js';
import { type Place, parseModseq, parseUidNext } from './selection.js';
import type { Session } from './session.js';
import {
  type Answer,
  type Attribute,
  atom,
  isList,
  octetsOf,
  type Parsed,
  quoted,
  textOf,
} from './tokens.js';
import { parseUid } from './uid-set.js';

/** Lines a listing may have: no account is that large, and a listing is held in memory. */
const MOST_MAILBOXES = 100_000;
const ENDLESS = `it lists more than ${MOST_MAILBOXES} mailboxes`;

/** A listing, and how the server spells the names in it. */
export interface NamedListing extends Listing {
  readonly rawNames: ReadonlyMap<MailboxName, string>;
  readonly style: NameStyle;
}

export interface Listed {
  readonly raw: string;
  readonly separator: string | null;
  readonly attributes: readonly string[];
}

/**
 * All mailboxes of all namespaces in one command, with their STATUS where the server has LIST-STATUS (RFC 5819). Throws
 * `snapshot-incomplete` where any line of the answer was lost: never a short list.
 */
export async function listMailboxes(session: Session): Promise<NamedListing> {
  const faults = session.faults;
  const { listed, statuses, asked, marked } = await ask(session);
  const subscribed = await subscriptionsIn(session, marked ? listed : undefined);
  if (session.faults !== faults) throw incomplete(session.lastFault);
  if (listed.length === 0) throw incomplete('it is empty, not even INBOX is in it');
  const style: NameStyle = {
    ...session.nameStyle,
    separator: listed.find(entry => entry.separator)?.separator ?? session.nameStyle.separator,
  };
  const listing = named(listed, { statuses, subscribed }, style);
  return asked ? withoutPhantoms(session, listing) : listing;
}

/**
 * Some servers list a deleted mailbox that others are below as if it were there. Where STATUS is silent on a mailbox, it
 * is opened: one that does not exist is a level only.
 */
async function withoutPhantoms(session: Session, listing: NamedListing): Promise<NamedListing> {
  const entries: MailboxEntry[] = [];
  for (const entry of listing.entries) {
    const doubtful = entry.selectable && entry.status === undefined;
    const raw = listing.rawNames.get(entry.mailbox)!;
    const phantom = doubtful && !(await exists(session, { mailbox: entry.mailbox, raw }));
    entries.push(phantom ? { ...entry, selectable: false } : entry);
  }
  return { ...listing, entries };
}

/** False only where the server says so itself; one that cannot be opened for another reason is there. */
async function exists(session: Session, place: Place): Promise<boolean> {
  try {
    await open(session, place, 'read');
    return true;
  } catch (error) {
    if (!(error instanceof PosternError) || error.code === 'unreachable' || error.code === 'try-later') {
      throw error;
    }
    return !saysNonexistent(error);
  }
}

/** Whether a mailbox that can hold mail has this name at this moment. */
export async function isThere(session: Session, mailbox: MailboxName): Promise<boolean> {
  const { entries } = await listMailboxes(session);
  return entries.some(entry => entry.mailbox === mailbox && entry.selectable);
}

function incomplete(why: string): PosternError {
  return new PosternError(
    'snapshot-incomplete',
    `the server's list of mailboxes cannot be trusted: ${printable(why)}`,
  );
}

/** The names other clients show, of a listing that marks them, else by LSUB; undefined where nobody wants to know. */
async function subscriptionsIn(
  session: Session,
  marked: readonly Listed[] | undefined,
): Promise<ReadonlySet<string> | undefined> {
  if (!session.wantsSubscriptions) return undefined;
  if (marked === undefined) return new Set([...(await lsub(session))].map(comparable));
  const names = marked.filter(({ attributes }) => attributes.includes('\\subscribed'));
  return new Set(names.map(({ raw }) => comparable(raw)));
}

/** The subscribed names as the server spells them (LSUB, RFC 3501 §6.3.9). Throws where the server refuses to say. */
export async function lsub(session: Session): Promise<Set<string>> {
  const names = new Set<string>();
  await session.command({
    effect: 'LSUB',
    target: '',
    command: 'LSUB',
    attributes: [quoted(''), quoted('*')],
    untagged: {
      LSUB: answer => {
        if (names.size >= MOST_MAILBOXES) return session.giveUp(ENDLESS);
        names.add(readList(answer).raw);
      },
    },
  });
  return names;
}

/** `asked`: whether the answer should have a STATUS for each mailbox. `marked`: whether it says which are subscribed. */
async function ask(session: Session) {
  const options = returnOptions(session);
  const marked = session.wantsSubscriptions && session.has('LIST-EXTENDED');
  try {
    return { ...(await exchange(session, options)), asked: session.has('LIST-STATUS'), marked };
  } catch (error) {
    if (options.length === 0 || !(error instanceof CommandRefused) || error.code === 'try-later') throw error;
    return { ...(await exchange(session, [])), asked: false, marked: false };
  }
}

function returnOptions(session: Session): Attribute[] {
  const status = session.has('LIST-STATUS');
  if (!status && !session.has('LIST-EXTENDED')) return [];
  const options: Attribute[] = session.has('SPECIAL-USE') ? [atom('SPECIAL-USE')] : [];
  if (session.wantsSubscriptions && session.has('LIST-EXTENDED')) options.push(atom('SUBSCRIBED'));
  if (status) options.push(atom('STATUS'), statusItems(session));
  return options.length === 0 ? [] : [atom('RETURN'), options];
}

/** MAILBOXID is told when a mailbox is opened; asked for here, Cyrus 3.6 answers with stray octets of its memory. */
function statusItems(session: Session): Attribute[] {
  const items = [atom('MESSAGES'), atom('UIDNEXT'), atom('UIDVALIDITY')];
  if (session.condstore) items.push(atom('HIGHESTMODSEQ'));
  return items;
}

async function exchange(session: Session, options: readonly Attribute[]) {
  const listed: Listed[] = [];
  const statuses = new Map<string, Cursor>();
  await session.command({
    effect: 'LIST',
    target: '',
    command: 'LIST',
    attributes: [quoted(''), quoted('*'), ...options],
    untagged: {
      LIST: answer => {
        if (listed.length >= MOST_MAILBOXES) return session.giveUp(ENDLESS);
        listed.push(readList(answer));
      },
      STATUS: answer => {
        if (statuses.size >= MOST_MAILBOXES) return session.giveUp(ENDLESS);
        const raw = rawName(answer.attributes?.[0]);
        const status = raw === undefined ? undefined : readStatus(answer.attributes?.[1]);
        if (raw !== undefined && status !== undefined) statuses.set(comparable(raw), status);
      },
    },
  });
  return { listed, statuses };
}

/** One line of LIST or LSUB. Throws `snapshot-incomplete` where it names no mailbox. */
export function readList(answer: Answer): Listed {
  const [attributes, separator, name] = answer.attributes ?? [];
  const raw = rawName(name);
  if (!isList(attributes) || raw === undefined) throw incomplete('a line of it names no mailbox');
  return {
    raw,
    separator: separator === null ? null : (textOf(separator) ?? null),
    attributes: attributes.map(part => textOf(part)?.toLowerCase() ?? ''),
  };
}

/** A mailbox called NIL may come as an atom, which the parser takes for no value. */
function rawName(part: Parsed | undefined): string | undefined {
  if (part === null) return 'NIL';
  return textOf(part) === undefined ? undefined : (octetsOf(part)?.toString('utf8') ?? textOf(part));
}

function comparable(raw: string): string {
  return raw.toUpperCase() === 'INBOX' ? 'INBOX' : raw;
}

/** Undefined unless everything is there that a cursor needs. */
export function readStatus(items: Parsed | undefined): Cursor | undefined {
  if (!isList(items)) return undefined;
  const told = new Map<string, Parsed>();
  for (let at = 0; at + 1 < items.length; at += 2)
    told.set(textOf(items[at])?.toUpperCase() ?? '', items[at + 1]!);
  const count = textOf(told.get('MESSAGES'));
  const validity = parseUid(textOf(told.get('UIDVALIDITY')));
  const uidNext = parseUidNext(textOf(told.get('UIDNEXT')));
  if (count === undefined || !/^[0-9]{1,10}$/.test(count) || validity === undefined) return undefined;
  const highestModseq = parseModseq(textOf(told.get('HIGHESTMODSEQ')));
  return {
    epoch: String(validity) as Epoch,
    count: Number(count),
    ...(uidNext === undefined ? {} : { uidNext }),
    ...(highestModseq === undefined ? {} : { highestModseq }),
  };
}

const SPECIAL_USES = [
  '\\All',
  '\\Archive',
  '\\Drafts',
  '\\Flagged',
  '\\Important',
  '\\Junk',
  '\\Sent',
  '\\Trash',
];

/** What is known of mailboxes beside LIST, by their comparable names. */
interface Notes {
  readonly statuses: ReadonlyMap<string, Cursor>;
  readonly subscribed: ReadonlySet<string> | undefined;
}

function named(listed: readonly Listed[], notes: Notes, style: NameStyle): NamedListing {
  const problems: Problem[] = [];
  const claims = new Map<MailboxName, Listed[]>();
  for (const entry of uniqueByRaw(listed)) {
    const read = readRawName(entry.raw, entry.separator, style);
    if (read.kind === 'fault') {
      problems.push({
        reason: `a mailbox of the server is left alone: ${read.reason} (${quote(entry.raw)})`,
      });
    } else claims.set(read.mailbox, [...(claims.get(read.mailbox) ?? []), entry]);
  }
  const entries: MailboxEntry[] = [];
  const rawNames = new Map<MailboxName, string>();
  for (const [mailbox, claimants] of claims) {
    const owner = ownerOf(mailbox, claimants, style);
    for (const other of claimants) {
      // A level without mail of its own is only there for what is below it.
      if (other === owner || !isSelectable(other)) continue;
      const reason = `the server's ${quote(other.raw)} is left alone: it would be called ${mailbox} like ${quote(owner.raw)}`;
      problems.push({ reason });
    }
    rawNames.set(mailbox, owner.raw);
    entries.push(entryOf(mailbox, owner, notes));
  }
  return { entries, problems, rawNames, style };
}

/** Some servers list a mailbox twice, once for each reason to list it: what either says of it counts. */
function uniqueByRaw(listed: readonly Listed[]): Iterable<Listed> {
  const byRaw = new Map<string, Listed>();
  for (const entry of listed) {
    const raw = comparable(entry.raw);
    const first = byRaw.get(raw);
    const attributes = first === undefined ? entry.attributes : [...first.attributes, ...entry.attributes];
    byRaw.set(raw, { ...entry, raw, attributes });
  }
  return byRaw.values();
}

/** Of several that would have one name: the one we would reach by that name, so that it is the same every time. */
function ownerOf(mailbox: MailboxName, claimants: readonly Listed[], style: NameStyle): Listed {
  const usual = rawNameOf(mailbox, style);
  const sorted = [...claimants].sort((a, b) => (a.raw < b.raw ? -1 : 1));
  return sorted.find(entry => usual.kind === 'raw' && entry.raw === usual.raw) ?? sorted[0]!;
}

function entryOf(mailbox: MailboxName, listed: Listed, { statuses, subscribed }: Notes): MailboxEntry {
  const { attributes } = listed;
  const raw = comparable(listed.raw);
  const status = statuses.get(raw);
  const selectable = isSelectable(listed);
  const specialUse = SPECIAL_USES.find(use => attributes.includes(use.toLowerCase()));
  return {
    mailbox,
    selectable,
    ...(specialUse === undefined ? {} : { specialUse }),
    ...(subscribed === undefined ? {} : { subscribed: subscribed.has(raw) }),
    ...(status === undefined || !selectable ? {} : { status }),
  };
}

function isSelectable({ attributes }: Listed): boolean {
  return !attributes.includes('\\noselect') && !attributes.includes('\\nonexistent');
}

function quote(raw: string): string {
  const text = printable(raw);
  return text.length > 80 ? `"${text.slice(0, 80)}…"` : `"${text}"`;
}
