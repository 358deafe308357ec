#!/usr/bin/env node
import { keepHeapSmall } from './keep-heap-small.js';
import { versionLine } from './version.js';

/** Resolves when everything written to a stream has left this process. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => {
    if (stream.destroyed || stream.errored) resolve();
    else stream.write('', () => resolve());
  });
}

async function main(words: readonly string[]): Promise<number> {
  if (words[0] === '--version' || words[0] === '-v') {
    process.stdout.write(versionLine());
    return 0;
  }
  const [{ runCli }, { endOnSignals, exitAfter }] = await Promise.all([
    import('./cli.js'),
    import('./interrupts.js'),
  ]);
  keepHeapSmall();
  endOnSignals();
  return exitAfter(await runCli(words));
}

// Whoever reads our output may go away at any time; that is no error of ours.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
const exit = await main(process.argv.slice(2));
await Promise.all([drained(process.stdout), drained(process.stderr)]);
process.exit(exit);
