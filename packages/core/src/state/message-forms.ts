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

const ROW_LENGTH = 13;
const PAIR_LENGTH = 12;

export function storeRow(row: Row): Stored {
  const { identity, envelope } = row;
  return [
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
}

export function readRow(raw: unknown): Row {
  const stored = tuple(raw, ROW_LENGTH);
  const row: Mutable<Row> = {
    key: text(stored[0]) as MessageKey,
    flags: readFlags(stored[1]),
    date: number(stored[2]),
    identity: readIdentity(stored, 3),
    envelope: readEnvelope(stored, 7),
  };
  if (stored[10] !== null) row.serverId = text(stored[10]);
  if (stored[11] !== null) row.modseq = text(stored[11]);
  if (stored[12] !== null) row.stamp = text(stored[12]);
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
    remote: readEnd(stored, 0),
    local: readEnd(stored, 2),
    flags: readFlags(stored[4]),
    identity: readIdentity(stored, 5),
  };
  if (stored[9] !== null) pair.weak = boolean(stored[9]);
  if (stored[10] !== null) pair.marked = boolean(stored[10]);
  if (stored[11] !== null) pair.remoteDigest = text(stored[11]);
  return pair;
}

function readEnd(stored: Stored, at: number): End {
  return { epoch: text(stored[at]) as Epoch, key: text(stored[at + 1]) as MessageKey };
}

function storeIdentity(identity: Identity): Stored {
  return [identity.messageId ?? null, identity.digest, identity.size, identity.content ?? null];
}

function readIdentity(stored: Stored, at: number): Identity {
  const identity: Mutable<Identity> = { digest: text(stored[at + 1]), size: whole(stored[at + 2]) };
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

function readFlags(raw: unknown): Flags {
  if (!Array.isArray(raw)) return misshapen('flags that are no list');
  return raw.length === 0 ? NO_FLAGS : texts(raw);
}
