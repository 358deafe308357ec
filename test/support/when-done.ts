import type { Progress } from '@postern/core/state/repository.js';

/** Something that happens in the middle of an apply: once, when so many of its lines are done. */
export function whenDone(lines: number, act: () => void): Progress {
  let isDone = false;
  return ({ what, done }) => {
    if (what !== 'apply' || done < lines || isDone) return;
    isDone = true;
    act();
  };
}
