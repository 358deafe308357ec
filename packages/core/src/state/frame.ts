import { damaged, versionUnknown } from './damage.js';
import { type Hash64, hashRecord } from './hash.js';
import { describeKey } from './keys.js';

/*
 * Every value is: octets 0-7 the hash (big-endian) of its key and of octets 8 to the end; octet 8 the version; then the
 * payload. The first nine octets mean the same in every version, so that a damaged record is never taken for a newer one.
 */

export const RECORD_VERSION = 1;
const VERSION_AT = 8;
const PAYLOAD_AT = 9;

export interface Framed {
  readonly bytes: Buffer;
  readonly hash: Hash64;
}

export interface Unframed {
  readonly payload: Buffer;
  readonly hash: Hash64;
}

export function frame(key: string, payload: Uint8Array): Framed {
  const bytes = Buffer.allocUnsafe(PAYLOAD_AT + payload.length);
  bytes[VERSION_AT] = RECORD_VERSION;
  bytes.set(payload, PAYLOAD_AT);
  const hash = hashRecord(key, bytes, VERSION_AT);
  bytes.writeUInt32BE(hash.high, 0);
  bytes.writeUInt32BE(hash.low, 4);
  return { bytes, hash };
}

/** The hash a value's key and octets have; throws `state-damaged` when it is not the one that was written. */
export function verifyFrame(key: string, bytes: Buffer): Hash64 {
  if (bytes.length < PAYLOAD_AT) throw damaged(`${describeKey(key)} is cut short`);
  const hash = hashRecord(key, bytes, VERSION_AT);
  if (bytes.readUInt32BE(0) !== hash.high || bytes.readUInt32BE(4) !== hash.low) {
    throw damaged(`${describeKey(key)} does not match its checksum`);
  }
  return hash;
}

/** Like `verifyFrame`, and throws `state-version` when the version is not ours. */
export function unframe(key: string, bytes: Buffer): Unframed {
  const hash = verifyFrame(key, bytes);
  if (bytes[VERSION_AT] !== RECORD_VERSION) {
    throw versionUnknown(`${describeKey(key)} has version ${bytes[VERSION_AT]}`);
  }
  return { payload: bytes.subarray(PAYLOAD_AT), hash };
}
