import { exitOf } from '@postern/core/api/apply.js';
import type { Plan } from '@postern/core/api/plan.js';
import type { Action } from '@postern/core/model/action.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { ERROR_EXITS, PosternError } from '@postern/core/model/error.js';
import type { Outcome } from '@postern/core/model/outcome.js';
import { readPlan } from '@postern/core/plan/read-plan.js';
import { planLines } from '@postern/core/plan/write-plan.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fsckOpen } from '../support/fsck-open.js';
import { Random } from '../support/random.js';
import { CrashSeam } from '../support/seam.js';
import { checkState } from './check-state.js';
import { type Deletions, Players } from './events.js';
import { MemoryStage } from './memory-stage.js';
import { MessageBook, readPlanLines, readWorld, type World } from './notation.js';
import { RealStage } from './real-stage.js';
import type { Row } from './row.js';
import type { Stage } from './stage.js';
import {
  SERVER_NAMES,
  SERVERS,
  type ServerKind,
  type ServerName,
  type StageServer,
} from './stage-servers.js';
import { actionWords, look, type Sight, worldOf } from './words.js';

/** More rounds than any row needs to come to rest. */
const ROUNDS = 6;

/**
 * Runs every row of a table through the four legs of STYLE.md habit 5, in memory: the plan and its result; planning and
 * applying again; every action alone and a random half; a crash and a power cut at every effect.
 */
export function describeRows(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    let crashes = 0;
    it.each(rows.map(row => [row.id, row.says, row] as const))('%s %s', async (_id, _says, row) => {
      const ready = await prepare(row);
      await plannedAndApplied(row, ready);
      await inParts(row, ready);
      const met = await crashed(row, ready);
      if (row.plan !== '' && row.edit === undefined) expect(met, 'crash points met').toBeGreaterThan(0);
      crashes += met;
    });
    it('meets more than a hundred crash points', () => {
      process.stdout.write(`${title}: ${rows.length} rows, ${crashes} crash points\n`);
      expect(crashes).toBeGreaterThan(100);
    });
    for (const name of SERVER_NAMES) onServer(name, rows);
  });
}

/** The fourth leg: the same expectations on a real Maildir with a real server. */
function onServer(name: ServerName, all: readonly Row[]): void {
  const rows = all.flatMap(row => rowOn(name, row) ?? []);
  if (rows.length === 0) return;
  const { title, start, missing } = SERVERS[name];
  const reason = missing();
  const where = `on a Maildir and ${title}`;
  describe.skipIf(reason !== undefined)(
    reason === undefined ? where : `${where} [skipped: ${reason}]`,
    () => {
      let server: StageServer;
      beforeAll(async () => {
        process.stdout.write(`${rows.length} rows ${where}\n`);
        server = await start();
      });
      afterAll(() => server.stop());
      it.each(rows.map(row => [row.id, row.says, row] as const))('%s %s', async (_id, _says, row) => {
        const stage = await RealStage.create(server);
        try {
          const players = new Players(stage, new MessageBook(row.bytes));
          await players.setUp(row);
          readNames(row, players.book);
          await checkPlanAndApply(row, new Run(row, stage, players));
        } finally {
          await stage.end();
        }
      });
    },
  );
}

/** The row as it goes on this server; undefined where it does not run there. */
function rowOn(server: ServerName, row: Row): Row | undefined {
  if (row.real === undefined) return row.dovecot && server === 'dovecot' ? row : undefined;
  const kind: ServerKind = SERVERS[server];
  if (kind.differsIn?.test(row.plan) === false) return undefined;
  const otherwise = row.real === true ? undefined : row.real[server];
  if (otherwise?.not) return undefined;
  return {
    ...row,
    ...otherwise,
    says: otherwise === undefined ? row.says : `${row.says} (${otherwise.why})`,
  };
}

/** A stage right before the row's plan, to be cloned for each leg. */
interface Ready {
  readonly stage: MemoryStage;
  readonly book: MessageBook;
  readonly deletions: Deletions;
}

async function prepare(row: Row): Promise<Ready> {
  const stage = await MemoryStage.create(row.options);
  const players = new Players(stage, new MessageBook(row.bytes));
  await players.setUp(row);
  readNames(row, players.book);
  return { stage, book: players.book, deletions: players.deletions };
}

