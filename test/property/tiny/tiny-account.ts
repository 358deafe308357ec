import type { BySide, SideName } from '@postern/core/model/by-side.js';
import { SIDES } from '@postern/core/model/by-side.js';
import { type Flags, flagsFrom } from '@postern/core/model/flags.js';
import { type Identity, identityOf, sameMessage } from '@postern/core/model/identity.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { type End, type Pair, pairKey } from '@postern/core/model/pair.js';
import { compareKeys, type Epoch, type MessageKey, NO_EPOCH, type Row } from '@postern/core/model/row.js';
import type { MailboxView } from '@postern/core/model/view.js';
import { message } from '../../support/messages.js';

/** Flags as letters: `·` none, F \Flagged, S \Seen, T \Deleted. */
export type Letters = '·' | 'F' | 'S' | 'T';

/** One end of a slot: not there, there with these flags, or (local only) changed in place. */
export type EndState = '∅' | Letters | 'E';

/** One message of a mailbox as the three states have it. `–`: base has no pair. */
export interface Slot {
  readonly remote: EndState;
  readonly base: '–' | Letters;
  readonly local: EndState;
}

/** What all messages of an account are, true twins of one another. */
export interface Kind {
  /** Without a Message-ID only contents tell messages apart. */
  readonly id: boolean;
  /** The server estimates sizes: nothing matches at first sight without being weak. */
  readonly estimated?: true;
}

export interface TinyState {
  readonly kind: Kind;
  /** Slots by mailbox: A, then B. */
  readonly boxes: readonly (readonly Slot[])[];
  /** State and mail of mailbox A are not of the same time. */
  readonly rematch?: true;
}

/** What is really in a message, whether its content was read or not: `o` as it was sent, `e` edited. */
export type Truth = 'o' | 'e';

export interface TrueRow extends Row {
  readonly truth: Truth;
}

export const EPOCHS: BySide<Epoch> = { remote: '7' as Epoch, local: NO_EPOCH };
export const BOX_NAMES: readonly MailboxName[] = ['A' as MailboxName, 'B' as MailboxName];
export const FLAGS: Record<Letters, Flags> = {
  '·': flagsFrom([]),
  F: flagsFrom(['\\Flagged']),
  S: flagsFrom(['\\Seen']),
  T: flagsFrom(['\\Deleted']),
};
const PERMANENT = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen', '\\*'];

export function bytesOf(kind: Kind, truth: Truth): Buffer {
  const body = truth === 'o' ? 'This is it.\r\n' : 'This is it, changed in place.\r\n';
  return message({ id: kind.id ? 'tiny' : false, subject: 'Tiny', body });
}

const identities = new Map<string, Identity & { readonly content: string }>();

/** All there is to know of a message. */
export function identity(kind: Kind, truth: Truth): Identity & { readonly content: string } {
  const name = `${kind.id}${truth}`;
  const known = identities.get(name);
  if (known !== undefined) return known;
  const made = identityOf(bytesOf(kind, truth)).identity as Identity & { readonly content: string };
  identities.set(name, made);
  return made;
}

/** What is known of a message of this truth on a side; the content on the remote only once it was read. */
export function seenIdentity(
  kind: Kind,
  truth: Truth,
  { on, read }: { readonly on: SideName; readonly read: boolean },
): Identity {
  const full = identity(kind, truth);
  const size = on === 'remote' && kind.estimated ? full.size + 1 : full.size;
  const { content, ...rest } = { ...full, size };
  return read ? { ...rest, content } : rest;
}

/** One mailbox while it is worked on. */
export class TinyBox {
  readonly name: MailboxName;
  readonly kind: Kind;
  readonly rows: BySide<Map<MessageKey, TrueRow>> = { remote: new Map(), local: new Map() };
  readonly pairs = new Map<string, Pair>();
  rematch: boolean;
  #next: Record<SideName, number> = { remote: 1, local: 1 };

