import { maskedCrc32c } from './crc32c.js';

/*
 * LevelDB's log: blocks of 32 KB with records `masked CRC-32C of type and octets, length u16, type u8, octets`. A batch is one
 * record (type 1) or several (2 first, 3 middle, 4 last), and begins with the sequence number of its first change (u64) and how
 * many there are (u32). What is left of a block below seven octets is zeros.
 */

const BLOCK = 32 * 1024;
const HEADER = 7;
const BATCH_HEADER = 12;
const WHOLE = 1;
const FIRST = 2;

export interface LogFault {
  readonly fault: string;
  /** How much of the file comes before it. */
  readonly sound: number;
}

/**
 * Finds a batch that comes again, or an older one after a newer: LevelDB writes none such, and takes the process down when it
 * is to take one up. Whatever else is wrong with a log, LevelDB notices itself. Undefined for a log in order.
 */
export function checkLog(bytes: Buffer): LogFault | undefined {
  // Checksums take long: they are looked at where the sequence numbers alone raise a doubt.
  return findRepeat(bytes, () => true) && findRepeat(bytes, isSound);
}

function findRepeat(bytes: Buffer, counts: typeof isSound): LogFault | undefined {
  let next = 0n;
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const left = BLOCK - (at % BLOCK);
    const length = bytes.readUInt16LE(at + 4);
    const type = bytes[at + 6]!;
    if (left < HEADER || type === 0 || HEADER + length > left) {
      at += left;
      continue;
    }
    const end = at + HEADER + length;
    if (end > bytes.length) return undefined;
    const begins = type === WHOLE || type === FIRST;
    if (begins && length >= BATCH_HEADER && counts(bytes, at, end)) {
      const sequence = bytes.readBigUInt64LE(at + HEADER);
      if (sequence < next) return { fault: 'batches that were written once come again', sound: at };
      next = sequence + BigInt(bytes.readUInt32LE(at + HEADER + 8));
    }
    at = end;
  }
  return undefined;
}

function isSound(bytes: Buffer, at: number, end: number): boolean {
  return bytes.readUInt32LE(at) === maskedCrc32c(bytes.subarray(at + 6, end));
}