/** So that the book knows every message the row speaks of. */
function readNames(row: Row, book: MessageBook): void {
  for (const text of [row.after ?? '', ...endsOf(row)])
    for (const entry of Object.values(readWorld(text)).flat())
      book.bytes(entry.split(' ')[0]!.replace(/^[^:]*:/, ''));
}

/** One run of a row on a stage of its own, with what must survive it. */
export class Run {
  readonly row: Row;
  readonly stage: Stage;
  readonly players: Players;
  readonly #book: MessageBook;
  #before: Sight | undefined;
  /** A brake holds the rest back. */
  #held = false;

  constructor(row: Row, stage: Stage, from: Pick<Ready, 'book' | 'deletions'>) {
    this.row = row;
    this.stage = stage;
    this.#book = from.book;
    this.players = new Players(stage, from.book, from.deletions.clone());
  }

  /** Remembers what there is to lose. */
  async note(): Promise<void> {
    this.#before = await look(this.stage);
  }

  async world(): Promise<World> {
    return worldOf(await look(this.stage), this.#book);
  }

  async plan(): Promise<Plan> {
    const { allowEmpty } = this.row.options ?? {};
    return this.stage.plan(allowEmpty === undefined ? {} : { allowEmpty });
  }

  async planWords(plan: Plan): Promise<string[]> {
    const sight = await look(this.stage);
    return plan.actions.map(action => actionWords(action, sight, this.#book)).sort();
  }

  /** The plan as it comes back from a file that a filter or a person went over. */
  async reviewed(plan: Plan): Promise<readonly Action[]> {
    const lines = [...planLines(plan.header, plan.actions)];
    const edited = this.row.edit?.(lines) ?? lines;
    async function* text() {
      yield `${edited.join('\n')}\n`;
    }
    return (await readPlan(text(), this.stage.repository)).actions;
  }

  async apply(actions: readonly Action[], seam: Seam = openSeam) {
    const outcomes: Outcome[] = [];
    const { maxDelete, allowEmpty } = this.row.options ?? {};
    const report = await this.stage.apply(
      actions,
      {
        ...(maxDelete === undefined ? {} : { maxDelete }),
        ...(allowEmpty === undefined ? {} : { allowEmpty }),
        onOutcome: outcome => outcomes.push(outcome),
      },
      seam,
    );
    return { report, outcomes };
  }

  sync(seam: Seam = openSeam) {
    const { maxDelete, allowEmpty } = this.row.options ?? {};
    return this.stage.sync(
      {
        ...(maxDelete === undefined ? {} : { maxDelete }),
        ...(allowEmpty === undefined ? {} : { allowEmpty }),
      },
      seam,
    );
  }

  /** Plans and applies until there is nothing more to do; returns how often. */
  async rest(): Promise<number> {
    for (let round = 0; round <= ROUNDS; round++) {
      const plan = await this.plan();
      const words = await this.planWords(plan);
      const lasting = readPlanLines(this.row.lasting ?? '');
      if (words.join() === lasting.join() && plan.interrupted === 0 && plan.rematch.length === 0)
        return round;
      const { report } = await this.apply(plan.actions);
      const { done, failed, held } = report.counts;
      this.#held = held > 0;
      if (held > 0 && done + failed === 0) return round + 1;
      if (this.row.options?.pause !== undefined)
        await this.stage.event('clock', String(this.row.options.pause), '');
    }
    return ROUNDS + 1;
  }

  /** Nothing lost, state sound; and both sides as the row says, or as one of the alternatives. */
  async checkEnd(where: string, ends: readonly string[]): Promise<void> {
    const sight = await look(this.stage);
    const world = worldOf(sight, this.#book);
    const wanted = ends.map(readWorld);
    const met = wanted.findIndex(one => same(one, world));
    if (met === -1) expect(world, `${where}: both sides`).toEqual(wanted[0]);
    const losses = await this.#losses(sight);
    // An alternative end says itself, and why, what is not there.
    const told = met > 0 ? losses.filter(({ name }) => isIn(wanted[met]!, name)) : losses;
    expect(told, `${where}: messages lost`).toEqual([]);
    const { error, lasting, blocked } = this.row;
    const settled = !this.#held && error === undefined && lasting === undefined && blocked === undefined;
    const { faults, findings } = await this.stage.withStore(async (store, repository) => ({
      faults: await checkState(store, sight, { settled }),
      // Parts of plans are many, and end as the whole does.
      findings:
        error === 'side-missing' || where.startsWith('P4') ? [] : (await fsckOpen(repository)).findings,
    }));
    expect(faults, `${where}: the state`).toEqual([]);
    const wrong = findings.filter(({ severity }) => settled || severity === 'error');
    expect(wrong, `${where}: what fsck finds`).toEqual([]);
  }

  /** Every message either side had is on a side or in the attic, unless a user deleted it (P1). */
  async #losses(after: Sight): Promise<{ name: string; what: string }[]> {
    const before = this.#before;
    if (before === undefined) throw new Error('a run checks for losses without a note of what there was');
    const attic = count(await this.stage.attic());
    const now = { remote: count(contents(after.remote)), local: count(contents(after.local)) };
    const then = { remote: count(contents(before.remote)), local: count(contents(before.local)) };
    const losses: { name: string; what: string }[] = [];
    for (const content of new Set([...then.remote.keys(), ...then.local.keys()])) {
      const of = (counts: Counts) => counts.get(content) ?? 0;
      const had = Math.max(of(then.remote), of(then.local));
      const has = Math.max(of(now.remote), of(now.local)) + of(attic);
      const name = this.#book.nameOf(content);
      if (has < had - this.players.deletions.of(content))
        losses.push({ name, what: `${had} before, ${has} now` });
      if (of(then.local) > of(now.local) + of(attic))
        losses.push({ name, what: 'removed from local, but not in the attic' });
    }
    return losses;
  }
}

type Counts = ReadonlyMap<string, number>;

function contents(side: Sight['remote']): string[] {
  return [...side.values()].flatMap(messages => messages.map(message => message.content));
}

function count(items: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

function isIn(world: World, name: string): boolean {
  return [...world.remote, ...world.local].some(
    entry => entry.split(' ')[0]!.replace(/^[^:]*:/, '') === name,
  );
}

function same(a: World, b: World): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

const endsOf = (row: Row) => [row.end, ...(row.or ?? []).map(other => other.end)];

function expectedExit(row: Row): number {
  if (row.exit !== undefined) return row.exit;
  if (row.error !== undefined) return ERROR_EXITS[row.error];
  if (row.outcomes?.includes('held')) return 6;
  return /skipped|failed/.test(row.outcomes ?? '') ? 3 : 0;
}

/** Leg 1 and 2: plan, apply, look, plan again, apply again. */
export async function checkPlanAndApply(row: Row, run: Run): Promise<void> {
  if (row.error !== undefined) return checkError(row, run);
  const bodies = run.stage.bodies();
  const plan = await run.plan();
  expect(await run.planWords(plan), 'the plan').toEqual(readPlanLines(row.plan));
  expect(
    plan.blocked.map(({ reason }) => reason),
    'blocked messages',
  ).toHaveLength(row.blocked ?? 0);
  const actions = await run.reviewed(plan);
  const names = await namesOf(run, actions);
  await run.players.play(row.late);
  await run.note();
  const { report, outcomes } = await run.apply(actions);
  const other = outcomes.filter(outcome => outcome.result !== 'done');
  expect(
    other.map(({ id, result }) => `${result} ${names.get(id)}`).sort(),
    `what was not done: ${other.map(({ reason }) => reason).join('; ')}`,
  ).toEqual(readPlanLines(row.outcomes ?? ''));
  const exit = report.stopped === undefined ? exitOf(report) : ERROR_EXITS[report.stopped.code];
  expect(exit, 'the exit status').toBe(expectedExit(row));
  const expected = row.bodies ?? bodiesOf(row, outcomes);
  if (expected !== undefined)
    expect(run.stage.bodies() - bodies, 'P6: messages whose bytes travelled').toBe(expected);
  if (row.after !== undefined)
    expect(await run.world(), 'both sides after the apply').toEqual(readWorld(row.after));

  const again = await run.world();
  const attic = await run.stage.attic();
  const second = await run.apply(actions);
  expect(await run.world(), 'P5: both sides after applying the same plan again').toEqual(again);
  expect(second.report.counts.done, 'P5: actions done when the same plan was applied again').toBe(0);
  expect(await run.stage.attic(), 'P5: the attic').toEqual(attic);
  if (row.options?.pause !== undefined) await run.stage.event('clock', String(row.options.pause), '');
  expect((await run.rest()) + 1, 'rounds until the plan is empty').toBeLessThanOrEqual(row.rounds ?? 1);
  await run.checkEnd('in the end', [row.end]);
}

/** A plan that moves, copies or renames has bytes travel for its downloads and uploads only. Else the row may say. */
function bodiesOf(row: Row, outcomes: readonly Outcome[]): number | undefined {
  if (row.late !== undefined || !/move-|copy-|rename-/.test(row.plan)) return undefined;
  return outcomes.filter(({ op, result }) => result === 'done' && /load$/.test(op)).length;
}

/** Which message each action is about. */
async function namesOf(run: Run, actions: readonly Action[]): Promise<ReadonlyMap<string, string>> {
  const sight = await look(run.stage);
  const name = (action: Action) => actionWords(action, sight, run.players.book).split(' ')[1] ?? '';
  return new Map(actions.map(action => [action.id, name(action)]));
}

async function checkError(row: Row, run: Run): Promise<void> {
  await run.note();
  const before = await run.world();
  for (const act of [() => run.plan(), () => run.sync()]) {
    const error = await act().then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error, 'what plan and sync end with').toBeInstanceOf(PosternError);
    expect((error as PosternError).code).toBe(row.error);
    expect(ERROR_EXITS[(error as PosternError).code], 'the exit status').toBe(expectedExit(row));
  }
  expect(await run.world(), 'both sides').toEqual(before);
  await run.players.play(row.late);
  await run.checkEnd('in the end', [row.end]);
}

async function plannedAndApplied(row: Row, ready: Ready): Promise<void> {
  await checkPlanAndApply(row, new Run(row, await ready.stage.clone(), ready));
}

/** P4: each action alone, and a random half in random order; then to rest. */
async function inParts(row: Row, ready: Ready): Promise<void> {
  if (row.error !== undefined || row.parts === 'none') return;
  const stage = await ready.stage.clone();
  const first = new Run(row, stage, ready);
  const actions = await first.reviewed(await first.plan());
  const random = new Random(seedOf(row.id));
  const parts: [string, readonly Action[]][] = actions
    .slice(0, 12)
    .map((action, index) => [`only line ${index + 1}, ${action.op}`, [action]]);
  parts.push(['all lines in reverse', [...actions].reverse()]);
  for (let half = 0; half < 3; half++) {
    const some = random.shuffled(actions).slice(0, Math.ceil(actions.length / 2));
    parts.push([`a random half (${half})`, some]);
  }
  for (const [where, part] of parts) {
    const run = new Run(row, await stage.clone(), ready);
    await run.players.play(row.late);
    await run.note();
    await run.apply(part);
    expect(await run.rest(), `P4, ${where}: rounds to rest`).toBeLessThan(ROUNDS);
    await run.checkEnd(`P4, ${where}`, endsOf(row));
  }
}

function seedOf(id: string): number {
  return [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
}

/** The process dies before each effect, or the power fails right after it; then to rest. Returns the points met. */
async function crashed(row: Row, ready: Ready): Promise<number> {
  let met = 0;
  for (let at = 1; ; at++) {
    let reached = false;
    for (const when of ['before', 'after'] as const) {
      const stage = await ready.stage.clone();
      const run = new Run(row, stage, ready);
      const seam = new CrashSeam(at, when);
      await crash(run, seam);
      if (!seam.crashed) continue;
      reached = true;
      met++;
      const where = when === 'before' ? `killed ${seam.where}` : `power cut ${seam.where}`;
      if (when === 'after') await stage.rig.powerCut();
      if (row.options?.pause !== undefined) await stage.event('clock', String(row.options.pause), '');
      if (row.error === undefined) expect(await run.rest(), `${where}: rounds to rest`).toBeLessThan(ROUNDS);
      await run.checkEnd(where, endsOf(row));
    }
    if (!reached) return met;
  }
}

/** A sync that dies; or, where something happens after the plan was made, an apply that does. */
async function crash(run: Run, seam: CrashSeam): Promise<void> {
  const staged = run.row.late !== undefined || run.row.edit !== undefined;
  if (!staged || run.row.error !== undefined) {
    await run.note();
    await run.sync(seam).catch(() => undefined);
    if (run.row.error !== undefined) await run.players.play(run.row.late);
    return;
  }
  const actions = await run.reviewed(await run.plan());
  await run.players.play(run.row.late);
  await run.note();
  await run.apply(actions, seam).catch(() => undefined);
}
