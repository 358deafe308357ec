import { describe, expect, it } from 'vitest';
import type { StateFiles } from '../../support/disk-rig.js';
import { useMemoryForFiles } from '../../support/memory-files.js';
import { Random } from '../../support/random.js';
import {
  busyAccount,
  liveThrough,
  PLACES,
  type Reception,
  type SmallAccount,
  settledAccount,
} from './small-account.js';

/** One in so many octets is flipped; `npm run soak` flips them all. */
const ONE_IN = Number(process.env['POSTERN_FLIP_ONE_IN'] ?? 150);
const SEED = Number(process.env['POSTERN_FLIP_SEED'] ?? 1);

useMemoryForFiles();

/** LevelDB's own text log says nothing to anybody. */
const isRead = (name: string) => !/LOG(\.old)?$/.test(name);

function* octetsOf(state: StateFiles): Generator<{ readonly name: string; readonly at: number }> {
  for (const [name, { length }] of state) {
    if (!isRead(name)) continue;
    for (let at = 0; at < length; at++) yield { name, at };
  }
}

function flipped(
  state: StateFiles,
  { name, at, bit }: { name: string; at: number; bit: number },
): StateFiles {
  const bytes = Buffer.from(state.get(name)!);
  bytes[at] = bytes[at]! ^ (1 << bit);
  return new Map([...state, [name, bytes]]);
}

async function flipAll(account: SmallAccount, seed: number): Promise<Record<Reception, number>> {
  const random = new Random(seed);
  const received = { refused: 0, accepted: 0 };
  let at = random.below(ONE_IN);
  for (const octet of octetsOf(account.state)) {
    if (at-- > 0) continue;
    at = ONE_IN - 1;
    const place = { ...octet, bit: random.below(8) };
    try {
      received[await liveThrough(account, flipped(account.state, place))]++;
    } catch (error) {
      throw new Error(`bit ${place.bit} of octet ${place.at} in ${place.name}`, { cause: error });
    }
  }
  return received;
}

describe.each(PLACES)('a bit that flipped in a state whose records are %s', where => {
  it.each([
    ['nothing is pending', settledAccount],
    ['deletions and flags are pending', busyAccount],
  ] as const)(
    'never moves a message, and a repair gets over it (%s)',
    { timeout: 6_000_000 / ONE_IN + 120_000 },
    async (_what, make) => {
      const account = await make(where);
      try {
        const { refused, accepted } = await flipAll(account, SEED);
        process.stdout.write(`flipped ${where}: ${refused} refused, ${accepted} accepted\n`);
        expect(refused).toBeGreaterThan(accepted);
      } finally {
        await account.rig.remove();
      }
    },
  );
});
