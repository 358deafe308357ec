import type { Clock } from '../../model/clock.js';
import { sameFlags } from '../../model/flags.js';
import type { MessageFacts } from '../../model/message-digester.js';
import { type Cursor, type MessageKey, NO_EPOCH, type Row, type Snapshot } from '../../model/row.js';
import type { Seen, Sight } from '../side.js';
import { Breather } from './breather.js';
import { Census } from './census.js';
import { baseOf, keyOf, parseFileName } from './file-name.js';
import type { KeywordLetters } from './keyword-letters.js';
import { digestFile, type Found, fileDate, fileStamp } from './mail-file.js';
import type { Octets } from './octets.js';
import { cursorStamp, type MailDirectories, unchangedSince } from './scan-pass.js';

type Present = Exclude<Found, { kind: 'vanished' }>;
type File = Pick<Extract<Found, { kind: 'file' }>, 'spots' | 'stats'>;

/**
 * All messages of a mailbox. Files whose size and mtime are those of the known row are not read; where the directories
 * are provably unchanged nothing is, and the known snapshot itself is the answer.
 */
export async function scanMailbox(
  directories: MailDirectories,
  known: Snapshot | undefined,
  clock: Clock,
  seen?: Seen,
): Promise<Snapshot> {
  // A file that could not be read may have become readable without a trace in its directory.
  if (known?.unreadable.size === 0 && isAsAt(directories, known.cursor, clock)) return known;
  const wanted = [...(known?.rows.keys() ?? []), ...(known?.unreadable.keys() ?? [])];
  const bases = wanted.map(baseOf).filter(base => base !== undefined);
  const census = await Census.take({ directories, clock, wanted: bases, stableNeeded: 1 });
  // Read after the pass whose stamps the cursor notes: a change in between shows in the next ones.
  const letters = directories.keywords.letters();
  const reader = new RowReader(letters, known?.rows);
  let met = 0;
  const open = await census.settle([...census.spots.keys()], (base, found) => {
    seen?.(++met);
    return reader.meet(base, found);
  });
  const inDoubt = new Set([...bases, ...open].filter(base => !reader.hasMet(base) && !census.isGone(base)));
  for (const base of inDoubt) reader.keep(base, known);
  const { rows, unreadable } = reader;
  const { evidence } = census;
  const provable = evidence !== undefined && inDoubt.size === 0;
  return {
    mailbox: directories.mailbox,
    cursor: cursorOf(
      rows.size + unreadable.size,
      provable ? cursorStamp(evidence.pass.stamps, evidence.at) : undefined,
    ),
    permanentFlags: directories.keywords.areOn ? letters.permanent(lettersIn(census)) : letters.flags,
    rows,
    unreadable,
  };
}

/** The messages of these keys at this moment, read anew, and those that two passes over unchanged directories missed. */
export async function lookAt(
  directories: MailDirectories,
  keys: readonly MessageKey[],
  clock: Clock,
): Promise<Sight> {
  const bases = new Map(keys.map(key => [key, baseOf(key)]));
  const wanted = [...bases.values()].filter(base => base !== undefined);
  const census = await Census.take({ directories, clock, wanted, stableNeeded: 2 });
  const reader = new RowReader(directories.keywords.letters(), undefined);
  await census.settle(new Set(wanted), (base, found) => reader.meet(base, found));
  const gone = new Set<MessageKey>();
  for (const [key, base] of bases) {
    // What cannot be a file's name here is the key of nothing.
    if (base === undefined || (!reader.hasMet(base) && census.isGone(base))) gone.add(key);
  }
  return { rows: reader.rows, gone };
}

/** Whether nothing changed since a scan that noted this cursor, by two stats. */
export function isAsAt(directories: MailDirectories, { stamp }: Cursor, clock: Clock): boolean {
  return unchangedSince(stamp, directories, clock);
}

/** The letters of all names, each combination once. */
function lettersIn({ spots }: Census): Set<string> {
  const all = new Set<string>();
  for (const names of spots.values()) {
    for (const { name } of names) all.add(parseFileName(name).letters ?? '');
  }
  return all;
}

function cursorOf(count: number, stamp: string | undefined): Cursor {
  return { epoch: NO_EPOCH, count, ...(stamp === undefined ? {} : { stamp }) };
}

/** Makes rows of files, from the known row where size and mtime are the same, else by reading. */
class RowReader {
  readonly rows = new Map<MessageKey, Row>();
  readonly unreadable = new Map<MessageKey, string>();
  readonly #letters: KeywordLetters;
  readonly #known: ReadonlyMap<MessageKey, Row> | undefined;
  readonly #breather = new Breather();

  constructor(letters: KeywordLetters, known: ReadonlyMap<MessageKey, Row> | undefined) {
    this.#letters = letters;
    this.#known = known;
  }

  hasMet(base: Octets): boolean {
    const key = keyOf(base);
    return this.rows.has(key) || this.unreadable.has(key);
  }

  /** What was known of a file that may still be there. */
  keep(base: Octets, known: Snapshot | undefined): void {
    const key = keyOf(base);
    const row = known?.rows.get(key);
    const reason = known?.unreadable.get(key);
    if (row !== undefined) this.rows.set(key, row);
    else if (reason !== undefined) this.unreadable.set(key, reason);
  }

  meet(base: Octets, found: Present): 'settled' | Promise<'settled' | 'vanished'> {
    const key = keyOf(base);
    if (found.kind === 'unreadable') {
      this.unreadable.set(key, found.reason);
      return 'settled';
    }
    const known = this.#known?.get(key);
    if (known !== undefined && known.stamp === fileStamp(found.stats)) {
      this.rows.set(key, this.#row(key, found, known));
      return 'settled';
    }
    return this.#read(key, found);
  }

  async #read(key: MessageKey, found: Extract<Found, { kind: 'file' }>): Promise<'settled' | 'vanished'> {
    if (this.#breather.isDue) await this.#breather.breath();
    const file = await digestFile(found.path, async () => {
      if (this.#breather.isDue) await this.#breather.breath();
    });
    if (file.kind === 'vanished') return 'vanished';
    if (file.kind === 'unreadable') this.unreadable.set(key, file.reason);
    else this.rows.set(key, this.#rowOf(key, { ...found, stats: file.stats }, file.facts));
    return 'settled';
  }

  /** The known row itself where nothing at all changed. */
  #row(key: MessageKey, found: Extract<Found, { kind: 'file' }>, known: Row): Row {
    const flags = this.#letters.flagsOf(parseFileName(found.spots[0]!.name));
    return sameFlags(flags, known.flags) && known.date === fileDate(found.stats)
      ? known
      : this.#rowOf(key, found, known);
  }

  #rowOf(
    key: MessageKey,
    { spots, stats }: File,
    { identity, envelope }: Pick<MessageFacts, 'envelope'> & Pick<Row, 'identity'>,
  ): Row {
    const flags = this.#letters.flagsOf(parseFileName(spots[0]!.name));
    return { key, flags, date: fileDate(stats), identity, envelope, stamp: fileStamp(stats) };
  }
}
