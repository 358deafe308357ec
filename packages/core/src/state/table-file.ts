import { maskedCrc32c } from './crc32c.js';
import { unsnap } from './snappy.js';
import { readVarint } from './varint.js';

/*
 * LevelDB's table: blocks, each followed by its type (0 plain, 1 Snappy) and a masked CRC-32C; an index block that names the
 * data blocks, a metaindex block that names the filter; a footer of 48 octets that names those two. Inside a block, entries
 * share prefixes with the one before: `shared, unshared, value length, key octets, value`; the end lists restart points.
 * A key is followed by eight octets: its type (1 put, 0 deleted) and a sequence number.
 */

const FOOTER = 48;
const TRAILER = 5;
const MAGIC = [0x8b80fb57, 0xdb477524];

interface Handle {
  readonly offset: number;
  readonly size: number;
}

export interface TableEntry {
  readonly key: Buffer;
  /** Undefined for a key that was deleted. */
  readonly value: Buffer | undefined;
}

export interface TableFile {
  /** What is damaged, one sentence; undefined when every block of the file fits its checksum. */
  readonly fault?: string;
  /** The blocks with records that can be read. */
  readonly blocks: readonly Buffer[];
}

/**
 * Checks every block of a table. LevelDB does not, and takes the process down when keys come out of order. Undefined for a
 * file without a table's end: a compaction was cut short, and LevelDB removes what it left; or the table was, and LevelDB
 * notices that.
 */
export function checkTable(bytes: Buffer): TableFile | undefined {
  const footer = readFooter(bytes);
  if (footer === undefined) return undefined;
  const index = readBlock(bytes, footer.index);
  const meta = readBlock(bytes, footer.meta);
  const handles = index === undefined ? undefined : handlesIn(index);
  if (index === undefined || handles === undefined) return { fault: 'its index is damaged', blocks: [] };
  const blocks: Buffer[] = [];
  let damaged = 0;
  for (const handle of handles) {
    const block = readBlock(bytes, handle);
    if (block === undefined) damaged++;
    else blocks.push(block);
  }
  if (damaged > 0) return { fault: `blocks that do not match their checksums: ${damaged}`, blocks };
  const filters = meta === undefined ? undefined : handlesIn(meta);
  if (filters === undefined || filters.some(handle => readBlock(bytes, handle) === undefined))
    return { fault: 'its filter is damaged', blocks };
  return { blocks };
}

/** The entries of a block, in order; ends where the block makes no sense. */
export function* entriesIn(block: Buffer): Generator<TableEntry> {
  for (const { key, value } of rawEntries(block) ?? []) {
    if (key.length < 8) return;
    yield { key: key.subarray(0, -8), value: key[key.length - 8] === 1 ? value : undefined };
  }
}

function handlesIn(block: Buffer): Handle[] | undefined {
  const handles: Handle[] = [];
  for (const { value } of rawEntries(block) ?? []) {
    const handle = readHandle(value, 0);
    if (handle === undefined) return undefined;
    handles.push(handle);
  }
  return handles;
}

function readFooter(bytes: Buffer): { readonly index: Handle; readonly meta: Handle } | undefined {
  if (bytes.length < FOOTER) return undefined;
  const footer = bytes.subarray(-FOOTER);
  if (footer.readUInt32LE(40) !== MAGIC[0] || footer.readUInt32LE(44) !== MAGIC[1]) return undefined;
  const meta = readHandle(footer, 0);
  const index = meta === undefined ? undefined : readHandle(footer, meta.next);
  return meta === undefined || index === undefined ? undefined : { index, meta };
}

function readHandle(bytes: Buffer, at: number): (Handle & { readonly next: number }) | undefined {
  const offset = readVarint(bytes, at);
  const size = offset === undefined ? undefined : readVarint(bytes, offset.next);
  if (offset === undefined || size === undefined) return undefined;
  return { offset: offset.value, size: size.value, next: size.next };
}

/** What is in a block, unpacked; undefined when it does not match its checksum. */
function readBlock(bytes: Buffer, { offset, size }: Handle): Buffer | undefined {
  if (offset + size + TRAILER > bytes.length) return undefined;
  const block = bytes.subarray(offset, offset + size);
  const masked = bytes.readUInt32LE(offset + size + 1);
  if (maskedCrc32c(bytes.subarray(offset, offset + size + 1)) !== masked) return undefined;
  const type = bytes[offset + size];
  if (type === 0) return block;
  return type === 1 ? unsnap(block) : undefined;
}

function rawEntries(block: Buffer): Generator<{ readonly key: Buffer; readonly value: Buffer }> | undefined {
  if (block.length < 4) return undefined;
  const restarts = block.readUInt32LE(block.length - 4);
  const end = block.length - 4 - restarts * 4;
  return end < 0 ? undefined : walk(block.subarray(0, end));
}

function* walk(entries: Buffer): Generator<{ readonly key: Buffer; readonly value: Buffer }> {
  let before = Buffer.alloc(0);
  let at = 0;
  while (at < entries.length) {
    const shared = readVarint(entries, at);
    const own = shared && readVarint(entries, shared.next);
    const size = own && readVarint(entries, own.next);
    if (shared === undefined || own === undefined || size === undefined) return;
    const value = size.next + own.value;
    if (shared.value > before.length || value + size.value > entries.length) return;
    const key = Buffer.concat([before.subarray(0, shared.value), entries.subarray(size.next, value)]);
    at = value + size.value;
    yield { key, value: entries.subarray(value, at) };
    before = key;
  }
}
