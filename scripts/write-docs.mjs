// Writes the pages of docs/ that are made from the code: docs/reference/commands.md. Build first.
// With --print it writes nothing and prints the page instead.
import { writeFileSync } from 'node:fs';
import { makeCli } from '../packages/cli/dist/cli.js';
import { commandsPage } from '../packages/cli/dist/output/commands-page.js';

const page = commandsPage(makeCli().definitions());
if (process.argv.includes('--print')) process.stdout.write(page);
else writeFileSync(new URL('../docs/reference/commands.md', import.meta.url), page);
