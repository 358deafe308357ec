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
  // Compiled code is kept for the flags it was compiled under: they are set before anything else is loaded.
  keepHeapSmall();
  const [{ runCli }, { endOnSignals, exitAfter }] = await Promise.all([
    import('./cli.js'),
    import('./interrupts.js'),
  ]);
  endOnSignals();
  return exitAfter(await runCli(words));
}

// Whoever reads our output may go away at any time; that is no error of ours.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
// Where nothing can happen any more Node ends by itself: a run that waits for ever is no success. 13 is Node's own word for it.
process.exitCode = 13;
void main(process.argv.slice(2)).then(async exit => {
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  process.exit(exit);
});
