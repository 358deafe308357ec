import type { AbstractLevel } from 'abstract-level';

/** Any abstract-level database: classic-level on disk, memory-level in tests. */
export type AnyLevel = AbstractLevel<string | Buffer | Uint8Array, string, string>;

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: string };

/** Keys are text (LevelDB orders them by their UTF-8 octets), values octets. */
export const ENCODING = { keyEncoding: 'utf8', valueEncoding: 'buffer' } as const;

export interface KeyRange {
  readonly gte?: string;
  readonly lt?: string;
}

const CHUNK = 1000;

/** `sync` and the high-water mark are classic-level's; others pass over them. */
const READING = { ...ENCODING, highWaterMarkBytes: 1 << 20 };

/**
 * Hands over all entries of a range, in order, as they were when it began. An error of the iterator is an error: what
 * was handed over before it must not be used.
 */
export async function walk(
  level: AnyLevel,
  range: KeyRange,
  visit: (key: string, value: Buffer) => void,
): Promise<void> {
  const iterator = level.iterator<string, Buffer>({ ...READING, ...range });
  try {
    for (;;) {
      const entries = await iterator.nextv(CHUNK);
      if (entries.length === 0) return;
      for (const [key, value] of entries) visit(key, value);
    }
  } finally {
    await iterator.close();
  }
}

/** The same a thousand at a time, at the pace of whoever takes them. */
export async function* entriesOf(
  level: AnyLevel,
  range: KeyRange,
): AsyncGenerator<readonly (readonly [string, Buffer])[]> {
  const iterator = level.iterator<string, Buffer>({ ...READING, ...range });
  try {
    for (;;) {
      const entries = await iterator.nextv(CHUNK);
      if (entries.length === 0) return;
      yield entries;
    }
  } finally {
    await iterator.close();
  }
}

/** All keys of a range, in order. */
export async function keysOf(level: AnyLevel, range: KeyRange): Promise<string[]> {
  const iterator = level.keys<string>({ ...range, keyEncoding: 'utf8' });
  try {
    const keys: string[] = [];
    for (;;) {
      const more = await iterator.nextv(CHUNK);
      if (more.length === 0) return keys;
      for (const key of more) keys.push(key);
    }
  } finally {
    await iterator.close();
  }
}

/** Writes all operations or none. */
export function writeBatch(
  level: AnyLevel,
  operations: Operation[],
  { sync }: { readonly sync: boolean },
): Promise<void> {
  const options: { keyEncoding: 'utf8'; valueEncoding: 'buffer'; sync: boolean } = { ...ENCODING, sync };
  return level.batch<string, Buffer>(operations, options);
}

/** Rewrites the whole database without what is outdated; nothing happens where the database has no such thing. */
export async function compact(level: AnyLevel): Promise<void> {
  const { compactRange } = level as AnyLevel & {
    compactRange?: (start: Buffer, end: Buffer, options: { readonly keyEncoding: 'buffer' }) => Promise<void>;
  };
  // No UTF-8 text has the octet FF: the range holds every key.
  await compactRange?.call(level, Buffer.of(0), Buffer.alloc(8, 0xff), { keyEncoding: 'buffer' });
}
