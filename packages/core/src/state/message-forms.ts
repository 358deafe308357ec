import { type Flags, NO_FLAGS } from '../model/flags.js';
import type { Envelope, Identity } from '../model/identity.js';
import type { End, Pair } from '../model/pair.js';
import type { Epoch, MessageKey, Row } from '../model/row.js';
import { boolean, list, misshapen, number, text, tuple, whole } from './shape.js';

/*
 * Rows and pairs are stored as lists, not as maps: there are as many of them as messages, and a list takes a quarter less
 * room and a third of the time. What is absent is nil. docs/design/state-format.md has the positions.
 */

type Stored = readonly unknown[];
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Where each field stands, or begins. A field that is added to the model and has no place here does not compile. */
export const ROW: Readonly<Record<keyof Row, number>> = {
  key: 0,
  flags: 1,
  date: 2,
  identity: 3,
  envelope: 7,
  serverId: 10,
  modseq: 11,
  stamp: 12,
  partner: 13,
};
const ROW_LENGTH = 13;

export const PAIR: Readonly<Record<keyof Pair, number>> = {
  remote: 0,
  local: 2,
  flags: 4,
  identity: 5,
  weak: 9,
  marked: 10,
  remoteDigest: 11,
};
const PAIR_LENGTH = 12;

/** Where the digest stands in an identity. */
export const DIGEST = 1;

/** The partner is left out where there is none: remote rows and those of older states are without. */
export function storeRow(row: Row): Stored {
  const { identity, envelope, partner } = row;
  const stored = [
    row.key,
    row.flags,
    row.date,
    ...storeIdentity(identity),
    envelope.from ?? null,
    envelope.subject ?? null,
    envelope.date ?? null,
    row.serverId ?? null,
    row.modseq ?? null,
    row.stamp ?? null,
  ];
  if (partner !== undefined) stored.push(partner);
  return stored;
}

export function readRow(raw: unknown): Row {
  const stored = tuple(raw, ROW_LENGTH, ROW_LENGTH + 1);
  const row: Mutable<Row> = {
    key: text(stored[ROW.key]) as MessageKey,
    flags: readFlags(stored[ROW.flags]),
    date: number(stored[ROW.date]),
    identity: readIdentity(stored, ROW.identity),
    envelope: readEnvelope(stored, ROW.envelope),
  };
  if (stored[ROW.serverId] !== null) row.serverId = text(stored[ROW.serverId]);
  if (stored[ROW.modseq] !== null) row.modseq = text(stored[ROW.modseq]);
  if (stored[ROW.stamp] !== null) row.stamp = text(stored[ROW.stamp]);
  if (stored.length > ROW_LENGTH) row.partner = text(stored[ROW.partner]) as MessageKey;
  return row;
}

export function storePair(pair: Pair): Stored {
  const { remote, local } = pair;
  return [
    remote.epoch,
    remote.key,
    local.epoch,
    local.key,
    pair.flags,
    ...storeIdentity(pair.identity),
    pair.weak ?? null,
    pair.marked ?? null,
    pair.remoteDigest ?? null,
  ];
}

export function readPair(raw: unknown): Pair {
  const stored = tuple(raw, PAIR_LENGTH);
  const pair: Mutable<Pair> = {
    remote: readEnd(stored, PAIR.remote),
    local: readEnd(stored, PAIR.local),
    flags: readFlags(stored[PAIR.flags]),
    identity: readIdentity(stored, PAIR.identity),
  };
  if (stored[PAIR.weak] !== null) pair.weak = boolean(stored[PAIR.weak]);
  if (stored[PAIR.marked] !== null) pair.marked = boolean(stored[PAIR.marked]);
  if (stored[PAIR.remoteDigest] !== null) pair.remoteDigest = text(stored[PAIR.remoteDigest]);
  return pair;
}

function readEnd(stored: Stored, at: number): End {
  return { epoch: text(stored[at]) as Epoch, key: text(stored[at + 1]) as MessageKey };
}

function storeIdentity(identity: Identity): Stored {
  return [identity.messageId ?? null, identity.digest, identity.size, identity.content ?? null];
}

function readIdentity(stored: Stored, at: number): Identity {
  const identity: Mutable<Identity> = { digest: text(stored[at + DIGEST]), size: whole(stored[at + 2]) };
  if (stored[at] !== null) identity.messageId = text(stored[at]);
  if (stored[at + 3] !== null) identity.content = text(stored[at + 3]);
  return identity;
}

function readEnvelope(stored: Stored, at: number): Envelope {
  const envelope: Mutable<Envelope> = {};
  if (stored[at] !== null) envelope.from = text(stored[at]);
  if (stored[at + 1] !== null) envelope.subject = text(stored[at + 1]);
  if (stored[at + 2] !== null) envelope.date = text(stored[at + 2]);
  return envelope;
}

const texts = list(text);

const KNOWN_FLAGS = 1000;
const knownFlags = new Map<string, Flags>();

/** Most messages have one of a few sets of flags: each set is held in memory once. */
export function readFlags(raw: unknown): Flags {
  if (!Array.isArray(raw)) return misshapen('flags that are no list');
  if (raw.length === 0) return NO_FLAGS;
  const name = raw.length === 1 ? text(raw[0]) : texts(raw).join('\0');
  const known = knownFlags.get(name);
  if (known !== undefined && known.length === raw.length) return known;
  const flags = texts(raw);
  if (knownFlags.size < KNOWN_FLAGS) knownFlags.set(name, flags);
  return flags;
}
