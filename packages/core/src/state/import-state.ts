import type { BySide } from '../model/by-side.js';
import { PosternError } from '../model/error.js';
import { compareText } from '../model/mailbox.js';
import type { Side } from '../side/side.js';
import { createStore, hasState } from './disk-store.js';
import { ExportSum, isEnd, isSameEnd, readHeader, readRecord } from './export-form.js';
import type { InspectedRecord } from './inspect.js';
import { invalid, type JsonLine, jsonLines } from './json-lines.js';
import { KINDS, type RepositoryRecord } from './records.js';
import { foreignSide } from './repository.js';
import type { Change, Store } from './store.js';
import { buildingPlace, discardBuilding, putInPlace, resumeSwap, type SwapPlace } from './swap-state.js';

export interface ImportTarget extends SwapPlace {
  /** The id in the configuration. */
  readonly id: string;
  readonly sides: BySide<Side>;
}

export interface ImportOptions {
  /** Keep a state that is there aside, instead of refusing. */
  readonly replace?: boolean;
}

export interface ImportReport {
  readonly records: number;
  readonly mailboxes: number;
  readonly pairs: number;
  /** When it was exported; ISO 8601, as the export says. */
  readonly exported: string;
  /** Where the state that was there is kept. */
  readonly aside?: string;
}

const A_BATCH = 1000;

/**
 * Makes a new state of an export: its records as they are, seals and checksums computed anew. The lines are untrusted: one
 * that is wrong, missing, doubled or out of order means `import-invalid`, and nothing is changed. The state is put in its
 * place as a whole, so that a kill leaves either none or all of it. Witnesses in the mail tell at the next fetch whether the
 * export is older than the mail (DESIGN §5).
 */
export async function importState(
  target: ImportTarget,
  chunks: AsyncIterable<Uint8Array | string>,
  { replace = false }: ImportOptions = {},
): Promise<ImportReport> {
  const place: SwapPlace = { ...target, aside: 'replaced' };
  await resumeSwap(place);
  if (!replace && (await hasState(target.stateDirectory))) {
    throw new PosternError('failed', `there is a state in ${target.stateDirectory} already`, {
      hint: 'to put the imported one in its place and keep it aside: postern import-state --replace',
    });
  }
  const store = await createStore(buildingPlace(target.stateDirectory), { seam: target.seam });
  try {
    const report = await new Import(target, store).run(jsonLines(chunks)).finally(() => store.close());
    const aside = await putInPlace(place);
    return aside === undefined ? report : { ...report, aside };
  } catch (error) {
    await discardBuilding(place).catch(() => undefined);
    throw error;
  }
}

class Import {
  readonly #target: ImportTarget;
  readonly #store: Store;
  readonly #sum = new ExportSum();
  readonly #counts = { records: 0, mailboxes: 0, pairs: 0 };
  #changes: Change[] = [];
  #last: Place | undefined;
  #isOwned = false;

  constructor(target: ImportTarget, store: Store) {
    this.#target = target;
    this.#store = store;
  }

  async run(lines: AsyncIterable<JsonLine>): Promise<ImportReport> {
    let exported: string | undefined;
    let hasEnded = false;
    for await (const { line, value } of lines) {
      if (hasEnded) throw invalid(`line ${line}: it comes after the end`);
      if (isEnd(value)) {
        if (exported === undefined || !isSameEnd(value, this.#sum.finish()))
          throw invalid(`line ${line}: the records are not those that were exported`);
        hasEnded = true;
        continue;
      }
      try {
        if (exported === undefined) exported = this.#begin(value);
        else {
          await this.#take(readRecord(value));
          this.#sum.add(value);
        }
      } catch (error) {
        if (!(error instanceof PosternError) || error.code !== 'import-invalid') throw error;
        throw invalid(`line ${line}: ${error.message}`);
      }
    }
    if (exported === undefined) throw invalid('it is empty');
    if (!hasEnded) throw invalid('it is cut short: the last line is not the end');
    if (!this.#isOwned) throw invalid('it does not say whose state it is');
    await this.#store.write(this.#changes, { durable: true });
    return { ...this.#counts, exported };
  }

  #begin(value: unknown): string {
    const { repository, exported } = readHeader(value);
    if (repository !== this.#target.id) throw foreign(`of another repository (${repository})`);
    return exported;
  }

  async #take(record: InspectedRecord): Promise<void> {
    const { kind, mailbox, key, value } = record;
    const place: Place = { kind: KINDS.indexOf(kind), mailbox, key: Buffer.from(key) };
    if (this.#last !== undefined && comparePlaces(this.#last, place) >= 0)
      throw new PosternError('import-invalid', 'the record stands there twice, or in another order');
    this.#last = place;
    if (kind === 'meta') this.#own(value);
    this.#counts.records++;
    if (kind === 'mailbox') this.#counts.mailboxes++;
    if (kind === 'pair') this.#counts.pairs++;
    this.#changes.push({ put: kind, mailbox, key, value } as Change);
    if (this.#changes.length < A_BATCH) return;
    const changes = this.#changes;
    this.#changes = [];
    await this.#store.write(changes, { durable: false });
  }

  #own(meta: RepositoryRecord): void {
    if (meta.repository !== this.#target.id) throw foreign(`of another repository (${meta.repository})`);
    const side = foreignSide(meta, this.#target.sides);
    if (side !== undefined) {
      throw foreign(`made with ${meta.addresses[side]}, and not with ${this.#target.sides[side].address}`);
    }
    this.#isOwned = true;
  }
}

/** Where a record stands in an export. */
interface Place {
  readonly kind: number;
  readonly mailbox: string;
  readonly key: Buffer;
}

function comparePlaces(a: Place, b: Place): number {
  return a.kind - b.kind || compareText(a.mailbox, b.mailbox) || a.key.compare(b.key);
}

function foreign(what: string): PosternError {
  return new PosternError('state-foreign', `the export is ${what}`, {
    hint: 'nothing was changed; on another machine, copy .postern/config.toml along with the mail first',
  });
}
