import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Dovecot, dovecotMissing, startDovecot } from '../test/support/dovecot.js';
import { startDelayProxy } from './delay-proxy.js';
import { machineLine } from './machine.js';
import { type BenchOptions, readOptions } from './options.js';
import { PROGRAMS, type Program } from './programs.js';
import { fillAccount } from './spool.js';
import { type Measured, tableOf, type WorkResults } from './table.js';
import { type Amounts, worksOf } from './works.js';
import { World } from './world.js';

const RESULTS = fileURLToPath(new URL('../../results/', import.meta.url));

const say = (text: string) => process.stdout.write(`${text}\n`);

interface Contestant {
  readonly program: Program;
  readonly version: string;
}

/** The programs that were asked for and can run, with their versions. */
function contestantsOf({ programs }: BenchOptions): Contestant[] {
  return programs.flatMap(name => {
    const program = PROGRAMS.find(one => one.name === name);
    if (program === undefined) throw new Error(`there is no program ${name}`);
    const version = program.version();
    if (typeof version === 'string') return [{ program, version }];
    say(`${name} is left out: ${version.missing}`);
    return [];
  });
}

/** Collects what was measured, by work and program. */
class Results {
  readonly #works = new Map<string, Map<string, { runs: Measured[]; fault?: string }>>();

  note(work: string, program: string, cost: Measured, fault: string | undefined): void {
    const programs = this.#works.get(work) ?? new Map<string, { runs: Measured[]; fault?: string }>();
    this.#works.set(work, programs);
    const result = programs.get(program) ?? { runs: [] };
    programs.set(program, result);
    result.runs.push(cost);
    if (fault !== undefined) result.fault = fault;
    const { wall, cpu, peak } = cost;
    const after = fault === undefined ? '' : `; afterwards: ${fault}`;
    say(
      `${work}, ${program}: ${wall.toFixed(2)} s, CPU ${cpu.toFixed(2)} s, peak ${peak.toFixed(0)} MB${after}`,
    );
  }

  get works(): WorkResults[] {
    return [...this.#works].map(([name, programs]) => ({ name, programs: Object.fromEntries(programs) }));
  }
}

/** A hundred new, five hundred flags and so on of spool S; a small spool has less of everything. */
function amountsFor({ messages, amounts }: BenchOptions): Amounts {
  if (amounts !== undefined) return amounts;
  const scale = Math.min(1, messages / 20_000);
  const of = (count: number) => Math.max(2, 2 * Math.floor((count * scale) / 2));
  return { added: of(100), flagged: of(500), deleted: of(100), many: of(5_000) };
}

interface Place {
  readonly server: Dovecot;
  readonly directory: string;
}

async function bench(options: BenchOptions, { server, directory }: Place): Promise<void> {
  const contestants = contestantsOf(options);
  const proxy = options.roundTrip === 0 ? undefined : await startDelayProxy(server.port);
  const results = new Results();
  const { messages, mailboxes, meanBytes, runs, roundTrip } = options;
  say(
    `\n${messages} messages in ${mailboxes} mailboxes, mean ${meanBytes} octets, ${roundTrip} ms round trip`,
  );
  try {
    const worlds: World[] = [];
    let serial = 0;
    for (const { program } of contestants) {
      await fillAccount({ server, user: userOf(program, roundTrip, messages) }, options);
    }
    for (let run = 1; run <= (roundTrip === 0 ? runs : 1); run++) {
      worlds.length = 0;
      for (const { program } of contestants) {
        const place = join(directory, `world-${messages}-${roundTrip}-${++serial}`);
        mkdirSync(place);
        const user = userOf(program, roundTrip, messages);
        const world = new World({ program, server, user, place, port: proxy?.port ?? server.port });
        worlds.push(world);
        const cost = await world.sync();
        if (roundTrip === 0) results.note('first sync', program.name, cost, world.fault(messages));
      }
    }
    for (const world of worlds) {
      await world.sync();
      world.keep();
    }
    proxy?.setRoundTrip(roundTrip);
    for (const { name, change, sync } of worksOf(amountsFor(options))) {
      if (options.only.length > 0 && !options.only.some(text => name.includes(text))) continue;
      for (let run = 1; run <= runs; run++) {
        for (const world of worlds) {
          await world.restore();
          const expected = await change(world, messages);
          const { cost, failure } = await world.trySync(sync);
          results.note(name, world.program.name, cost, failure ?? world.fault(expected));
        }
      }
    }
  } finally {
    await proxy?.stop();
  }
  const machine = machineLine([
    `Node ${process.version}`,
    ...new Set(contestants.map(({ version }) => version)),
  ]);
  say(`\n${tableOf(results.works)}\n\n${machine}`);
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `${new Date().toISOString().replace(/[:.]/g, '')}.json`);
  writeFileSync(file, `${JSON.stringify({ options, machine, works: results.works }, undefined, 2)}\n`);
  say(file);
}

function userOf({ name }: Program, roundTrip: number, messages: number): string {
  return `${name.replaceAll(' ', '-')}-${messages}-${roundTrip}`;
}

async function main(words: readonly string[]): Promise<void> {
  const all = readOptions(words);
  const missing = dovecotMissing();
  if (missing !== undefined) throw new Error(missing);
  const server = await startDovecot({ fsync: true });
  // Deleting on a disk mounted with `discard` slows what follows: all goes at the very end.
  const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'));
  try {
    for (const options of all) await bench(options, { server, directory });
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
