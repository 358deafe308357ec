import { gzipSync } from 'node:zlib';
import { type Action, OPS } from '@postern/core/model/action.js';
import { PosternError } from '@postern/core/model/error.js';
import { lineOf } from '@postern/core/plan/line.js';
import { readPlan } from '@postern/core/plan/read-plan.js';
import { planDocument, planLines } from '@postern/core/plan/write-plan.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { everyOp, type PlannedRig } from '../support/every-op.js';
import { Forger } from '../support/forged-lines.js';
import { type Line, mutationsOf } from '../support/plan-mutations.js';
import { Random } from '../support/random.js';
import type { Rig } from '../support/rig.js';

/** Forged plans that are applied, and plan files that are damaged. The environment raises them. */
const FORGED = Number(process.env['POSTERN_FORGED'] ?? 30);
const DAMAGED = Number(process.env['POSTERN_DAMAGED'] ?? 400);
const SEED = Number(process.env['POSTERN_SEED'] ?? 20_261_122);

/** What a person may change in a line without its id becoming another one. */
const EDITABLE = [
  'flags',
  'add',
  'remove',
  'why',
  'conflict',
  'message.size',
  'message.messageId',
  'message.date',
  'message.from',
  'message.subject',
];

let start: PlannedRig;
let lines: readonly Line[];
let header: string;
/** What both sides hold when the plan was applied as it is, and all is at rest. */
let end: Holdings;

beforeAll(async () => {
  start = await everyOp();
  lines = start.plan.actions.map(lineOf);
  header = [...planLines(start.plan.header, [])].join();
  const rig = await start.rig.clone();
  await rig.apply(start.plan.actions);
  await settle(rig);
  end = holdingsOf(rig);
});

/** How many copies of each content a side has, in all its mailboxes. */
type Holdings = Readonly<Record<'remote' | 'local', ReadonlyMap<string, number>>>;

function holdingsOf(rig: Rig): Holdings {
  const of = (side: 'remote' | 'local') => {
    const counts = new Map<string, number>();
    for (const mailbox of rig[side].mailboxes.values())
      for (const { identity } of mailbox.messages.values())
        counts.set(identity.content, (counts.get(identity.content) ?? 0) + 1);
    return counts;
  };
  return { remote: of('remote'), local: of('local') };
}

async function settle(rig: Rig): Promise<void> {
  for (let round = 0; round < 8; round++) {
    const { plan } = await rig.sync();
    if (plan.actions.length === 0 && plan.rematch.length === 0) return;
  }
  throw new Error('it never came to rest');
}

/** The actions of a plan, or why it is refused. */
async function read(text: string | Uint8Array): Promise<readonly Action[] | PosternError> {
  async function* source() {
    yield text;
  }
  try {
    return (await readPlan(source(), start.rig.id)).actions;
  } catch (error) {
    if (error instanceof PosternError) return error;
    throw error;
  }
}

const SCHEMA_WORDS =
  /invalid input|\bexpected (string|int|number|array|object|record)\b|received|too (big|small)\b|undefined/i;
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** A refusal is one sentence with the line, in words for people. */
function checkWords({ code, message, hint }: PosternError, where: string): void {
  expect(code, where).toBe('plan-invalid');
  expect(message, where).toMatch(/^line \d+ of the plan: \S|^the plan is empty/);
  expect(message, where).not.toMatch(SCHEMA_WORDS);
  expect(message, where).not.toMatch(CONTROLS);
  expect(message.length, where).toBeLessThan(300);
  expect(hint, where).toContain('nothing was done');
}

/** How often lines ask for a copy of each content. */
function copiesAskedFor(actions: readonly Action[], rig: Rig): ReadonlyMap<string, number> {
  const asked = new Map<string, number>();
  const messages = [rig.remote, rig.local].flatMap(({ mailboxes }) =>
    [...mailboxes.values()].flatMap(mailbox => [...mailbox.messages.values()]),
  );
  for (const { op, message } of actions) {
    if (!op.startsWith('copy-')) continue;
    const alike = messages.filter(({ identity }) => identity.digest === message?.digest);
    for (const content of new Set(alike.map(({ identity }) => identity.content)))
      asked.set(content, (asked.get(content) ?? 0) + 1);
  }
  return asked;
}

