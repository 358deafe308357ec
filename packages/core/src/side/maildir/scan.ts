import type { Clock } from '../../model/clock.js';
import { bug } from '../../model/error.js';
import { type Flags, sameFlags } from '../../model/flags.js';
import type { MessageFacts } from '../../model/message-digester.js';
import { type Cursor, type Glimpse, type MessageKey, NO_EPOCH, type Row } from '../../model/row.js';
import { type Changes, type Earlier, NO_ROWS, pick } from '../earlier.js';
import type { Seen, Sight } from '../side.js';
import { Breather } from './breather.js';
import { Census, type TimedPass } from './census.js';
import { baseOf, keyOf, lettersIn, parseFileName } from './file-name.js';
import { familiarChange, type Glance, glanceAt } from './glance.js';
import type { KeywordLetters } from './keyword-letters.js';
import type { Expected } from './lately.js';
import { digestFile, type Found, fileDate, fileStamp } from './mail-file.js';
import type { Octets } from './octets.js';
import { cursorStamp, type MailDirectories, type Spot, unchangedSince } from './scan-pass.js';

type Present = Exclude<Found, { kind: 'vanished' }>;
type File = Pick<Extract<Found, { kind: 'file' }>, 'spots' | 'stats'>;

/**
 * All messages of a mailbox, as what changed. Files whose size and mtime are those of the earlier row are not read; files under
 * familiar names are not even looked at, but once an hour; where the directories are provably unchanged nothing is.
 */
export async function scanMailbox(
  directories: MailDirectories,
  earlier: Earlier | undefined,
  clock: Clock,
  seen?: Seen,
): Promise<Changes> {
  const { mailbox } = directories;
  // A file that could not be read may have become readable without a trace in its directory.
  if (earlier?.unreadable.size === 0 && isAsAt(directories, earlier.cursor, clock)) {
    const { cursor, permanentFlags, unreadable } = earlier;
    return {
      mailbox,
      cursor,
      permanentFlags,
      unreadable,
      anew: false,
      rows: NO_ROWS,
      before: NO_ROWS,
      gone: [],
    };
  }
  const glance = earlier && (await glanceAt(directories, earlier, clock));
  const known = glance?.known ?? (await earlier?.glimpses());
  const wanted = [...(known?.keys() ?? []), ...(earlier?.unreadable.keys() ?? [])];
  const bases = wanted.map(baseOf).filter(base => base !== undefined);
  const census = await Census.take({
    directories,
    clock,
    wanted: bases,
    others: glance?.bases ?? 'all',
    ...(glance === undefined ? {} : { first: glance.first }),
    stableNeeded: 1,
  });
  // Read after the pass whose stamps the cursor notes: a change in between shows in the next ones.
  const letters = directories.keywords.letters();
  const reader = new RowReader(letters, { known, now: clock.now() });
  let met = 0;
  const open = await census.settle([...census.spots.keys()], (base, found) => {
    seen?.(++met);
    return reader.meet(base, found);
  });
  const inDoubt = new Set([...bases, ...open].filter(base => !reader.hasMet(base) && !census.isGone(base)));
  for (const base of inDoubt) reader.keep(base, earlier?.unreadable);
  const touched = [...reader.changed.keys(), ...reader.rows.keys()];
  const before = await rowsBefore(
    glance,
    earlier,
    touched.filter(key => known?.has(key)),
  );
  reader.finish(before);
  const { rows, unreadable } = reader;
  const gone = [...(known?.keys() ?? [])].filter(key => !reader.stillHas(key));
  const { evidence } = census;
  // What a glance passed over is as old as the glance.
  const isOneMoment = glance === undefined || glance.first.pass.stamps.text === evidence?.pass.stamps.text;
  const provable = evidence !== undefined && isOneMoment && inDoubt.size === 0;
  // Of all names; a second reading for the sake of some saw no others.
  const at = glance?.first.at ?? evidence?.at ?? 0;
  const looked = glance?.looked ?? at;
  const fresh = rows.size - before.size;
  // Its names still hold, and nobody listed them.
  const unlisted = glance !== undefined && glance.names === undefined ? earlier : undefined;
  return {
    mailbox,
    cursor: cursorOf(
      (earlier?.size ?? 0) - gone.length + fresh + unreadable.size,
      // What is written to a file that is being written leaves no trace in a directory.
      provable ? cursorStamp(evidence.pass.stamps, { at, looked, inUse: reader.inUse() }) : undefined,
    ),
    permanentFlags:
      unlisted?.permanentFlags ??
      (directories.keywords.areOn
        ? letters.permanent(
            glance?.names?.letters ?? lettersIn([...census.spots.values()].flat().map(({ name }) => name)),
          )
        : letters.flags),
    unreadable,
    anew: earlier === undefined,
    rows,
    before,
    gone,
    // Where one cannot be read, every file is looked at the next time. Whether names are familiar that nobody looked at is not known.
    ...(provable && unreadable.size === 0 && unlisted === undefined
      ? {
          familiar: familiarChange(
            { place: evidence.pass.stamps.place, looked },
            reader.spots(),
            census.spots,
            glance,
          ),
        }
      : {}),
  };
}

