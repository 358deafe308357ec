import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { dovecotMissing, startDovecot } from '../test/support/dovecot.js';
import { type Holdings, leftovers, maildirHoldings } from '../test/support/mail-holdings.js';
import { machineLine } from './machine.js';
import { type Invocation, measure } from './measured-process.js';
import { type BenchOptions, readOptions } from './options.js';
import { type Account, PROGRAMS, type Program } from './programs.js';
import { fillAccount } from './spool.js';
import { type Measured, tableOf, type Work } from './table.js';
import { TrafficMeter } from './traffic.js';

const RESULTS = fileURLToPath(new URL('../../results/', import.meta.url));
const FIRST = 'first sync';
const NOTHING = 'nothing changed';

const say = (text: string) => process.stdout.write(`${text}\n`);

/** The programs that were asked for and can run, with their versions. */
function programsOf({ programs }: BenchOptions): { program: Program; version: string }[] {
  return programs.flatMap(name => {
    const program = PROGRAMS.find(one => one.name === name);
    if (program === undefined) throw new Error(`there is no program ${name}`);
    const version = program.version();
    if (typeof version === 'string') return [{ program, version }];
    say(`${name} is left out: ${version.missing}`);
    return [];
  });
}

async function main(words: readonly string[]): Promise<void> {
  const options = readOptions(words);
  const missing = dovecotMissing();
  if (missing !== undefined) throw new Error(missing);
  const contestants = programsOf(options);
  const server = await startDovecot({ fsync: true });
  // Deleting on a disk mounted with `discard` slows what follows: all goes at the very end.
  const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'));
  try {
    const account: Account = { server, user: 'bench' };
    const messages = await fillAccount(account, options);
    const before = new Map(
      contestants.map(({ program }) => [
        program,
        maildirHoldings(server.mailDir(account.user), program.cleaned),
      ]),
    );
    const expected = (program: Program) => before.get(program)!;
    say(`${messages} messages in ${options.mailboxes} mailboxes, mean ${options.meanBytes} octets`);
    const runs = new Map<string, Map<string, Measured[]>>();
    const note = (work: string, name: string, cost: Measured) => {
      const byProgram = runs.get(work) ?? new Map<string, Measured[]>();
      runs.set(work, byProgram.set(name, [...(byProgram.get(name) ?? []), cost]));
      say(
        `${work}, ${name}: ${cost.wall.toFixed(2)} s, CPU ${cost.cpu.toFixed(2)} s, peak ${cost.peak.toFixed(0)} MB`,
      );
    };
    for (let run = 1; run <= options.runs; run++) {
      for (const { program } of contestants) {
        const place = join(directory, `${program.name}-${run}`);
        mkdirSync(place);
        const { sync, mail } = program.prepare(place, account);
        note(FIRST, program.name, await timed(sync, account));
        checkEqual(program, expected(program), { local: mail, remote: server.mailDir(account.user) });
        note(NOTHING, program.name, await timed(sync, account));
        renameSync(place, join(directory, `old-${program.name}-${run}`));
      }
    }
    const works = [...runs].map(([name, byProgram]): Work => ({ name, runs: Object.fromEntries(byProgram) }));
    const machine = machineLine([`Node ${process.version}`, ...contestants.map(({ version }) => version)]);
    say(`\n${tableOf(works)}\n\n${machine}`);
    mkdirSync(RESULTS, { recursive: true });
    const file = join(RESULTS, `first-sync-${new Date().toISOString().replace(/[:.]/g, '')}.json`);
    writeFileSync(file, `${JSON.stringify({ options, machine, works }, undefined, 2)}\n`);
    say(file);
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function timed(sync: Invocation, { server, user }: Account): Promise<Measured> {
  const meter = new TrafficMeter(server, user);
  const cost = await measure(sync);
  return { ...cost, ...(await meter.read()) };
}

/** Both sides hold exactly what the account held at the beginning, and nothing is left in any tmp. */
function checkEqual(program: Program, expected: Holdings, roots: { local: string; remote: string }): void {
  const found = {
    local: maildirHoldings(roots.local, program.cleaned),
    remote: maildirHoldings(roots.remote, program.cleaned),
  };
  for (const [side, holdings] of Object.entries(found)) {
    if (isDeepStrictEqual(holdings, expected)) continue;
    const what = firstDifference(holdings, expected);
    throw new Error(`after ${program.name} the ${side} side is wrong: ${what}`);
  }
  if (leftovers(roots.local).length > 0) throw new Error(`${program.name} left files in tmp`);
}

function firstDifference(found: Holdings, expected: Holdings): string {
  for (const mailbox of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    const [has, wants] = [found[mailbox] ?? [], expected[mailbox] ?? []];
    const at = Array.from({ length: Math.max(has.length, wants.length) }, (_, index) => index).find(
      index => has[index] !== wants[index],
    );
    if (at !== undefined)
      return `${mailbox} has ${has.length} of ${wants.length} messages, ${has[at]} in the place of ${wants[at]}`;
  }
  return 'a mailbox is missing';
}

await main(process.argv.slice(2));
