import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 collect garbage sooner than it would: by default it lets a heap of 50 MB grow to 200 MB before it looks, as most
 * of a sync's memory is garbage. Costs no time that could be measured (docs/performance.md).
 */
export function keepHeapSmall(): void {
  // The old generation grows by half before it is collected; the young one stays at the size it begins with.
  setFlagsFromString('--heap-growing-percent=50');
  keepYoungGeneration();
  // The heap of a thread that begins sets it back for all.
  process.on('worker', thread => {
    thread.once('online', keepYoungGeneration);
  });
}

function keepYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
