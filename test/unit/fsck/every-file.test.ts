import { afterEach, describe, expect, it } from 'vitest';
import type { StateFiles } from '../../support/disk-rig.js';
import { useMemoryForFiles } from '../../support/memory-files.js';
import {
  busyAccount,
  liveThrough,
  PLACES,
  type Reception,
  type SmallAccount,
  settledAccount,
} from './small-account.js';

/** In so many parts each file is cut; `npm run soak` cuts finer. */
const PARTS = Number(process.env['POSTERN_CUTS'] ?? 2);

useMemoryForFiles();

let account: SmallAccount | undefined;
afterEach(async () => {
  await account?.rig.remove();
  account = undefined;
});

function without(state: StateFiles, name: string): StateFiles {
  return new Map([...state].filter(([other]) => other !== name));
}

function cutTo(state: StateFiles, name: string, length: number): StateFiles {
  return new Map([...state, [name, state.get(name)!.subarray(0, length)]]);
}

function replaced(state: StateFiles, name: string, bytes: Buffer): StateFiles {
  return new Map([...state, [name, bytes]]);
}

/** Every damage to one file. */
function* damages(state: StateFiles): Generator<readonly [string, StateFiles]> {
  for (const [name, bytes] of state) {
    const { length } = bytes;
    yield [`${name} is gone`, without(state, name)];
    yield [`${name} is empty`, cutTo(state, name, 0)];
    for (let part = 1; part < PARTS; part++) {
      const size = Math.floor((length * part) / PARTS);
      yield [`${name} is cut to ${size} of ${length}`, cutTo(state, name, size)];
    }
    for (const size of [length - 1, length - 20]) {
      if (size > 0) yield [`${name} is cut to ${size} of ${length}`, cutTo(state, name, size)];
    }
    yield [`${name} is all zeros`, replaced(state, name, Buffer.alloc(length))];
    const tail = Buffer.from(bytes).fill(0, length >> 1);
    yield [`the second half of ${name} is zeros`, replaced(state, name, tail)];
    yield [`${name} is rubbish`, replaced(state, name, Buffer.alloc(length, 'rubbish\n'))];
    yield [`${name} is longer`, replaced(state, name, Buffer.concat([bytes, Buffer.alloc(99, 7)]))];
  }
}

/** Every file, and every part of the state, as it was before. */
function* restorations({ state, older }: SmallAccount): Generator<readonly [string, StateFiles]> {
  for (const [at, before] of older.entries()) {
    const when = `as ${older.length - at} syncs ago`;
    for (const [name, bytes] of before) {
      if (state.get(name)?.equals(bytes)) continue;
      yield [`${name} ${state.has(name) ? 'is' : 'is back'} ${when}`, replaced(state, name, bytes)];
    }
    for (const name of state.keys()) {
      if (!before.has(name))
        yield [`all ${when}, and ${name} of today`, new Map([...before, [name, state.get(name)!]])];
    }
    yield [`all that was there is back ${when}`, new Map([...state, ...before])];
    yield [`all is ${when}`, before];
  }
}

describe.each(PLACES)('a state whose records are %s', where => {
  it.each([
    ['nothing is pending', settledAccount],
    ['deletions and flags are pending', busyAccount],
  ] as const)(
    'never moves a message, whatever became of one of its files, and a repair gets over it (%s)',
    async (_what, make) => {
      account = await make(where);
      const received: Record<Reception, number> = { refused: 0, accepted: 0 };
      for (const [what, state] of [...damages(account.state), ...restorations(account)]) {
        try {
          received[await liveThrough(account, state)]++;
        } catch (error) {
          throw new Error(what, { cause: error });
        }
      }
      process.stdout.write(`damaged ${where}: ${received.refused} refused, ${received.accepted} accepted\n`);
      expect(received.refused).toBeGreaterThan(20);
    },
    120_000 + 60_000 * PARTS,
  );
});
