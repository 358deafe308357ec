import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { damaged } from './damage.js';
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
  for (const name of await tablesIn(directory)) {
    const table = checkTable(await readFile(join(directory, name)));
    if (table?.fault === undefined) continue;
    found.push({ name, fault: `${name}: ${table.fault}`, blocks: table.blocks });
  }
  return found;
}

/**
 * Throws `state-damaged` when a table does not fit its checksums. LevelDB would notice only some of it, and in its own way:
 * keys that come out of order end the process. Large databases are not checked: fsck does it for those.
 */
export async function refuseDamagedTables(directory: string): Promise<void> {
  let size = 0;
  for (const name of await tablesIn(directory)) size += (await stat(join(directory, name))).size;
  if (size > CHECKED_AT_ONCE) return;
  const [first] = await damagedTables(directory);
  if (first !== undefined) throw damaged(first.fault);
}

async function tablesIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter(name => /^\d+\.(ldb|sst)$/.test(name)).sort();
}
