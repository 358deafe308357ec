import { stringify } from 'smol-toml';
import { writeWhole } from '../output/write-whole.js';
import type { ConfigFile } from './schema.js';

const OPENING = '# The configuration of a postern repository. Keys: docs/reference/configuration.md\n\n';

/** Writes a configuration as a whole, readable for its owner only. */
export async function writeConfig(path: string, config: ConfigFile): Promise<void> {
  await writeWhole(path, [OPENING, stringify(config), '\n']);
}
