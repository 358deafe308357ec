import type { Row } from '../model/row.js';

/** Messages by the digest of their header. Nearly every digest is that of one message: a set of one costs as much as the row. */
export class RowsByDigest {
  readonly #rows = new Map<string, Row | Set<Row>>();

  of(digest: string): Row[] {
    const found = this.#rows.get(digest);
    if (found === undefined) return [];
    return found instanceof Set ? [...found] : [found];
  }

  add(row: Row): void {
    const { digest } = row.identity;
    const found = this.#rows.get(digest);
    if (found === undefined) this.#rows.set(digest, row);
    else if (found instanceof Set) found.add(row);
    else if (found !== row) this.#rows.set(digest, new Set([found, row]));
  }

  delete(row: Row): void {
    const { digest } = row.identity;
    const found = this.#rows.get(digest);
    if (found instanceof Set) found.delete(row);
    else if (found === row) this.#rows.delete(digest);
  }

  clear(): void {
    this.#rows.clear();
  }
}
