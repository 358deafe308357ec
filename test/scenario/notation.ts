import { type Flags, flagsFrom } from '@postern/core/model/flags.js';
import { identityOf } from '@postern/core/model/identity.js';
import { message } from '../support/messages.js';

const LETTERS: Readonly<Record<string, string>> = {
  D: '\\Draft',
  F: '\\Flagged',
  P: '$Forwarded',
  R: '\\Answered',
  S: '\\Seen',
  T: '\\Deleted',
};
const letterOf = new Map(Object.entries(LETTERS).map(([letter, flag]) => [flag, letter]));

/** A message in a mailbox, as rows name it. */
export interface Name {
  readonly mailbox: string;
  readonly name: string;
}

/** One message of `given`. Flags are undefined where there is no message, or no pair. */
export interface Given extends Name {
  readonly remote: Flags | undefined;
  readonly base: Flags | undefined;
  readonly local: Flags | undefined;
}

export function listOf(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map(item => item.trim())
    .filter(item => item !== '');
}

/** `·` for none, letters and {keywords} in order. */
export function writeFlags(flags: Flags): string {
  const letters = flags.map(flag => letterOf.get(flag)).filter(letter => letter !== undefined);
  const keywords = flags.filter(flag => !letterOf.has(flag)).map(flag => `{${flag}}`);
  return [...letters.sort(), ...keywords].join('') || '·';
}

export function readFlags(text: string): Flags {
  if (text === '·') return [];
  const flags: string[] = [];
  for (const [token, keyword] of text.matchAll(/\{([^}]*)\}|./g)) {
    const flag = keyword ?? LETTERS[token];
    if (flag === undefined) throw new Error(`no flag is written ${token} (in ${text})`);
    flags.push(flag);
  }
  return flagsFrom(flags);
}

/** `+F-S{kw}` as a change. */
export function readDelta(text: string): { readonly add: Flags; readonly remove: Flags } {
  const part = (sign: string) =>
    readFlags(
      [...text.matchAll(new RegExp(`\\${sign}([^+-]+)`, 'g'))].map(found => found[1]).join('') || '·',
    );
  return { add: part('+'), remove: part('-') };
}

export function readName(text: string): Name {
  const colon = text.indexOf(':');
  return colon === -1
    ? { mailbox: 'INBOX', name: text }
    : { mailbox: text.slice(0, colon), name: text.slice(colon + 1) };
}

export function writeName({ mailbox, name }: Name): string {
  return mailbox === 'INBOX' ? name : `${mailbox}:${name}`;
}

/** `m1..25` stands for m1, m2, … m25. */
function* spread(item: string): Generator<readonly [Name, string | undefined]> {
  const [what, flags] = item.split(/\s+/) as [string, string | undefined];
  const { mailbox, name } = readName(what);
  const range = /^(.*?)(\d+)\.\.(\d+)$/.exec(name);
  if (range === null) {
    yield [{ mailbox, name }, flags];
    return;
  }
  for (let n = Number(range[2]); n <= Number(range[3]); n++)
    yield [{ mailbox, name: `${range[1]}${n}` }, flags];
}

export function readGiven(text: string): Given[] {
  return listOf(text).flatMap(item =>
    [...spread(item)].map(([name, state]) => {
      const parts = state?.split('/') ?? [];
      if (parts.length !== 3) throw new Error(`"${item}" is not written name R/B/L`);
      const [remote, base, local] = parts as [string, string, string];
      return {
        ...name,
        remote: remote === '∅' ? undefined : readFlags(remote),
        base: base === '–' ? undefined : readFlags(base.slice(1) || '·'),
        local: local === '∅' ? undefined : readFlags(local),
      };
    }),
  );
}

/** What a mailbox of one side holds, message by message: `a S`. Sorted. */
export type World = Readonly<Record<'remote' | 'local', readonly string[]>>;

/** A world as rows write it. Twins lose their marks: what counts is how many there are. */
export function readWorld(text: string): World {
  const world = { remote: [] as string[], local: [] as string[] };
  for (const item of listOf(text)) {
    for (const [name, state] of spread(item)) {
      const [remote, local] = (state ?? '·').split('/') as [string, string | undefined];
      for (const [side, flags] of [
        ['remote', remote],
        ['local', local ?? remote],
      ] as const) {
        if (flags !== '∅')
          world[side].push(`${writeName(withoutTwin(name))} ${writeFlags(readFlags(flags))}`);
      }
    }
  }
  return { remote: world.remote.sort(), local: world.local.sort() };
}

function withoutTwin({ mailbox, name }: Name): Name {
  return { mailbox, name: name.replace(/'+$/, '') };
}

/** How many twins come before this one. */
export function twinNumber(name: string): number {
  return /'*$/.exec(name)![0].length;
}

/** Lines of a plan in a comparable form. */
export function readPlanLines(text: string): string[] {
  return listOf(text)
    .flatMap(item => {
      const [op, what, delta] = item.split(/\s+/) as [string, string | undefined, string | undefined];
      return [...spread(what ?? '')].map(([name]) =>
        [op, writeName(withoutTwin(name)), ...(delta === undefined ? [] : [delta])].join(' '),
      );
    })
    .sort();
}

/** The bytes behind the names of a row, and the names behind bytes. */
export class MessageBook {
  readonly #given: Readonly<Record<string, Buffer>>;
  readonly #bytes = new Map<string, Buffer>();
  readonly #byContent = new Map<string, string>();
  readonly #byDigest = new Map<string, string>();

  constructor(given: Readonly<Record<string, Buffer>> = {}) {
    this.#given = given;
  }

  bytes(name: string): Buffer {
    const plain = withoutTwin({ mailbox: '', name }).name;
    const known = this.#bytes.get(plain);
    if (known !== undefined) return known;
    const bytes = this.#given[plain] ?? bytesOf(plain);
    const { identity } = identityOf(bytes);
    this.#bytes.set(plain, bytes);
    this.#byContent.set(identity.content!, plain);
    if (!this.#byDigest.has(identity.digest)) this.#byDigest.set(identity.digest, plain);
    return bytes;
  }

  contentOf(name: string): string {
    return identityOf(this.bytes(name)).identity.content!;
  }

  nameOf(content: string): string {
    return this.#byContent.get(content) ?? `unknown message ${content.slice(0, 12)}`;
  }

  nameOfDigest(digest: string): string {
    return this.#byDigest.get(digest) ?? `unknown digest ${digest}`;
  }
}

function bytesOf(name: string): Buffer {
  const mark = /^[~^?]*/.exec(name)![0];
  const plain = name.slice(mark.length);
  const id = mark.includes('?') ? (false as const) : plain;
  const subject = mark.includes('^') ? `Another one than ${plain}` : `Message ${plain}`;
  const body = `This is ${plain}.\r\n${'Quite another text.\r\n'.repeat(mark.replaceAll('?', '').length)}`;
  return message({ id, subject, body });
}