/**
 * The messages of these keys at this moment, read anew unless size and mtime are those of a known row, and those that two passes over
 * unchanged directories missed. Also the pass they were met in, if there was a stable one. `expected`: what the directories still say of them.
 */
export async function lookAt(
  directories: MailDirectories,
  keys: readonly MessageKey[],
  clock: Clock,
  expected?: Expected,
): Promise<{ readonly sight: Sight; readonly pass: TimedPass | undefined }> {
  const bases = new Map(keys.map(key => [key, baseOf(key)]));
  const wanted = [...bases.values()].filter(base => base !== undefined);
  const census = await Census.take({ directories, clock, wanted, sure: expected?.pass, stableNeeded: 2 });
  const known = expected?.known;
  const reader = new RowReader(directories.keywords.letters(), { known, now: clock.now() });
  await census.settle(new Set(wanted), (base, found) => reader.meet(base, found));
  if (known !== undefined) reader.finish(known);
  const rows = new Map<MessageKey, Row>();
  const gone = new Set<MessageKey>();
  for (const [key, base] of bases) {
    const row = reader.rows.get(key) ?? (reader.stillHas(key) ? known?.get(key) : undefined);
    if (row !== undefined) rows.set(key, row);
    // What cannot be a file's name here is the key of nothing.
    if (base === undefined || (!reader.hasMet(base) && census.isGone(base))) gone.add(key);
  }
  return { sight: { rows, gone }, pass: census.evidence };
}

/** Whether nothing changed since a scan that noted this cursor, by two stats. */
export function isAsAt(directories: MailDirectories, { stamp }: Cursor, clock: Clock): boolean {
  return unchangedSince(stamp, directories, clock);
}

function cursorOf(count: number, stamp: string | undefined): Cursor {
  return { epoch: NO_EPOCH, count, ...(stamp === undefined ? {} : { stamp }) };
}

/** Some tools write into `cur`: a file is looked at again until it was left alone for so long. */
const AT_REST_MS = 60_000;

type Regular = Extract<Found, { kind: 'file' }>;

/** Those of the rows that were known which are other ones now. */
async function rowsBefore(
  glance: Glance | undefined,
  earlier: Earlier | undefined,
  keys: readonly MessageKey[],
): Promise<ReadonlyMap<MessageKey, Row>> {
  if (glance !== undefined) return pick(glance.known, keys);
  return (await earlier?.rows(keys)) ?? NO_ROWS;
}

/** Makes rows of files: by reading, or of the earlier row where size and mtime are the same. */
class RowReader {
  /** Rows that are new, or not what they were. */
  readonly rows = new Map<MessageKey, Row>();
  readonly unreadable = new Map<MessageKey, string>();
  /** Messages of which only what a file's name and date say changed. */
  readonly changed = new Map<MessageKey, Regular>();
  readonly #unchanged = new Set<MessageKey>();
  /** Where each message was met that has one place only, and whose file nobody writes to. */
  readonly #spots = new Map<MessageKey, Spot>();
  /** Where those were met that somebody wrote to a moment ago. */
  readonly #inUse = new Map<MessageKey, readonly Spot[]>();
  readonly #letters: KeywordLetters;
  readonly #known: ReadonlyMap<MessageKey, Glimpse> | undefined;
  readonly #now: number;
  readonly #breather = new Breather();

