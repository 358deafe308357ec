import { Packr } from 'msgpackr';
import { bug, PosternError } from '../model/error.js';
import { damaged } from './damage.js';
import { type Framed, frame, unframe } from './frame.js';
import type { Hash64 } from './hash.js';
import { describeKey } from './keys.js';
import { FORMS } from './record-forms.js';
import type { Kind, RecordKinds } from './records.js';

/** Plain MessagePack: every record can be read alone, and by any other reader. */
const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  encodeUndefinedAsNil: true,
  mapsAsObjects: true,
  bundleStrings: false,
  moreTypes: false,
});

/** Most records take some hundred octets. */
const SCRATCH = Buffer.allocUnsafeSlow(1 << 13);

export interface Decoded<T> {
  readonly value: T;
  readonly hash: Hash64;
}

export interface Encoded<T> extends Framed {
  /** What reading the octets will give. */
  readonly value: T;
}

/** The octets stored under `key`. A value that could not be read back is a broken promise of the caller's. */
export function encodeRecord<K extends Kind>(
  kind: K,
  key: string,
  given: RecordKinds[K],
): Encoded<RecordKinds[K]> {
  const { store, read } = FORMS[kind];
  let stored: unknown;
  let value: RecordKinds[K];
  try {
    stored = store(given);
    value = read(stored);
  } catch (error) {
    return bug(`${describeKey(key)} holds ${(error as Error).message}`);
  }
  const { bytes, hash } = frame(key, pack(stored));
  return { bytes, hash, value };
}

/** The record, verified in checksum, version and shape: throws `state-damaged` or `state-version`. */
export function decodeRecord<K extends Kind>(kind: K, key: string, bytes: Buffer): Decoded<RecordKinds[K]> {
  const { value, hash } = decodePayload(key, bytes);
  try {
    return { value: FORMS[kind].read(value), hash };
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    throw damaged(`${describeKey(key)} holds ${error.message}`, error);
  }
}

/** What `peek` finds in a payload that is verified in checksum and version. */
export function peekRecord<T>(key: string, bytes: Buffer, peek: (payload: Buffer) => T): Decoded<T> {
  const { payload, hash } = unframe(key, bytes);
  try {
    return { value: peek(payload), hash };
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    throw damaged(`${describeKey(key)} holds ${error.message}`, error);
  }
}

/**
 * Octets to copy before the next call. A buffer of its own that msgpackr had to enlarge stays as large for good, to be made anew whenever
 * it is full: one record of 1 MB took 40 MB that way.
 */
export function pack(value: unknown): Buffer {
  packr.useBuffer(SCRATCH);
  return packr.pack(value);
}

/** What octets of `pack` say. */
export function unpack(octets: Buffer): unknown {
  return packr.unpack(octets);
}

/** What a verified payload holds, of any shape. */
export function decodePayload(key: string, bytes: Buffer): Decoded<unknown> {
  const { payload, hash } = unframe(key, bytes);
  try {
    return { value: unpack(payload), hash };
  } catch (error) {
    throw damaged(`${describeKey(key)} cannot be decoded`, error);
  }
}