  constructor(name: MailboxName, { kind, rematch }: { readonly kind: Kind; readonly rematch: boolean }) {
    this.name = name;
    this.kind = kind;
    this.rematch = rematch;
  }

  clone(): TinyBox {
    const copy = new TinyBox(this.name, this);
    for (const side of SIDES) for (const [key, row] of this.rows[side]) copy.rows[side].set(key, row);
    for (const [key, pair] of this.pairs) copy.pairs.set(key, pair);
    copy.#next = { ...this.#next };
    return copy;
  }

  newKey(side: SideName): MessageKey {
    const number = this.#next[side]++;
    return (side === 'remote' ? String(number) : `f${String(number).padStart(3, '0')}`) as MessageKey;
  }

  end(side: SideName, key: MessageKey): End {
    return { epoch: EPOCHS[side], key };
  }

  row(side: SideName, end: End): TrueRow | undefined {
    return this.rows[side].get(end.key);
  }

  pairAt(side: SideName, end: End): Pair | undefined {
    for (const pair of this.pairs.values()) if (pair[side].key === end.key) return pair;
    return undefined;
  }

  isWhole(pair: Pair): boolean {
    return SIDES.every(side => this.row(side, pair[side]) !== undefined);
  }

  putPair(pair: Pair): void {
    for (const side of SIDES) {
      const before = this.pairAt(side, pair[side]);
      if (before !== undefined) this.pairs.delete(pairKey(before));
    }
    this.pairs.set(pairKey(pair), pair);
  }

  unpaired(side: SideName): TrueRow[] {
    return [...this.rows[side].values()].filter(
      row => this.pairAt(side, this.end(side, row.key)) === undefined,
    );
  }

  unpairedLike(side: SideName, like: Identity): TrueRow | undefined {
    return this.unpaired(side).find(
      row => row.identity.digest === like.digest && sameMessage(row.identity, like) !== 'no',
    );
  }

  view(): MailboxView {
    const snapshot = (side: SideName) => ({
      mailbox: this.name,
      cursor: { epoch: EPOCHS[side], count: this.rows[side].size },
      permanentFlags: PERMANENT,
      rows: this.rows[side],
      unreadable: new Map<MessageKey, string>(),
    });
    return {
      mailbox: this.name,
      pairs: [...this.pairs.values()],
      sides: { remote: snapshot('remote'), local: snapshot('local') },
      known: true,
      ...(this.rematch ? { rematch: 'the state was restored from an older copy' } : {}),
    };
  }
}

export const permanent = { remote: PERMANENT, local: PERMANENT };

/** The boxes of a state, paired messages first. */
export function boxesOf(state: TinyState): TinyBox[] {
  return state.boxes.map((slots, index) => {
    const box = new TinyBox(BOX_NAMES[index]!, {
      kind: state.kind,
      rematch: index === 0 && state.rematch === true,
    });
    for (const slot of paired(slots)) addSlot(box, slot);
    for (const slot of slots.filter(({ base }) => base === '–')) addSlot(box, slot);
    return box;
  });
}

export function paired(slots: readonly Slot[]): readonly Slot[] {
  return slots.filter(({ base }) => base !== '–');
}

function addSlot(box: TinyBox, slot: Slot): void {
  const ends = {} as Record<SideName, End>;
  for (const on of SIDES) {
    const key = box.newKey(on);
    ends[on] = box.end(on, key);
    const state = slot[on];
    if (state === '∅') continue;
    const truth = state === 'E' ? 'e' : 'o';
    const read = on === 'local' || slot.base !== '–';
    const flags = state === 'E' ? baseFlags(slot) : FLAGS[state];
    putRow(box, { on, key, truth, flags, read });
  }
  if (slot.base === '–') return;
  const pair: Pair = { ...ends, flags: FLAGS[slot.base], identity: identity(box.kind, 'o') };
  box.pairs.set(pairKey(pair), pair);
}

