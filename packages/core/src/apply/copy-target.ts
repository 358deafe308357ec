import type { Action } from '../model/action.js';
import type { SideName } from '../model/by-side.js';

/** The side a `download` or `upload` goes to. */
export function targetOf(action: Action): SideName {
  return action.op === 'download' ? 'local' : 'remote';
}
