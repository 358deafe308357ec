import type { Side } from '@postern/core/side/side.js';

/** The side with a hook before each call of the port, so that a test can change the world between any two of them. */
export function hookedSide(side: Side, before: (call: string) => void): Side {
  return new Proxy(side, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...words: unknown[]) => {
        before(String(name));
        return Reflect.apply(value, target, words) as unknown;
      };
    },
  });
}