/**
 * Applies actions to a copy of the start, and goes on until all is at rest: no message is lost that the true plan keeps,
 * and none is there more often than it was, or than the lines ask for. Returns how many actions did something.
 */
async function checkHarmless(actions: readonly Action[], where: string): Promise<number> {
  const rig = await start.rig.clone();
  const before = holdingsOf(rig);
  const asked = copiesAskedFor(actions, rig);
  const { stopped, counts } = await rig.apply(actions);
  expect(stopped, where).toBeUndefined();
  if (counts.done === 0) expect(holdingsOf(rig), where).toEqual(before);
  else await settle(rig);
  const wanted = counts.done === 0 ? before : end;
  const after = holdingsOf(rig);
  for (const side of ['remote', 'local'] as const) {
    const of = (holdings: Holdings, content: string) => holdings[side].get(content) ?? 0;
    for (const content of new Set([...end.remote.keys(), ...before.remote.keys(), ...before.local.keys()])) {
      const counts = [end, before].flatMap(one => [
        one.remote.get(content) ?? 0,
        one.local.get(content) ?? 0,
      ]);
      const most = Math.max(...counts) + (asked.get(content) ?? 0);
      expect(of(after, content), `${where}: ${content} on ${side}, lost`).toBeGreaterThanOrEqual(
        of(wanted, content),
      );
      expect(of(after, content), `${where}: ${content} on ${side}, doubled`).toBeLessThanOrEqual(most);
    }
  }
  return counts.done;
}

describe('a plan whose lines were edited', () => {
  it('has every op to edit', () => {
    expect(OPS.filter(op => !lines.some(line => line['op'] === op))).toEqual([]);
  });

  it.each(OPS)(
    '%s: every odd value in every field is refused with line and reason, or harmless',
    async op => {
      const line = lines.find(one => one['op'] === op)!;
      const foreign = OPS.flatMap(other =>
        lines.filter(one => one['op'] === other && other !== op).slice(0, 1),
      );
      const accepted = new Map<string, Action>();
      let refused = 0;
      for (const { what, field, text } of mutationsOf(line, foreign)) {
        const where = `${op} with ${what} in ${field}`;
        const got = await read(`${header}\n${text}`);
        expect(({} as { polluted?: boolean }).polluted, where).toBeUndefined();
        if (got instanceof PosternError) {
          refused++;
          checkWords(got, where);
          expect(got.message, where).toMatch(/^line 2 /);
          continue;
        }
        const [action] = got as [Action];
        expect(EDITABLE, where).toContain(field);
        expect(action.id, where).toBe(line['id']);
        const { flags, add, remove, message } = action;
        accepted.set(JSON.stringify([flags, add, remove, message?.size]), action);
      }
      expect(refused).toBeGreaterThan(100);
      for (const action of accepted.values()) await checkHarmless([action], JSON.stringify(action));
    },
  );

  it('and signed anew loses nothing and doubles nothing, alone and among lines of the plan', {
    timeout: 60_000 + FORGED * 1000,
  }, async () => {
    const random = new Random(SEED);
    const forger = new Forger(start.rig, start.plan, random);
    let done = 0;
    for (let turn = 0; turn < FORGED; turn++) {
      const forged = Array.from({ length: 12 }, () => forger.line());
      const some = random.shuffled(lines).slice(0, turn % 3 === 0 ? 0 : random.below(lines.length));
      const text = random.shuffled([...forged, ...some.map(line => JSON.stringify(line))]).join('\n');
      const actions = await read(text);
      if (actions instanceof PosternError)
        expect.fail(`seed ${SEED}, turn ${turn}: ${actions.message}\n${text}`);
      done += await checkHarmless(actions, `seed ${SEED}, turn ${turn}:\n${text}\n`);
    }
    expect(done, 'forged and true lines that did something').toBeGreaterThan(FORGED);
  });
});

