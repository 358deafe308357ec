/** A plan line as a program that edits it sees it. */
export type Line = Readonly<Record<string, unknown>>;

/** One change to a line, and what it is in words. */
export interface Mutation {
  readonly what: string;
  /** The field that was changed, `message.digest` for one inside another. */
  readonly field: string;
  /** The line as text: some mutations are no value of JSON.stringify. */
  readonly text: string;
}

const HUGE = 'x'.repeat(20_001);

/** Values that no field expects, with what each is. */
const ODD_VALUES: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['an empty text', ''],
  ['a blank', ' '],
  ['zero', 0],
  ['a negative number', -1],
  ['a fraction', 42.5],
  ['2^53', 2 ** 53],
  ['2^32', 4294967296],
  ['a number as text', '42'],
  ['a range', '1:*'],
  ['a list', []],
  ['a list in lists', [[['x']]]],
  ['an object', {}],
  ['a prototype', { constructor: { prototype: { polluted: true } } }],
  ['a huge text', HUGE],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['CR LF and a command', 'x\r\na1 DELETE INBOX'],
  ['NUL', 'a\u0000b'],
  ['a way out', '../../etc/passwd'],
  ['an absolute path', '/etc/passwd'],
  ['an encoded way out', '..%2F..%2Fx'],
  ['a lone surrogate', 'a\ud800b'],
  ['bidirectional controls', 'a\u202eb\u2066c'],
  ['C1 controls', 'a\u009b31mb'],
  ['escape codes', '\u001b[2J'],
  ['a quote and a brace', '"} {"op":"unpair"'],
  ['a wildcard', '*'],
  ['another repository', '00000000-0000-4000-8000-000000000000'],
];

/** Every field of a line with every odd value, left out, doubled, and put where it does not belong. */
export function* mutationsOf(line: Line, foreign: readonly Line[]): Generator<Mutation> {
  for (const path of pathsOf(line)) {
    const field = path.join('.');
    for (const [what, value] of ODD_VALUES)
      yield { what, field, text: JSON.stringify(changed(line, path, value)) };
    yield { what: 'nothing', field, text: JSON.stringify(changed(line, path, undefined)) };
    yield { what: 'itself in a list', field, text: JSON.stringify(changed(line, path, [at(line, path)])) };
    yield { what: 'itself twice', field, text: doubled(line, path) };
    for (const other of foreign) {
      const value = at(other, path);
      if (value !== undefined && value !== at(line, path))
        yield { what: `that of ${other['op']}`, field, text: JSON.stringify(changed(line, path, value)) };
    }
  }
  for (const other of foreign) {
    for (const [name, value] of Object.entries(other)) {
      if (Object.hasOwn(line, name)) continue;
      yield {
        what: `as ${other['op']} has it`,
        field: name,
        text: JSON.stringify({ ...line, [name]: value }),
      };
    }
  }
  const text = JSON.stringify(line);
  for (const name of ['force', '__proto__', 'constructor', 'toString', '', 'OP', 'op\u0000'])
    yield {
      what: 'a field nobody knows',
      field: name,
      text: text.replace('{', `{${JSON.stringify(name)}:{"polluted":true},`),
    };
}

function pathsOf(line: Line): string[][] {
  return Object.entries(line).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? [[name], ...pathsOf(value as Line).map(path => [name, ...path])]
      : [[name]],
  );
}

function at(line: Line, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (value as Line | undefined)?.[name], line);
}

function changed(line: Line, [name, ...rest]: readonly string[], value: unknown): Line {
  if (name === undefined) return line;
  return { ...line, [name]: rest.length === 0 ? value : changed(line[name] as Line, rest, value) };
}

function doubled(line: Line, path: readonly string[]): string {
  const name = path.at(-1) ?? '';
  const pair = `${JSON.stringify(name)}:${JSON.stringify(at(line, path))}`;
  return JSON.stringify(line).replace(pair, `${pair},${pair}`);
}
