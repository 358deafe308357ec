import { bug } from '../../model/error.js';
import type { MessageKey } from '../../model/row.js';

/** RFC 3501 §2.3.1.1: UIDs are from 1 to 2^32-1. */
export const LARGEST_UID = 4_294_967_295;

/** Octets of a set in one command: servers refuse lines above 8 KB or 64 KB. */
const SET_LENGTH = 7900;

/** A UID from the wire, or undefined where it is none. */
export function parseUid(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^[0-9]{1,10}$/.test(text)) return undefined;
  const uid = Number(text);
  return uid >= 1 && uid <= LARGEST_UID ? uid : undefined;
}

export function keyOf(uid: number): MessageKey {
  return String(uid) as MessageKey;
}

/** The UID a key stands for; undefined where the key is not one of this side's. */
export function uidOf(key: MessageKey): number | undefined {
  const uid = parseUid(key);
  return uid !== undefined && String(uid) === key ? uid : undefined;
}

export interface UidSet {
  /** As on the wire: `1:3,7`. */
  readonly text: string;
  readonly uids: readonly number[];
}

export interface SetLimits {
  readonly messages?: number;
  /** All UIDs of the mailbox, sorted: ranges may then span UIDs that are not there. */
  readonly among?: readonly number[];
}

/** Cuts UIDs into sets of compact ranges that fit a command. The UIDs are sorted and each is taken once. */
export function uidSets(uids: Iterable<number>, limits: SetLimits = {}): UidSet[] {
  const sorted = [...new Set(uids)].sort((a, b) => a - b);
  const follows = adjacency(limits.among);
  const most = limits.messages ?? Number.POSITIVE_INFINITY;
  const sets: UidSet[] = [];
  let text = '';
  let members: number[] = [];
  const close = () => {
    if (members.length > 0) sets.push({ text, uids: members });
    text = '';
    members = [];
  };
  for (let at = 0; at < sorted.length; ) {
    const first = sorted[at]!;
    if (members.length >= most) close();
    const room = most - members.length;
    let end = at;
    while (end + 1 < sorted.length && end + 1 - at < room && follows(sorted[end]!, sorted[end + 1]!)) end++;
    const last = sorted[end]!;
    const range = last === first ? `${first}` : `${first}:${last}`;
    if (text.length + 1 + range.length > SET_LENGTH) close();
    text = text === '' ? range : `${text},${range}`;
    for (let member = at; member <= end; member++) members.push(sorted[member]!);
    at = end + 1;
  }
  close();
  return sets;
}

/** Whether the second UID is the next one after the first: in numbers, or among those that exist. */
function adjacency(among: readonly number[] | undefined): (a: number, b: number) => boolean {
  if (among === undefined) return (a, b) => b === a + 1;
  const next = new Map<number, number>();
  for (let at = 0; at + 1 < among.length; at++) {
    if (among[at]! >= among[at + 1]!) bug('the UIDs of a mailbox are not sorted');
    next.set(among[at]!, among[at + 1]!);
  }
  return (a, b) => next.get(a) === b;
}

/** From the first to the last of them. */
export type UidRange = readonly [low: number, high: number];

/** The UIDs of a set from the wire in its order, or undefined where it is none or has more than `most`. */
export function expandUidSet(text: string, most: number): number[] | undefined {
  const all = ([low, high]: UidRange) => Array.from({ length: high - low + 1 }, (_, n) => low + n);
  return parseUidSet(text, most)?.flatMap(all);
}

/** Its ranges in the same way, as they were said (RFC 3501 §9); what is said twice counts twice. */
export function parseUidSet(text: string, most: number): UidRange[] | undefined {
  const ranges: UidRange[] = [];
  let named = 0;
  for (const part of text.split(',')) {
    const [from, to, ...rest] = part.split(':');
    const first = parseUid(from);
    const last = to === undefined ? first : parseUid(to);
    if (first === undefined || last === undefined || rest.length > 0) return undefined;
    const range = [Math.min(first, last), Math.max(first, last)] as const;
    named += range[1] - range[0] + 1;
    if (named > most) return undefined;
    ranges.push(range);
  }
  return ranges;
}
