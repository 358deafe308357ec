import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { damaged } from './damage.js';
import { checkLog, type LogFault } from './log-file.js';
import { checkTable, type TableFile } from './table-file.js';

/** Octets of tables that are checked whenever a state is opened: some tens of milliseconds. */
const CHECKED_AT_ONCE = 8 << 20;

export interface DamagedTable extends TableFile {
  readonly name: string;
  readonly fault: string;
}

/** The tables of a LevelDB directory that do not fit their checksums. */
export async function damagedTables(directory: string): Promise<DamagedTable[]> {
  const found: DamagedTable[] = [];
  for (const name of await filesIn(directory, TABLES)) {
    const table = checkTable(await readFile(join(directory, name)));
    if (table?.fault === undefined) continue;
    found.push({ name, fault: `${name}: ${table.fault}`, blocks: table.blocks });
  }
  return found;
}

export interface DamagedLog extends LogFault {
  readonly name: string;
}

/** The logs of a LevelDB directory in which batches come again. */
export async function damagedLogs(directory: string): Promise<DamagedLog[]> {
  const found: DamagedLog[] = [];
  for (const name of await filesIn(directory, LOGS)) {
    const log = checkLog(await readFile(join(directory, name)));
    if (log !== undefined) found.push({ name, fault: `${name}: ${log.fault}`, sound: log.sound });
  }
  return found;
}

/**
 * Throws `state-damaged` for files that LevelDB must not open: it would notice only some of what is wrong, and in its own
 * way, by ending the process. The tables of a large database are checked when `thorough`, which is for a state that a
 * process died with: so a command ends that way once at most, and the next one says why.
 */
export async function refuseDamagedFiles(
  directory: string,
  { thorough }: { readonly thorough: boolean },
): Promise<void> {
  const [log] = await damagedLogs(directory);
  if (log !== undefined) throw damaged(log.fault);
  let size = 0;
  for (const name of await filesIn(directory, TABLES)) size += (await stat(join(directory, name))).size;
  if (size > CHECKED_AT_ONCE && !thorough) return;
  const [table] = await damagedTables(directory);
  if (table !== undefined) throw damaged(table.fault);
}

const TABLES = /^\d+\.(ldb|sst)$/;
const LOGS = /^\d+\.log$/;

async function filesIn(directory: string, pattern: RegExp): Promise<string[]> {
  return (await readdir(directory)).filter(name => pattern.test(name)).sort();
}
