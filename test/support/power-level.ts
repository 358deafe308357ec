import { MemoryLevel } from 'memory-level';

interface Operation {
  readonly type: 'put' | 'del';
  readonly key: string | Buffer;
  readonly value?: string | Buffer;
}

type Batch = (operations: Operation[], options: { readonly sync?: boolean }) => Promise<void>;

/** A database in memory that knows what a power cut leaves of it: everything up to the last write with `sync`. */
export class PowerLevel extends MemoryLevel<Buffer, Buffer> {
  /** What the keys written since were before, as hex. */
  readonly #undo = new Map<string, Buffer | undefined>();

  constructor() {
    super({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
    // The tables below batch() are not in the types: `_batch` is where abstract-level hands over whole batches.
    const inner = (MemoryLevel.prototype as unknown as { _batch: Batch })._batch;
    const noted: Batch = async (operations, options) => {
      if (options.sync) this.#undo.clear();
      else for (const { key } of operations) await this.#note(Buffer.from(key));
      return inner.call(this, operations, options);
    };
    Object.defineProperty(this, '_batch', { value: noted });
  }

  /** Takes back every write since the last one with `sync`. */
  async powerCut(): Promise<void> {
    const undo = [...this.#undo];
    this.#undo.clear();
    for (const [hex, value] of undo) {
      const key = Buffer.from(hex, 'hex');
      if (value === undefined) await this.del(key);
      else await this.put(key, value);
    }
  }

  async #note(key: Buffer): Promise<void> {
    const hex = key.toString('hex');
    if (!this.#undo.has(hex)) this.#undo.set(hex, await this.get(key));
  }
}
