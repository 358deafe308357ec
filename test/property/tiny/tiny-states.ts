import type { EndState, Kind, Letters, Slot, TinyState } from './tiny-account.js';

const ALL: readonly Letters[] = ['·', 'F', 'S', 'T'];
const FEW: readonly Letters[] = ['·', 'F'];
const WITH_ID: Kind = { id: true };
const WITHOUT_ID: Kind = { id: false };

/** Every slot over a set of flags, the one without anything included. */
function slotsOver(flags: readonly Letters[], { edited }: { readonly edited: boolean }): readonly Slot[] {
  const slots: Slot[] = [];
  const local: readonly EndState[] = edited ? ['∅', ...flags, 'E'] : ['∅', ...flags];
  for (const remote of ['∅', ...flags] as const) {
    for (const base of ['–', ...flags] as const) {
      for (const here of local) slots.push({ remote, base, local: here });
    }
  }
  return slots;
}

function* pairsOf(slots: readonly Slot[]): Generator<readonly [Slot, Slot]> {
  for (const one of slots) for (const other of slots) yield [one, other];
}

/** Two slots in one mailbox: messages with a pair came first, so that one order of a pair and a new message is enough. */
function* twinsOf(slots: readonly Slot[]): Generator<readonly [Slot, Slot]> {
  for (const [one, other] of pairsOf(slots)) if (one.base !== '–' || other.base === '–') yield [one, other];
}

/** The states by family; `whole` is what a night may take. */
export function familiesOf(size: 'usual' | 'whole'): ReadonlyMap<string, () => Generator<TinyState>> {
  const all = slotsOver(ALL, { edited: false });
  const few = slotsOver(FEW, { edited: false });
  const none = slotsOver(['·'], { edited: false });
  const edited = slotsOver(FEW, { edited: true });
  const kinds = [WITH_ID, WITHOUT_ID];
  function* twins(): Generator<TinyState> {
    for (const kind of kinds) for (const slots of twinsOf(all)) yield { kind, boxes: [slots] };
  }
  function* anew(): Generator<TinyState> {
    for (const slots of twinsOf(all)) yield { kind: WITH_ID, boxes: [slots], rematch: true };
  }
  function* twoMailboxes(): Generator<TinyState> {
    for (const kind of kinds) for (const [a, b] of pairsOf(all)) yield { kind, boxes: [[a], [b]] };
  }
  function* twinsAndOne(): Generator<TinyState> {
    for (const kind of size === 'whole' ? kinds : [WITH_ID]) {
      for (const slots of twinsOf(few)) for (const b of few) yield { kind, boxes: [slots, [b]] };
    }
  }
  function* twinsAndTwins(): Generator<TinyState> {
    const from = size === 'whole' ? few : none;
    for (const a of twinsOf(from)) for (const b of twinsOf(from)) yield { kind: WITH_ID, boxes: [a, b] };
  }
  function* anewBesideAnother(): Generator<TinyState> {
    for (const a of twinsOf(few))
      for (const b of none) yield { kind: WITH_ID, boxes: [a, [b]], rematch: true };
  }
  function* changedInPlace(): Generator<TinyState> {
    for (const kind of kinds) for (const slots of twinsOf(edited)) yield { kind, boxes: [slots] };
    for (const [a, b] of pairsOf(edited)) yield { kind: WITH_ID, boxes: [[a], [b]] };
  }
  function* estimatedSizes(): Generator<TinyState> {
    const kind: Kind = { id: true, estimated: true };
    for (const slots of twinsOf(few)) yield { kind, boxes: [slots] };
    for (const [a, b] of pairsOf(few)) yield { kind, boxes: [[a], [b]] };
  }
  return new Map([
    ['twins in one mailbox', twins],
    ['twins in a mailbox that is matched anew', anew],
    ['one message in each of two mailboxes', twoMailboxes],
    ['twins in one mailbox and a third copy in another', twinsAndOne],
    ['twins in two mailboxes', twinsAndTwins],
    ['a mailbox that is matched anew beside another', anewBesideAnother],
    ['messages that were changed in place', changedInPlace],
    ['a server that estimates sizes', estimatedSizes],
  ]);
}