  constructor(
    letters: KeywordLetters,
    { known, now }: { readonly known?: ReadonlyMap<MessageKey, Glimpse> | undefined; readonly now: number },
  ) {
    this.#letters = letters;
    this.#known = known;
    this.#now = now;
  }

  hasMet(base: Octets): boolean {
    const key = keyOf(base);
    return this.stillHas(key) || this.unreadable.has(key);
  }

  stillHas(key: MessageKey): boolean {
    return this.#unchanged.has(key) || this.changed.has(key) || this.rows.has(key);
  }

  /** The only places of messages that have a row and are at rest: under the names their rows were made of. */
  *spots(): Generator<Spot> {
    for (const [key, spot] of this.#spots) if (this.stillHas(key)) yield spot;
  }

  inUse(): readonly Spot[] {
    return [...this.#inUse.values()].flat();
  }

  /** A file that may still be there is what it was. */
  keep(base: Octets, unreadable: ReadonlyMap<MessageKey, string> | undefined): void {
    const key = keyOf(base);
    const reason = unreadable?.get(key);
    if (this.#known?.has(key)) this.#unchanged.add(key);
    else if (reason !== undefined) this.unreadable.set(key, reason);
  }

  meet(base: Octets, found: Present): 'settled' | Promise<'settled' | 'vanished'> {
    const key = keyOf(base);
    if (found.kind === 'unreadable') {
      this.unreadable.set(key, found.reason);
      return 'settled';
    }
    const isAtRest = this.#isAtRest(found);
    if (isAtRest) this.#inUse.delete(key);
    else this.#inUse.set(key, found.spots);
    if (found.spots.length === 1 && isAtRest) this.#spots.set(key, found.spots[0]!);
    else this.#spots.delete(key);
    const known = this.#known?.get(key);
    if (known === undefined || known.stamp !== fileStamp(found.stats)) return this.#read(key, found);
    const flags = this.#flagsOf(found);
    if (sameFlags(flags, known.flags) && known.date === fileDate(found.stats)) this.#unchanged.add(key);
    else this.changed.set(key, found);
    return 'settled';
  }

  /** Makes the rows of which only a part changed. */
  finish(before: ReadonlyMap<MessageKey, Row>): void {
    for (const [key, found] of this.changed) {
      const row = before.get(key) ?? bug(`the row of ${key} is not among those that were known`);
      this.rows.set(key, this.#rowOf(key, found, row));
    }
  }

  async #read(key: MessageKey, found: Regular): Promise<'settled' | 'vanished'> {
    if (this.#breather.isDue) await this.#breather.breath();
    const file = await digestFile(found.path, async () => {
      if (this.#breather.isDue) await this.#breather.breath();
    });
    if (file.kind === 'vanished') return 'vanished';
    if (file.kind === 'unreadable') this.unreadable.set(key, file.reason);
    else this.rows.set(key, this.#rowOf(key, { ...found, stats: file.stats }, file.facts));
    return 'settled';
  }

  /** By any clock that is about right; dates of another time are no dates of writing. */
  #isAtRest({ stats }: File): boolean {
    return Math.abs(this.#now - fileDate(stats)) > AT_REST_MS;
  }

  #flagsOf({ spots }: Pick<File, 'spots'>): Flags {
    return this.#letters.flagsOf(parseFileName(spots[0]!.name));
  }

  #rowOf(
    key: MessageKey,
    file: File,
    { identity, envelope }: Pick<MessageFacts, 'envelope'> & Pick<Row, 'identity'>,
  ): Row {
    const { stats } = file;
    const flags = this.#flagsOf(file);
    return { key, flags, date: fileDate(stats), identity, envelope, stamp: fileStamp(stats) };
  }
}