/** Puts a message where a side has it. */
export function putRow(
  box: TinyBox,
  row: Pick<TrueRow, 'key' | 'truth' | 'flags'> & { readonly on: SideName; readonly read: boolean },
): void {
  const { on, key, truth, flags, read } = row;
  const known = seenIdentity(box.kind, truth, { on, read });
  box.rows[on].set(key, { key, flags, date: 0, identity: known, envelope: {}, truth });
}

function baseFlags(slot: Slot): Flags {
  return slot.base === '–' ? FLAGS['·'] : FLAGS[slot.base];
}

export function letters(flags: Flags): string {
  return flags.map(flag => (flag === '\\Deleted' ? 'T' : flag[1])).join('') || '·';
}

/**
 * The state in one text, in the order of the keys: equal texts go the same way from here on. Names of messages do not
 * count, only their order.
 */
export function textOf(boxes: readonly TinyBox[]): string {
  return boxes.map(boxText).join(' | ');
}

function boxText(box: TinyBox): string {
  const place = { remote: new Map<MessageKey, number>(), local: new Map<MessageKey, number>() };
  const sides = SIDES.map(side => {
    const keys = [...box.rows[side].keys()].sort(compareKeys);
    for (const [index, key] of keys.entries()) place[side].set(key, index);
    return keys.map(key => rowText(box.rows[side].get(key)!)).join(',');
  });
  const pairs = [...box.pairs.values()].map(pair => {
    const at = (side: SideName) => place[side].get(pair[side].key) ?? '∅';
    return `${at('remote')}=${at('local')}${letters(pair.flags)}${pair.weak ? '~' : ''}`;
  });
  return `${sides.join('/')} ${pairs.sort().join(',')}${box.rematch ? ' !' : ''}`;
}

function rowText(row: TrueRow): string {
  return `${letters(row.flags)}${row.truth}${row.identity.content === undefined ? '?' : ''}`;
}

/** The same as a multiset: what two accounts must have in common to count as equal. */
export function shapeOf(boxes: readonly TinyBox[]): string {
  return boxes
    .map(box => {
      const units = [...box.pairs.values()].map(pair => {
        const end = (side: SideName) => {
          const row = box.row(side, pair[side]);
          return row === undefined ? '∅' : `${letters(row.flags)}${row.truth}`;
        };
        return `${end('remote')}/${letters(pair.flags)}${pair.weak ? '~' : ''}/${end('local')}`;
      });
      for (const side of SIDES) {
        for (const row of box.unpaired(side)) {
          const here = `${letters(row.flags)}${row.truth}`;
          units.push(side === 'remote' ? `${here}/–/∅` : `∅/–/${here}`);
        }
      }
      return units.sort().join(' ');
    })
    .join(' | ');
}

export function stateWords(state: TinyState): string {
  const slot = ({ remote, base, local }: Slot) => `${remote}/${base}/${local}`;
  const boxes = state.boxes.map((slots, index) => `${BOX_NAMES[index]}: ${slots.map(slot).join(' ')}`);
  const kind = `${state.kind.id ? '' : ' without Message-ID'}${state.kind.estimated ? ' with estimated sizes' : ''}`;
  return `${boxes.join(', ')}${kind}${state.rematch ? ', A to be matched anew' : ''}`;
}

/** How many messages of each truth each side has, as `remote o`. */
export type Counts = ReadonlyMap<string, number>;

export const TRUTHS: readonly Truth[] = ['o', 'e'];

export function countsOf(boxes: readonly TinyBox[]): Counts {
  const counts = new Map<string, number>();
  for (const side of SIDES) {
    for (const truth of TRUTHS) counts.set(`${side} ${truth}`, 0);
    for (const box of boxes) {
      for (const { truth } of box.rows[side].values()) {
        const name = `${side} ${truth}`;
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
  }
  return counts;
}
