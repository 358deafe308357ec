import { PosternError } from '../model/error.js';

/** Turns what was decoded into a value of the type, or throws `state-damaged` with what is wrong. */
export type Reader<T> = (raw: unknown) => T;

export interface Optional<T> {
  readonly optional: Reader<T>;
}

/** A reader for each field; a field that is forgotten does not compile. */
export type Fields<T> = {
  readonly [K in keyof T]-?: Record<string, never> extends Pick<T, K>
    ? Optional<Exclude<T[K], undefined>>
    : Reader<T[K]>;
};

export function misshapen(what: string): never {
  throw new PosternError('state-damaged', what);
}

export function text(raw: unknown): string {
  return typeof raw === 'string' ? raw : misshapen(`${nameOf(raw)} where text belongs`);
}

/** Text of a branded type: names and keys are checked where they come in and where they are used. */
export function branded<T extends string>(raw: unknown): T {
  return text(raw) as T;
}

export function number(raw: unknown): number {
  return typeof raw === 'number' && Number.isFinite(raw)
    ? raw
    : misshapen(`${nameOf(raw)} where a number belongs`);
}

export function whole(raw: unknown): number {
  return Number.isSafeInteger(raw) && (raw as number) >= 0
    ? (raw as number)
    : misshapen(`${nameOf(raw)} where a whole number belongs`);
}

export function boolean(raw: unknown): boolean {
  return typeof raw === 'boolean' ? raw : misshapen(`${nameOf(raw)} where true or false belongs`);
}

export function list<T>(read: Reader<T>): Reader<readonly T[]> {
  return raw => (Array.isArray(raw) ? raw.map(read) : misshapen(`${nameOf(raw)} where a list belongs`));
}

export function oneOf<T extends string>(...choices: readonly T[]): Reader<T> {
  return raw =>
    choices.includes(raw as T) ? (raw as T) : misshapen(`${nameOf(raw)} where one of ${choices} belongs`);
}

/** A list of exactly `length` values, or of up to `most`. */
export function tuple(raw: unknown, length: number, most = length): readonly unknown[] {
  return Array.isArray(raw) && raw.length >= length && raw.length <= most
    ? raw
    : misshapen(`${nameOf(raw)} where ${length} values belong`);
}

export function optional<T>(read: Reader<T>): Optional<T> {
  return { optional: read };
}

/** An object of these fields; others are left out, and so is an optional one that is nil. */
export function object<T>(fields: Fields<T>): Reader<T> {
  const readers = Object.entries(fields) as [string, Reader<unknown> | Optional<unknown>][];
  return raw => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
      return misshapen(`${nameOf(raw)} where an object belongs`);
    }
    const from = raw as Record<string, unknown>;
    const out: Record<string, unknown> = {};
    for (const [name, reader] of readers) {
      const value = Object.hasOwn(from, name) ? from[name] : undefined;
      if (typeof reader === 'function') out[name] = reader(value);
      else if (value !== undefined && value !== null) out[name] = reader.optional(value);
    }
    return out as T;
  };
}

function nameOf(raw: unknown): string {
  if (raw === null || raw === undefined) return 'nothing';
  if (Array.isArray(raw)) return `a list of ${raw.length}`;
  return typeof raw === 'object' ? 'an object' : `a ${typeof raw}`;
}
