/** What to put right when a signal ends the process; newest first. */
const cleanups: (() => Promise<void>)[] = [];
const LONGEST_CLEANUP = 1000;

/** Registers what a signal must put right before the process ends; returns how to take it back. */
export function onInterrupt(cleanup: () => Promise<void>): () => void {
  cleanups.unshift(cleanup);
  return () => {
    const index = cleanups.indexOf(cleanup);
    if (index !== -1) cleanups.splice(index, 1);
  };
}

/**
 * Makes SIGINT end the process with 130 and SIGTERM with 143. It may happen between any two steps: what was begun is
 * recognised by the next run. Only the lock is put right.
 */
export function endOnSignals(): void {
  for (const [signal, exit] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      setTimeout(() => process.exit(exit), LONGEST_CLEANUP).unref();
      Promise.allSettled(cleanups.map(cleanup => cleanup())).then(() => process.exit(exit));
    });
  }
}
