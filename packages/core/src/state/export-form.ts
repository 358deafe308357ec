import { createHash } from 'node:crypto';
import { PosternError } from '../model/error.js';
import { pairKey } from '../model/pair.js';
import { faultOfNames } from './check-names.js';
import type { InspectedRecord } from './inspect.js';
import { FORMS } from './record-forms.js';
import { KINDS, type Kind, type RecordKinds } from './records.js';

/*
 * An export: a header, every record as `cat-state` prints it, and an end. docs/design/state-format.md shows the lines.
 */

export const EXPORT_VERSION = 1;

export interface ExportHeader {
  readonly postern: 'state';
  readonly version: number;
  /** The id of the repository, which the configuration and the witnesses carry too. */
  readonly repository: string;
  /** ISO 8601, UTC. */
  readonly exported: string;
}

export interface ExportEnd {
  readonly end: true;
  readonly records: number;
  /** Of every record before, as `ExportSum` takes them. */
  readonly sha256: string;
}

/** A digest of records that does not mind how their JSON was written. */
export class ExportSum {
  readonly #hash = createHash('sha256');
  #records = 0;

  add(value: unknown): void {
    this.#records++;
    this.#hash.update(`${JSON.stringify(value)}\n`);
  }

  finish(): ExportEnd {
    return { end: true, records: this.#records, sha256: this.#hash.digest('hex') };
  }
}

/** Reads a header, as untrusted input. Throws why it is none. */
export function readHeader(value: unknown): ExportHeader {
  const { postern, version, repository, exported } = fields(value);
  if (postern !== 'state') wrong('it is not the header of an export');
  if (version !== EXPORT_VERSION) {
    throw new PosternError('state-version', `the export has version ${JSON.stringify(version)}`, {
      hint: `this postern reads version ${EXPORT_VERSION}; use the postern that wrote it, or a newer one`,
    });
  }
  if (typeof repository !== 'string') wrong('it lacks "repository"');
  if (typeof exported !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(exported))
    wrong('"exported" is not a time');
  return { postern, version, repository, exported };
}

export function isEnd(value: unknown): value is { readonly end: true } {
  return typeof value === 'object' && value !== null && (value as { end?: unknown }).end === true;
}

/** Whether an end is the one that belongs to the lines before it. */
export function isSameEnd(value: unknown, due: ExportEnd): boolean {
  const { records, sha256 } = fields(value);
  return records === due.records && sha256 === due.sha256;
}

/** Reads one record, as untrusted input, with nothing in it that a record has not. Throws why it is none. */
export function readRecord(value: unknown): InspectedRecord {
  const { kind, mailbox, key, value: content } = fields(value);
  if (!KINDS.includes(kind as Kind)) wrong(`no kind of record is called ${JSON.stringify(kind)}`);
  if (typeof mailbox !== 'string' || typeof key !== 'string') wrong('it lacks "mailbox" or "key"');
  const known = kind as Kind;
  if (WHOLE.includes(known) !== (mailbox === '')) wrong(`its mailbox is not one that ${known} records have`);
  if (key === '' || key.includes('\0') || !key.isWellFormed()) wrong('its key cannot be one');
  const record = shaped(known, content);
  const due = keyOf(known, record);
  if (due !== undefined && due !== key)
    wrong(`it says it is ${JSON.stringify(due)}, and stands under another key`);
  const found = { kind: known, mailbox, key, value: record } as InspectedRecord;
  const fault = faultOfNames(found);
  if (fault !== undefined) wrong(fault);
  return found;
}

/** Kinds that are not about one mailbox. */
const WHOLE: readonly Kind[] = ['meta', 'mailbox', 'log'];

/** The record as the database would give it back: what does not belong is left out, what is missing is refused. */
function shaped<K extends Kind>(kind: K, content: unknown): RecordKinds[K] {
  const { store, read } = FORMS[kind];
  try {
    return read(store(content as RecordKinds[K]));
  } catch (error) {
    return wrong(error instanceof PosternError ? `it holds ${error.message}` : `it is not a ${kind} record`);
  }
}

function keyOf(kind: Kind, value: RecordKinds[Kind]): string | undefined {
  switch (kind) {
    case 'meta':
      return 'repository';
    case 'mailbox':
      return (value as RecordKinds['mailbox']).mailbox;
    case 'pair':
      return pairKey(value as RecordKinds['pair']);
    case 'remote':
    case 'local':
      return (value as RecordKinds['remote']).key;
    default:
      return undefined;
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return wrong('it is not an object');
}

function wrong(reason: string): never {
  throw new PosternError('import-invalid', reason);
}
