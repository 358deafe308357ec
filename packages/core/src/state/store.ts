import type { Kind, RecordKinds } from './records.js';

/** One change of a batch. `clear` drops a whole partition, its seal included. */
export type Change =
  | {
      readonly [K in Kind]: {
        readonly put: K;
        readonly mailbox: string;
        readonly key: string;
        readonly value: RecordKinds[K];
      };
    }[Kind]
  | { readonly del: Kind; readonly mailbox: string; readonly key: string }
  | { readonly clear: Kind; readonly mailbox: string };

/**
 * The state database. Every record carries a checksum over its key and payload, every partition a seal (count and digest
 * of its records) written in the same batch: a record that is damaged or went missing is noticed when it is read, as
 * `state-damaged`, and never looks like one that was deleted.
 */
export interface Store {
  /** One record, checksum verified; undefined when the partition's seal is right and the key is not there. */
  get<K extends Kind>(kind: K, mailbox: string, key: string): Promise<RecordKinds[K] | undefined>;
  /** The same of several records at once: those that are there, in the order of the keys given. */
  getMany<K extends Kind>(
    kind: K,
    mailbox: string,
    keys: Iterable<string>,
  ): Promise<ReadonlyMap<string, RecordKinds[K]>>;
  /** The same without proof that the others are missing: for whoever counts them. */
  some<K extends Kind>(
    kind: K,
    mailbox: string,
    keys: Iterable<string>,
  ): Promise<ReadonlyMap<string, RecordKinds[K]>>;
  /** The keys of a partition, in order: as many as its seal says. */
  keys(kind: Kind, mailbox: string): Promise<readonly string[]>;
  /**
   * What `peek` finds in the payload (MessagePack) of each record of a partition, in key order: a part of each costs a third of
   * the whole. Verified like `all`.
   */
  glimpses<T>(kind: Kind, mailbox: string, peek: (payload: Buffer) => T): Promise<ReadonlyMap<string, T>>;
  /** A whole partition as it is now, verified against its seal, in key order. Later writes do not show in it. */
  all<K extends Kind>(kind: K, mailbox: string): Promise<ReadonlyMap<string, RecordKinds[K]>>;
  /**
   * The records of a partition one after the other, without holding all of a large one. Whether they are all is known at the
   * end only: it throws then when they do not fit their seal. Nobody writes meanwhile.
   */
  each<K extends Kind>(
    kind: K,
    mailbox: string,
  ): AsyncIterable<readonly [key: string, value: RecordKinds[K]]>;
  /** How many records a partition holds, by its seal. */
  count(kind: Kind, mailbox: string): Promise<number>;
  /** What the records of a partition add up to, by its seal: another text for other records, now or in a later run. */
  fingerprint(kind: Kind, mailbox: string): Promise<string>;
  /** A number that is another one after each write to a partition, for as long as the store is open. */
  edition(kind: Kind, mailbox: string): number;
  /** The partitions of a kind that hold records, sorted. */
  partitions(kind: Kind): Promise<string[]>;
  /** Applies all changes or none. `durable` returns only when they are on disk (one fdatasync). */
  write(changes: readonly Change[], options: { readonly durable: boolean }): Promise<void>;
  close(): Promise<void>;
}
