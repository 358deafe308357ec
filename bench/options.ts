import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly messages: number;
  readonly mailboxes: number;
  readonly meanBytes: number;
  readonly seed: number;
  /** How often each program runs; the table shows medians. */
  readonly runs: number;
  /** Programs by name, in the order of their turns. */
  readonly programs: readonly string[];
}

export const USAGE = `npm run bench -- [--messages N] [--mailboxes N] [--mean OCTETS] [--seed N] [--runs N] [--programs mbsync,postern]`;

/** Spool S and three runs unless told otherwise. Throws a sentence for what makes no sense. */
export function readOptions(words: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      messages: { type: 'string', default: '20000' },
      mailboxes: { type: 'string', default: '20' },
      mean: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      runs: { type: 'string', default: '3' },
      programs: { type: 'string', default: 'mbsync,postern' },
    },
  });
  return {
    messages: count('messages', values.messages),
    mailboxes: count('mailboxes', values.mailboxes),
    meanBytes: count('mean', values.mean),
    seed: count('seed', values.seed),
    runs: count('runs', values.runs),
    programs: values.programs.split(','),
  };
}

function count(name: string, text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new Error(`--${name} wants a whole number above 0\n${USAGE}`);
  return Number(text);
}
