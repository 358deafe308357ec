/**
 * The steps of a run. A step leaves nothing half done; a signal that asks the process to end waits for the end of the step
 * that runs, and no other begins (`run` rejects with `interrupted`).
 */
export interface Steps {
  run<T>(act: () => Promise<T>): Promise<T>;
}

/** Steps that nobody interrupts. */
export const openSteps: Steps = { run: act => act() };
