/** Gives the event loop a turn now and then during long synchronous work, so that connections stay alive. */
export class Breather {
  #since = performance.now();

  /** True when it is time to `await` a `breath`. */
  get isDue(): boolean {
    return performance.now() - this.#since > 20;
  }

  async breath(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve));
    this.#since = performance.now();
  }
}
