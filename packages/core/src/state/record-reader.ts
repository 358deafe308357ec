import { type Decoded, decodeRecord } from './codec.js';
import type { Draft } from './drafts.js';
import { verifyFrame } from './frame.js';
import type { Hash64 } from './hash.js';
import { recordKey } from './keys.js';
import { type AnyLevel, ENCODING } from './level.js';
import type { Kind, RecordKinds } from './records.js';

/** About 3 MB of hashes. */
const MOST_HASHES = 1 << 14;

/**
 * Reads records one by one. It remembers their hashes: whoever replaces one that was read need not read it again to take it out of
 * its seal. Right as long as this process alone writes, and says so.
 */
export class RecordReader {
  readonly #level: AnyLevel;
  /** As the records are in the database, by their whole keys. */
  readonly #hashes = new Map<string, Hash64>();

  constructor(level: AnyLevel) {
    this.#level = level;
  }

  async one<K extends Kind>(kind: K, mailbox: string, key: string): Promise<RecordKinds[K] | undefined> {
    const name = recordKey(kind, mailbox, key);
    const bytes = (await this.#level.get<string, Buffer>(name, ENCODING)) as Buffer | undefined;
    return bytes === undefined ? undefined : this.decoder(kind)(name, bytes).value;
  }

  /** Those that are there, in the order of the keys. */
  async some<K extends Kind>(
    kind: K,
    mailbox: string,
    keys: readonly string[],
  ): Promise<Map<string, RecordKinds[K]>> {
    const names = keys.map(key => recordKey(kind, mailbox, key));
    const found = await this.#level.getMany<string, Buffer>(names, ENCODING);
    const records = new Map<string, RecordKinds[K]>();
    const decode = this.decoder(kind);
    for (const [index, key] of keys.entries()) {
      const bytes = found[index];
      if (bytes !== undefined) records.set(key, decode(names[index]!, bytes).value);
    }
    return records;
  }

  /** The hashes of records by their whole keys as they are now; undefined for those that are not there. */
  async hashesOf(names: readonly string[]): Promise<readonly (Hash64 | undefined)[]> {
    const known = names.map(name => this.#hashes.get(name));
    const unknown = names.filter((_, index) => known[index] === undefined);
    if (unknown.length === 0) return known;
    const read = (await this.#level.getMany<string, Buffer>(unknown, ENCODING)).values();
    return names.map((name, index) => {
      const hash = known[index];
      if (hash !== undefined) return hash;
      const bytes = read.next().value;
      return bytes === undefined ? undefined : verifyFrame(name, bytes);
    });
  }

  /** What a batch made of a partition. */
  noteWritten({ cleared, final }: Draft): void {
    if (cleared) this.#hashes.clear();
    for (const [name, last] of final) {
      if (last === undefined) this.#hashes.delete(name);
      else if (this.#hashes.has(name)) this.#hashes.set(name, last.hash);
    }
  }

  forgetAll(): void {
    this.#hashes.clear();
  }

  /** Decodes what somebody read of a partition. */
  decoder<K extends Kind>(kind: K): (name: string, bytes: Buffer) => Decoded<RecordKinds[K]> {
    return (name, bytes) => {
      const decoded = decodeRecord(kind, name, bytes);
      if (this.#hashes.size >= MOST_HASHES) this.#hashes.clear();
      this.#hashes.set(name, decoded.hash);
      return decoded;
    };
  }
}
