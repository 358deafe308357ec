import type { Fate, InFlight, Interruption } from '@postern/core/api/find-interruptions.js';
import { printable } from '@postern/core/model/escape-text.js';
import { messageWords } from './message-words.js';
import { ago, counted } from './numbers.js';

/** Messages that are shown of one interruption. */
const SHOWN = 10;

const OPS: Readonly<Record<InFlight['op'], string>> = {
  download: 'to the local side',
  upload: 'to the remote',
  'move-local': 'moved on the local side',
  'move-remote': 'moved on the remote',
};

const FATES: Readonly<Record<Fate, string>> = {
  arrived: 'it arrived',
  'not-there': 'it is not there',
  unknown: 'not known before the remote is asked',
};

/** What an apply left behind when it was cut short, and what became of it: lines for a person. */
export function* interruptionLines(
  { cutShort, started, pid, command, actions, inFlight, settled }: Interruption,
  now: number,
): Generator<string> {
  const who = `${printable(command ?? 'an apply')}${pid === undefined ? '' : ` (process ${pid})`}`;
  const what = cutShort ? 'was cut short' : 'did not get every answer';
  const share = actions === undefined ? '' : `, with ${counted(actions, 'action')} to do`;
  yield `${who}, ${ago(started, now)}, ${what}${share}`;
  for (const one of inFlight.slice(0, SHOWN)) yield `  ${inFlightWords(one)}`;
  if (inFlight.length > SHOWN) yield `  and ${inFlight.length - SHOWN} more`;
  if (inFlight.length > 0)
    yield `  in flight: ${counted(inFlight.length, 'message')}; the next apply finds out and goes on`;
  else if (settled === undefined) yield '  nothing was in flight; the plan has what it left to do';
  if (settled === undefined) return;
  const { found, undone, open } = settled;
  if (found + undone + open === 0) yield `  settled ${ago(settled.at, now)}: nothing was in flight`;
  else {
    const waiting = open === 0 ? '' : `, ${open} may still happen`;
    yield `  settled ${ago(settled.at, now)}: ${found} had been done, ${undone} had not${waiting}`;
  }
}

function inFlightWords({ op, mailbox, key, row, seen }: InFlight): string {
  const message = row === undefined ? `message ${printable(key)}` : messageWords(row.envelope);
  return `${printable(mailbox)}, ${OPS[op]}: ${message}: ${FATES[seen]}`;
}

/** The same for programs (docs/reference/commands.md). */
export function interruptionJson(interruption: Interruption): Record<string, unknown> {
  const { operation, cutShort, started, pid, command, actions, inFlight, settled } = interruption;
  return {
    operation,
    cutShort,
    started: new Date(started).toISOString(),
    ...(pid === undefined ? {} : { pid }),
    ...(command === undefined ? {} : { command }),
    ...(actions === undefined ? {} : { actions }),
    inFlight: inFlight.map(({ op, mailbox, key, row, seen }) => ({
      op,
      mailbox,
      key,
      ...row?.envelope,
      seen,
    })),
    ...(settled === undefined ? {} : { settled: { ...settled, at: new Date(settled.at).toISOString() } }),
  };
}