describe('a plan file that was damaged', () => {
  it('is refused with line and reason, or says nothing that the plan did not say', {
    timeout: 60_000 + DAMAGED * 100,
  }, async () => {
    const { plan } = start;
    const texts = [
      `${[...planLines(plan.header, plan.actions)].join('\n')}\n`,
      [...planDocument(plan.header, plan.actions)].join('\n'),
    ];
    const known = new Set(plan.actions.map(({ id }) => id));
    const results = { refused: 0, accepted: 0 };
    const cuts = fc.tuple(fc.nat(), fc.nat({ max: 400 }));
    const damage = fc.oneof(
      fc.record({ kind: fc.constant('truncated'), cut: cuts }),
      fc.record({ kind: fc.constant('without a part'), cut: cuts }),
      fc.record({ kind: fc.constant('with a part twice'), cut: cuts }),
      fc.record({
        kind: fc.constant('with octets in it'),
        cut: cuts,
        octets: fc.uint8Array({ maxLength: 8 }),
      }),
      fc.record({
        kind: fc.constant('with text in it'),
        cut: cuts,
        octets: fc
          .constantFrom('{', '}', '[', ']', '"', ',', '\\', '{}', '\n', 'null', '\ufeff')
          .map(text => Buffer.from(text)),
      }),
      fc.record({ kind: fc.constant('overwritten'), cut: cuts, octets: fc.uint8Array({ maxLength: 8 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...texts), damage, async (text, change) => {
        const bytes = Buffer.from(text);
        const at = change.cut[0] % bytes.length;
        const octets = 'octets' in change ? change.octets : new Uint8Array();
        const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
        const part = tail.subarray(0, change.cut[1]);
        const rest = tail.subarray(part.length);
        const damaged = Buffer.concat(
          {
            truncated: [head],
            'without a part': [head, rest],
            'with a part twice': [head, part, part, rest],
            'with octets in it': [head, octets, tail],
            'with text in it': [head, octets, tail],
            overwritten: [head, octets, tail.subarray(octets.length)],
          }[change.kind] ?? [],
        );
        const got = await read(damaged);
        if (got instanceof PosternError) {
          results.refused++;
          checkWords(got, change.kind);
        } else {
          results.accepted++;
          expect(got.map(({ id }) => id).filter(id => !known.has(id))).toEqual([]);
        }
      }),
      { seed: SEED, numRuns: DAMAGED },
    );
    expect(results.refused).toBeGreaterThan(DAMAGED / 2);
    expect(results.accepted).toBeGreaterThan(0);
  });

  it.each([
    ['with a BOM and CRLF', (text: string) => `\ufeff${text.replaceAll('\n', '\r\n')}`, 'read'],
    ['without its header', (text: string) => text.slice(text.indexOf('\n') + 1), 'read'],
    ['with blank lines', (text: string) => text.replaceAll('\n', '\n\n \n'), 'read'],
    ['without its last line end', (text: string) => text.trimEnd(), 'read'],
    ['compressed', (text: string) => gzipSync(text), 'refused'],
    ['in UTF-16', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le'), 'refused'],
    ['twice in one file', (text: string) => text + text, 'refused'],
    ['behind a blank of no kind', (text: string) => `\u0000${text}`, 'refused'],
    ['as a list', (text: string) => `[${text.trimEnd().split('\n').join(',')}]`, 'refused'],
    [
      'followed by an octet that begins a character',
      (text: string) => Buffer.concat([Buffer.from(text), Buffer.of(0xc3)]),
      'refused',
    ],
    ['as a patch shows it', (text: string) => text.replace(/^/gm, '+'), 'refused'],
  ] as const)('%s is %3$s', async (what, change, result) => {
    const { plan } = start;
    const got = await read(change(`${[...planLines(plan.header, plan.actions)].join('\n')}\n`));
    if (result === 'read') expect(got).toEqual(plan.actions);
    else if (got instanceof PosternError) checkWords(got, what);
    else expect.fail('it was read');
  });
});
