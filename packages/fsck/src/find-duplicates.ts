import { createHash } from 'node:crypto';
import { hasFlag } from '@postern/core/model/flags.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Pair } from '@postern/core/model/pair.js';
import { compareKeys, type Row } from '@postern/core/model/row.js';
import type { MailboxRecord } from '@postern/core/state/records.js';
import type { Store } from '@postern/core/state/store.js';

/** One copy of a message that is there more than once. */
export interface Copy {
  /** As the local side has it. */
  readonly row: Row;
  /** Its pair, where both ends are there and were found equal. */
  readonly pair?: Pair;
  /** Why it is not in the plan; absent for the copy that stays, and for those that go. */
  readonly stays?: string;
}

/**
 * Messages of one mailbox that are the same. `content`: to the last octet. `message-id`: the Message-ID alone is the same, one
 * copy of each content is shown, and none of them is ever removed.
 */
export interface DuplicateGroup {
  readonly mailbox: MailboxName;
  readonly by: 'content' | 'message-id';
  readonly messageId?: string;
  /** The copy that stays comes first. */
  readonly copies: readonly Copy[];
}

/** Messages that are held in memory at a time; a mailbox that has more is read as many times over. */
const AT_ONCE = 100_000;

/**
 * Finds messages that the local side has more than once in one mailbox, as the last scan saw it. The same message in two
 * mailboxes is none: people file things twice.
 */
export async function* findDuplicates(
  store: Store,
  only?: readonly MailboxName[],
  atOnce = AT_ONCE,
): AsyncGenerator<DuplicateGroup> {
  for (const record of (await store.all('mailbox', '')).values()) {
    const { mailbox, sides } = record;
    if (sides.local === undefined || (only !== undefined && !only.includes(mailbox))) continue;
    const passes = Math.max(1, Math.ceil(sides.local.cursor.count / atOnce));
    for (let pass = 0; pass < passes; pass++) {
      yield* new Pass(store, record, { pass, passes }).run();
    }
  }
}

/** What two copies have in common, as a name; undefined for a message that cannot be compared so. */
const NAMES = {
  content: (row: Row) => row.identity.content,
  'message-id': (row: Row) => row.identity.messageId,
} as const;

const KINDS_OF_NAMES = ['content', 'message-id'] as const;

interface Group {
  readonly by: keyof typeof NAMES;
  readonly rows: Row[];
}

class Pass {
  readonly #store: Store;
  readonly #record: MailboxRecord;
  readonly #part: { readonly pass: number; readonly passes: number };

  constructor(store: Store, record: MailboxRecord, part: { readonly pass: number; readonly passes: number }) {
    this.#store = store;
    this.#record = record;
    this.#part = part;
  }

  async *run(): AsyncGenerator<DuplicateGroup> {
    const { mailbox } = this.#record;
    const groups = await this.#groups();
    const pairs = await this.#pairsOf([...groups.values()].flatMap(({ rows }) => rows));
    for (const { by, rows } of groups.values()) {
      const copies = rows.map(row => copyOf(row, pairs.get(row.key)));
      const { messageId } = rows[0]?.identity ?? {};
      const named = messageId === undefined ? {} : { messageId };
      if (by === 'content') yield { mailbox, by, ...named, copies: judged(copies) };
      else {
        const different = [...new Map(copies.map(copy => [copy.row.identity.content, copy])).values()];
        if (different.length > 1) yield { mailbox, by, ...named, copies: different };
      }
    }
  }

  /** Rows that share a name. First the names that come twice are found, and then their rows. */
  async #groups(): Promise<Map<string, Group>> {
    const seen = new Set<string>();
    const twice = new Set<string>();
    for await (const [, row] of this.#store.each('local', this.#record.mailbox)) {
      for (const by of KINDS_OF_NAMES) {
        const name = this.#nameOf(by, row);
        if (name === undefined) continue;
        if (seen.has(name)) twice.add(name);
        else seen.add(name);
      }
    }
    seen.clear();
    const groups = new Map<string, Group>();
    if (twice.size === 0) return groups;
    for await (const [, row] of this.#store.each('local', this.#record.mailbox)) {
      for (const by of KINDS_OF_NAMES) {
        const name = this.#nameOf(by, row);
        if (name === undefined || !twice.has(name)) continue;
        const group = groups.get(name);
        if (group === undefined) groups.set(name, { by, rows: [row] });
        else group.rows.push(row);
      }
    }
    return groups;
  }

  /** The name, if it belongs to this pass. */
  #nameOf(by: keyof typeof NAMES, row: Row): string | undefined {
    const name = NAMES[by](row);
    if (name === undefined) return undefined;
    const hash = createHash('sha256').update(`${by} ${name}`, 'latin1').digest();
    return hash.readUInt32BE(0) % this.#part.passes === this.#part.pass ? hash.toString('latin1') : undefined;
  }

  async #pairsOf(rows: readonly Row[]): Promise<ReadonlyMap<string, Pair>> {
    const wanted = new Set<string>(rows.map(row => row.key));
    const found = new Map<string, Pair>();
    if (wanted.size === 0) return found;
    const { mailbox, sides } = this.#record;
    for await (const [, pair] of this.#store.each('pair', mailbox)) {
      if (!wanted.has(pair.local.key) || pair.remote.epoch !== sides.remote?.cursor.epoch) continue;
      if ((await this.#store.get('remote', mailbox, pair.remote.key)) !== undefined)
        found.set(pair.local.key, pair);
    }
    return found;
  }
}

function copyOf(row: Row, pair: Pair | undefined): Copy {
  if (pair === undefined)
    return { row, stays: 'it is on the local side only so far: postern sync comes first' };
  return pair.weak
    ? { row, stays: 'it was paired although the sizes differ, and is left alone' }
    : { row, pair };
}

/** The copy that stays first: one that is paired, with the most marks, the oldest. What it lacks keeps others, too. */
function judged(copies: readonly Copy[]): Copy[] {
  const [kept, ...others] = [...copies].sort(
    (a, b) =>
      Number(b.pair !== undefined) - Number(a.pair !== undefined) ||
      marksOf(b.row).length - marksOf(a.row).length ||
      a.row.date - b.row.date ||
      compareKeys(a.row.key, b.row.key),
  );
  if (kept === undefined) return [];
  return [
    { row: kept.row, ...(kept.pair === undefined ? {} : { pair: kept.pair }) },
    ...others.map((copy): Copy => {
      if (copy.stays !== undefined) return copy;
      const more = marksOf(copy.row).filter(flag => !hasFlag(kept.row.flags, flag));
      if (more.length === 0) return copy;
      return { ...copy, stays: `it is marked ${more.join(' ')}, and the other one is not` };
    }),
  ];
}

/** Flags a person would miss. */
function marksOf({ flags }: Row): readonly string[] {
  return flags.filter(flag => !['\\Seen', '\\Deleted', '\\Draft'].includes(flag));
}
