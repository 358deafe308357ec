import { parseArgs } from 'node:util';
import type { Amounts } from './works.js';

/** One spool and what is done with it. */
export interface BenchOptions {
  readonly messages: number;
  readonly mailboxes: number;
  readonly meanBytes: number;
  readonly seed: number;
  /** How often each work is done; the table shows medians. */
  readonly runs: number;
  /** Milliseconds of a round trip to the server, for everything but the first sync. */
  readonly roundTrip: number;
  /** Programs by name, in the order of their turns; the first is what the others are compared with. */
  readonly programs: readonly string[];
  /** Only works with one of these in their names; all where there are none. */
  readonly only: readonly string[];
  /** How much of each work; as befits the spool when absent. */
  readonly amounts?: Amounts;
}

export const USAGE =
  'npm run bench -- [--full | --curve] [--messages N] [--mailboxes N] [--mean OCTETS] [--seed N] [--runs N] [--round-trip MS] [--programs NAME,NAME] [--only TEXT,TEXT]';

const SPOOLS = {
  S: { messages: 20_000, mailboxes: 20, meanBytes: 10_000 },
  L: { messages: 5_000, mailboxes: 10, meanBytes: 100_000 },
  H: { messages: 372_758, mailboxes: 200, meanBytes: 2_000 },
} as const;

/** A hundred changes in accounts of every size: what a change costs must not hang on what did not change. */
const CURVE = {
  sizes: [1_000, 10_000, 100_000, 316_000],
  spool: { mailboxes: 20, meanBytes: 1_000, runs: 1 },
  amounts: { added: 20, flagged: 60, deleted: 20, many: 2 },
  only: ['nothing changed', '20 new'],
} as const;

/** Spool S unless told otherwise; `--full` is S, S far away, L and H; `--curve` four sizes. Throws a sentence for what makes no sense. */
export function readOptions(words: readonly string[]): readonly BenchOptions[] {
  const { values } = parseArgs({
    args: [...words],
    options: {
      full: { type: 'boolean', default: false },
      curve: { type: 'boolean', default: false },
      messages: { type: 'string', default: String(SPOOLS.S.messages) },
      mailboxes: { type: 'string', default: String(SPOOLS.S.mailboxes) },
      mean: { type: 'string', default: String(SPOOLS.S.meanBytes) },
      seed: { type: 'string', default: '1' },
      runs: { type: 'string', default: '3' },
      'round-trip': { type: 'string', default: '0' },
      programs: { type: 'string', default: 'mbsync,mbsync without fsync,postern' },
      only: { type: 'string', default: '' },
    },
  });
  const shared = {
    seed: count('seed', values.seed),
    runs: count('runs', values.runs),
    roundTrip: values['round-trip'] === '0' ? 0 : count('round-trip', values['round-trip']),
    programs: values.programs.split(','),
    only: values.only.split(',').filter(text => text !== ''),
  };
  if (values.curve) {
    const { sizes, spool, amounts, only } = CURVE;
    return sizes.map(messages => ({ ...shared, ...spool, amounts, only, messages }));
  }
  if (values.full) {
    const far = { ...shared, ...SPOOLS.S, roundTrip: 50 };
    return [{ ...shared, ...SPOOLS.S }, far, { ...shared, ...SPOOLS.L }, { ...shared, ...SPOOLS.H, runs: 1 }];
  }
  return [
    {
      ...shared,
      messages: count('messages', values.messages),
      mailboxes: count('mailboxes', values.mailboxes),
      meanBytes: count('mean', values.mean),
    },
  ];
}

function count(name: string, text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new Error(`--${name} wants a whole number above 0\n${USAGE}`);
  return Number(text);
}
