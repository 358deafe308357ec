import { PosternError } from '../../model/error.js';
import { type Flags, isFlag, isSystemFlag } from '../../model/flags.js';
import type { Epoch } from '../../model/row.js';
import type { Done } from './bulk/pipeline.js';
import { CommandRefused } from './error-words.js';
import { formatInternalDate } from './internal-date.js';
import type { Place } from './selection.js';
import type { Session } from './session.js';
import { type Attribute, atom, literal, quoted, textOf } from './tokens.js';
import { expandUidSet } from './uid-set.js';

/** A message as it goes out, in wire form. */
export interface Outgoing {
  readonly octets: Buffer;
  readonly flags: Flags;
  /** Milliseconds since the epoch. */
  readonly date: number;
}

export type AppendResult =
  | { readonly kind: 'stored'; readonly uid: number; readonly flags: Flags }
  /** Stored, but the server did not say under which UID, or not in a way that can be believed. */
  | { readonly kind: 'unnamed'; readonly flags: Flags }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface Destination {
  readonly place: Place;
  readonly epoch: Epoch;
  /** UIDs of new messages are not below this one. */
  readonly uidFrom: number;
}

/** What one MULTIAPPEND (RFC 3502) takes along. */
const MESSAGES = 50;
const OCTETS = 8 * 1024 * 1024;

/**
 * Appends messages, several in one command where the server can; what it refuses together is sent one by one, and what it
 * refuses for its keywords once more without them. Results are in the order of the messages. A lost connection makes the command under way `unknown`, and nothing more is sent.
 */
export async function appendMany(
  session: Session,
  to: Destination,
  messages: readonly Outgoing[],
): Promise<AppendResult[]> {
  const results: AppendResult[] = [];
  let ended: string | undefined;
  const groups = session.has('MULTIAPPEND') ? grouped(messages) : messages.map(message => [message]);
  const waiting = groups.reverse();
  for (let group = waiting.pop(); group !== undefined; group = waiting.pop()) {
    if (ended !== undefined) {
      const reason = ended;
      results.push(...group.map((): AppendResult => ({ kind: 'refused', reason })));
      continue;
    }
    try {
      const done = await append(session, to, group);
      results.push(...storedAs(done, to, group));
    } catch (error) {
      if (error instanceof CommandRefused && error.code !== 'try-later') {
        const plain = group.length > 1 ? undefined : plainer(group[0]!, error);
        if (group.length > 1) waiting.push(...group.map(message => [message]).reverse());
        else if (plain !== undefined) waiting.push([plain]);
        else {
          results.push({ kind: 'refused', reason: `the server refused it: ${error.words}` });
          if (error.responseCode === 'OVERQUOTA') ended = `nothing was sent: ${error.words}`;
        }
      } else if (error instanceof PosternError && ['unreachable', 'try-later'].includes(error.code)) {
        const lost = error.code === 'unreachable';
        const result: AppendResult = { kind: lost ? 'unknown' : 'refused', reason: error.message };
        results.push(...group.map(() => result));
        ended = `nothing was sent: ${error.message}`;
      } else throw error;
    }
  }
  return results;
}

/** The message without its keywords, where the refusal may be about them; undefined where there is nothing to leave out. */
function plainer(message: Outgoing, { status, responseCode, words }: CommandRefused): Outgoing | undefined {
  const mayBeFlags =
    /\b(flags?|keywords?)\b/i.test(words) || (status === 'BAD' && responseCode === undefined);
  const flags = message.flags.filter(isSystemFlag);
  return mayBeFlags && flags.length < message.flags.length ? { ...message, flags } : undefined;
}

function grouped(messages: readonly Outgoing[]): Outgoing[][] {
  const groups: Outgoing[][] = [];
  let octets = 0;
  for (const message of messages) {
    const last = groups.at(-1);
    octets += message.octets.length;
    if (last === undefined || last.length >= MESSAGES || octets > OCTETS) {
      groups.push([message]);
      octets = message.octets.length;
    } else last.push(message);
  }
  return groups;
}

async function append(session: Session, to: Destination, group: readonly Outgoing[]): Promise<Done> {
  const attributes: Attribute[] = [quoted(to.place.raw)];
  for (const { octets, flags, date } of group) {
    const sendable = flags.filter(isFlag);
    if (sendable.length > 0) attributes.push(sendable.map(atom));
    const when = formatInternalDate(date);
    if (when !== undefined) attributes.push(quoted(when));
    attributes.push(literal(octets));
  }
  return session.command({
    effect: 'APPEND',
    target: to.place.mailbox,
    command: 'APPEND',
    attributes,
    progress: false,
  });
}

/** APPENDUID (RFC 4315 §3) is believed only where it fits what we know of the mailbox. */
function storedAs({ code }: Done, to: Destination, group: readonly Outgoing[]): AppendResult[] {
  const count = group.length;
  const unnamed = group.map(({ flags }): AppendResult => ({ kind: 'unnamed', flags }));
  if (code?.name !== 'APPENDUID' || textOf(code.values[0]) !== to.epoch) return unnamed;
  const uids = expandUidSet(textOf(code.values[1]) ?? '', count);
  if (uids === undefined || new Set(uids).size !== count || uids.some(uid => uid < to.uidFrom))
    return unnamed;
  return uids.map((uid, at) => ({ kind: 'stored', uid, flags: group[at]!.flags }));
}
