import { PosternError } from '@postern/core/model/error.js';
import type { Steps } from '@postern/core/model/steps.js';

const EXITS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** How long a step may still take after a signal, in milliseconds. What it began is recognised by the next run. */
const PATIENCE = 10_000;
/** How long closing in order may take once the step is over. */
const CLOSING = 2000;
/** After so long somebody wonders why the process is still there. */
const SILENCE = 500;

/** What to put right when a signal ends the process; newest first. */
const cleanups: (() => void)[] = [];
let running = 0;
/** The exit status of the signal that came. */
let wanted: number | undefined;

/** Registers what a signal must put right before the process ends; returns how to take it back. */
export function onInterrupt(cleanup: () => void): () => void {
  cleanups.unshift(cleanup);
  return () => {
    const index = cleanups.indexOf(cleanup);
    if (index !== -1) cleanups.splice(index, 1);
  };
}

/** The steps that signals of this process wait for. */
export const interruptible: Steps = {
  async run(act) {
    if (wanted !== undefined) throw interrupted();
    running++;
    try {
      return await act();
    } finally {
      running--;
      // What comes between two steps may wait for a server.
      if (wanted !== undefined && running === 0) endSoon();
    }
  },
};

/** The status a command that ran to its end exits with: that of the signal, if one came. */
export function exitAfter(exit: number): number {
  return wanted ?? exit;
}

/**
 * Makes SIGHUP, SIGINT and SIGTERM end the process with 129, 130 and 143: at once, or, while a step runs, after it and in
 * order. A second signal, and the end of all patience, end it at once. Nothing runs any more when the cleanups do.
 */
export function endOnSignals(): void {
  for (const [signal, exit] of Object.entries(EXITS)) process.on(signal, () => meet(exit));
}

function meet(exit: number): void {
  if (wanted !== undefined || running === 0) endNow(exit);
  wanted = exit;
  setTimeout(() => endNow(exit), PATIENCE).unref();
  setTimeout(() => {
    process.stderr.write('postern: ends after this step; the same signal again ends it at once\n');
  }, SILENCE).unref();
}

function endSoon(): void {
  setTimeout(() => endNow(wanted ?? 1), CLOSING).unref();
}

function endNow(exit: number): never {
  for (const cleanup of cleanups) cleanup();
  process.exit(exit);
}

function interrupted(): PosternError {
  return new PosternError('interrupted', 'interrupted before everything was done', {
    hint: 'what was done is recorded; the next run goes on from there',
  });
}
