import type { BySide } from '../model/by-side.js';
import { bySide } from '../model/by-side.js';
import { compareKeys, type Row } from '../model/row.js';

/** Two rows that are the same message. */
export interface Match {
  readonly remote: Row;
  readonly local: Row;
  /** Accepted although sizes differ. */
  readonly weak?: true;
}

/** Rows of one class that cannot be told apart yet, or at all. */
export interface Unclear {
  readonly rows: BySide<readonly Row[]>;
  readonly reason: string;
}

export interface Matching {
  readonly matches: readonly Match[];
  readonly unclear: readonly Unclear[];
  /** Rows whose content hash would settle an unclear class: read them, and match again. */
  readonly wanted: BySide<readonly Row[]>;
  /** Rows that have no counterpart on the other side: new mail. */
  readonly alone: BySide<readonly Row[]>;
}

type Rows = { remote: Row[]; local: Row[] };

/**
 * Matches unpaired messages of both sides in tiers, each on what stronger ones left (DESIGN §4). A tier accepts 1:1
 * matches; classes that are larger, lack a Message-ID on either side, or agree in Message-ID but not in digest are settled by
 * content, as multisets. The result does not depend on the order of the rows.
 */
export function matchRows(rows: BySide<readonly Row[]>): Matching {
  const matches: Match[] = [];
  const unclear: Unclear[] = [];
  const wanted: Rows = { remote: [], local: [] };
  let rest: Rows = { remote: [...rows.remote].sort(byKey), local: [...rows.local].sort(byKey) };

  const tier = (classOf: (row: Row) => string | undefined, settle: (members: Rows) => Settled) => {
    const left: Rows = { remote: [], local: [] };
    for (const members of classes(rest, classOf, left)) {
      const settled = settle(members);
      matches.push(...settled.matches);
      left.remote.push(...settled.alone.remote);
      left.local.push(...settled.alone.local);
      if (settled.unclear !== undefined) unclear.push(settled.unclear);
      wanted.remote.push(...settled.wanted.remote);
      wanted.local.push(...settled.wanted.local);
    }
    rest = left;
  };

  tier(row => row.identity.digest, settleDigestClass);
  tier(row => row.identity.messageId, settleByContentAlone);
  // A server may show no Message-ID where the message has one: it reads so much of a header and no more.
  const bare = new Set(
    bothOf(rest).flatMap(({ identity }) => (identity.messageId === undefined ? [identity.size] : [])),
  );
  tier(row => (bare.has(row.identity.size) ? String(row.identity.size) : undefined), settleByContentAlone);
  return { matches, unclear, wanted, alone: bySide(side => rest[side].sort(byKey)) };
}

interface Settled {
  readonly matches: readonly Match[];
  readonly alone: Rows;
  readonly unclear?: Unclear;
  readonly wanted: Rows;
}

const bothOf = ({ remote, local }: BySide<readonly Row[]>) => [...remote, ...local];
const byKey = (a: Row, b: Row) => compareKeys(a.key, b.key);

/** Classes with members on both sides; every other row goes to `left`. */
function classes(rows: Rows, classOf: (row: Row) => string | undefined, left: Rows): Iterable<Rows> {
  const groups = new Map<string, Rows>();
  for (const side of ['remote', 'local'] as const) {
    for (const row of rows[side]) {
      const name = classOf(row);
      if (name === undefined) {
        left[side].push(row);
        continue;
      }
      let group = groups.get(name);
      if (group === undefined) {
        group = { remote: [], local: [] };
        groups.set(name, group);
      }
      group[side].push(row);
    }
  }
  const both: Rows[] = [];
  for (const group of groups.values()) {
    if (group.remote.length > 0 && group.local.length > 0) both.push(group);
    else {
      left.remote.push(...group.remote);
      left.local.push(...group.local);
    }
  }
  return both;
}

/** Equal digests: probably one message, or copies of one. */
function settleDigestClass(members: Rows): Settled {
  const { matches, rest } = matchContents(members);
  if (rest.remote.length === 0 || rest.local.length === 0) return settled(matches, rest);
  const [remote, local] = [rest.remote[0]!, rest.local[0]!];
  const single = rest.remote.length === 1 && rest.local.length === 1;
  const compared = remote.identity.content !== undefined && local.identity.content !== undefined;
  if (
    single &&
    !compared &&
    remote.identity.messageId !== undefined &&
    local.identity.messageId !== undefined
  ) {
    const weak = remote.identity.size !== local.identity.size;
    return settled([...matches, { remote, local, ...(weak ? { weak: true as const } : {}) }], {
      remote: [],
      local: [],
    });
  }
  return unsettled(
    matches,
    rest,
    'both sides have messages with this header, and their contents differ: compare them (postern show); then delete those of one side that nobody wants, or give each file here that is to stay a Message-ID line of its own',
  );
}

/** Equal Message-IDs or sizes, but other digests: the same message only if the contents are equal. */
function settleByContentAlone(members: Rows): Settled {
  const { matches, rest } = matchContents(members);
  if (unread(rest.remote).length === 0 && unread(rest.local).length === 0) return settled(matches, rest);
  if (rest.remote.length === 0 || rest.local.length === 0) return settled(matches, rest);
  return unsettled(matches, rest, '');
}

function settled(matches: readonly Match[], alone: Rows): Settled {
  return { matches, alone, wanted: { remote: [], local: [] } };
}

function unsettled(matches: readonly Match[], rows: Rows, difference: string): Settled {
  const wanted = { remote: unread(rows.remote), local: unread(rows.local) };
  const known = wanted.remote.length === 0 && wanted.local.length === 0;
  const reason = known
    ? difference
    : 'it may be on both sides already, and only its content can tell: fetch reads the contents of such messages';
  return { matches, alone: { remote: [], local: [] }, unclear: { rows, reason }, wanted };
}

function unread(rows: readonly Row[]): Row[] {
  return rows.filter(row => row.identity.content === undefined);
}

/** Pairs rows of known and equal content, as multisets: twins with equal flags first, then in key order. */
function matchContents(members: Rows): { matches: Match[]; rest: Rows } {
  const matches: Match[] = [];
  const byFlags = matchEqual(members, row => `${row.identity.content} ${row.flags.join(' ')}`, matches);
  const rest = matchEqual(byFlags, row => row.identity.content ?? '', matches);
  return { matches, rest };
}

function matchEqual(members: Rows, nameOf: (row: Row) => string, matches: Match[]): Rows {
  const local = new Map<string, Row[]>();
  for (const row of members.local) {
    if (row.identity.content === undefined) continue;
    const same = local.get(nameOf(row));
    if (same === undefined) local.set(nameOf(row), [row]);
    else same.push(row);
  }
  const taken = new Set<Row>();
  const remote: Row[] = [];
  for (const row of members.remote) {
    const match = row.identity.content === undefined ? undefined : local.get(nameOf(row))?.shift();
    if (match === undefined) remote.push(row);
    else {
      matches.push({ remote: row, local: match });
      taken.add(match);
    }
  }
  return { remote, local: members.local.filter(row => !taken.has(row)) };
}
