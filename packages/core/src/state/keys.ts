import { bug } from '../model/error.js';
import { KINDS, type Kind } from './records.js';

/*
 * A record's key is `kind NUL mailbox NUL key` in UTF-8. Neither part can hold NUL, so keys are unambiguous and a
 * partition is one range; inside it records are in the order of their keys' octets. Seals stand apart: a lost block of
 * records does not take their seal along.
 */

const SEAL = 'seal';
const NUL = '\0';

/** Seal of seals; one in a database. */
export const ROOT_KEY = 'root';

export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}

export interface Partition {
  readonly kind: Kind;
  readonly mailbox: string;
}

export interface RecordName extends Partition {
  readonly key: string;
}

/** `kind NUL mailbox`: a partition as one text. */
export function partitionKey(kind: Kind, mailbox: string): string {
  return `${kind}${NUL}${checked(mailbox)}`;
}

export function recordKey(kind: Kind, mailbox: string, key: string): string {
  return `${partitionKey(kind, mailbox)}${NUL}${checked(key)}`;
}

export function sealKey(kind: Kind, mailbox: string): string {
  return `${SEAL}${NUL}${partitionKey(kind, mailbox)}`;
}

/** The records of a partition, without its seal. */
export function partitionRange(kind: Kind, mailbox: string): KeyRange {
  const partition = partitionKey(kind, mailbox);
  return { gte: `${partition}${NUL}`, lt: `${partition}\u0001` };
}

export const SEAL_RANGE: KeyRange = { gte: `${SEAL}${NUL}`, lt: `${SEAL}\u0001` };

/** The parts of a record's key, or undefined when it is not one. */
export function parseRecordKey(text: string): RecordName | undefined {
  const [kind, mailbox, key, ...more] = text.split(NUL);
  if (!isKind(kind) || mailbox === undefined || key === undefined || more.length > 0) return undefined;
  return { kind, mailbox, key };
}

export function parseSealKey(text: string): Partition | undefined {
  const [seal, kind, mailbox, ...more] = text.split(NUL);
  if (seal !== SEAL || !isKind(kind) || mailbox === undefined || more.length > 0) return undefined;
  return { kind, mailbox };
}

/** A key in words, for messages to people. */
export function describeKey(text: string): string {
  const record = parseRecordKey(text);
  if (record !== undefined) {
    const place = record.mailbox === '' ? '' : ` of mailbox ${JSON.stringify(record.mailbox)}`;
    return `${record.kind} record ${JSON.stringify(record.key)}${place}`;
  }
  const seal = parseSealKey(text);
  if (seal !== undefined) return `seal of ${describePartition(seal)}`;
  return text === ROOT_KEY ? 'the seal of the whole database' : `key ${JSON.stringify(text)}`;
}

export function describePartition({ kind, mailbox }: Partition): string {
  return mailbox === '' ? `the ${kind} records` : `the ${kind} records of mailbox ${JSON.stringify(mailbox)}`;
}

function isKind(text: string | undefined): text is Kind {
  return (KINDS as readonly (string | undefined)[]).includes(text);
}

function checked(part: string): string {
  if (part.includes(NUL) || !part.isWellFormed())
    bug(`${JSON.stringify(part)} cannot be part of a state key`);
  return part;
}
