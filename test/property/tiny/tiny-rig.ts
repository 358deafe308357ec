import type { Action } from '@postern/core/model/action.js';
import { SIDES, type SideName } from '@postern/core/model/by-side.js';
import type { MessageKey } from '@postern/core/model/row.js';
import { Rig } from '../../support/rig.js';
import {
  BOX_NAMES,
  bytesOf,
  type EndState,
  FLAGS,
  type Kind,
  type Letters,
  paired,
  putRow,
  type Slot,
  TinyBox,
  type TinyState,
} from './tiny-account.js';

const OPTIONS = { allowEmpty: true } as const;
/** Of copies; those base knows arrived in another second in each mailbox, so that each was read once. */
const DATE = 1_700_000_000_000;

/** A tiny state as a real one: memory worlds, a database, and everything postern does between them. */
export class TinyRig {
  readonly rig: Rig;
  readonly kind: Kind;
  readonly #boxes: number;

  private constructor(rig: Rig, { kind, boxes }: { readonly kind: Kind; readonly boxes: number }) {
    this.rig = rig;
    this.kind = kind;
    this.#boxes = boxes;
  }

  /** Brings a state about: base by a sync, and then what users do on both sides. */
  static async create(state: TinyState): Promise<TinyRig> {
    const made = new TinyRig(await Rig.create(), { kind: state.kind, boxes: state.boxes.length });
    const { rig } = made;
    for (const [index] of state.boxes.entries()) {
      for (const side of SIDES) rig[side].createMailbox(BOX_NAMES[index]!);
    }
    for (const [index, slots] of state.boxes.entries()) await made.#agree(index, paired(slots));
    for (const [index, slots] of state.boxes.entries()) await made.#play(BOX_NAMES[index]!, slots);
    if (state.rematch) rig.local.mailbox('A').witness = undefined;
    return made;
  }

  async clone(): Promise<TinyRig> {
    return new TinyRig(await this.rig.clone(), { kind: this.kind, boxes: this.#boxes });
  }

  plan() {
    return this.rig.plan(OPTIONS);
  }

  apply(actions: Parameters<Rig['apply']>[0]) {
    return this.rig.apply(actions, OPTIONS);
  }

  sync() {
    return this.rig.sync(OPTIONS);
  }

  async #agree(index: number, slots: readonly Slot[]): Promise<void> {
    const mailbox = BOX_NAMES[index]!;
    for (const { base } of slots) {
      this.rig.remote.add(mailbox, bytesOf(this.kind, 'o'), FLAGS[base as Letters], DATE + 1000 * index);
      await this.sync();
    }
    // The first sync of an empty mailbox makes no base either: it must be known on both sides before it changes.
    await this.sync();
  }

  async #play(mailbox: string, slots: readonly Slot[]): Promise<void> {
    const pairs = await this.#pairs(mailbox);
    for (const [index, slot] of paired(slots).entries()) {
      const pair = pairs[index];
      if (pair === undefined) throw new Error(`no pair for slot ${index}`);
      for (const side of SIDES) this.#become(side, { mailbox, key: pair[side].key }, slot[side]);
    }
    for (const slot of slots) {
      if (slot.base !== '–') continue;
      for (const side of SIDES) {
        const state = slot[side];
        if (state === '∅') continue;
        const flags = state === 'E' ? [] : FLAGS[state];
        this.rig[side].add(mailbox, bytesOf(this.kind, state === 'E' ? 'e' : 'o'), flags, DATE);
      }
    }
  }

  #become(
    side: SideName,
    { mailbox, key }: { readonly mailbox: string; readonly key: MessageKey },
    state: EndState,
  ): void {
    const world = this.rig[side];
    if (state === '∅') world.remove(mailbox, key);
    else if (state === 'E') world.edit(mailbox, key, bytesOf(this.kind, 'e'));
    else {
      const others = Object.values(FLAGS).flat();
      world.flag(mailbox, key, { remove: others });
      world.flag(mailbox, key, { add: FLAGS[state] });
    }
  }

  /** The pairs of a mailbox, in the order of their UIDs. */
  async #pairs(mailbox: string) {
    const pairs = await this.rig.run(({ store }) => store.all('pair', mailbox));
    return [...pairs.values()].sort((a, b) => Number(a.remote.key) - Number(b.remote.key));
  }

  /** What is there now, for the oracle. */
  async boxes(): Promise<readonly TinyBox[]> {
    const boxes: TinyBox[] = [];
    for (const name of BOX_NAMES.slice(0, this.#boxes)) {
      const record = await this.rig.run(({ store }) => store.get('mailbox', '', name));
      const box = new TinyBox(name, { kind: this.kind, rematch: record?.rematch !== undefined });
      for (const side of SIDES) {
        for (const stored of this.rig[side].mailbox(name).messages.values()) {
          const truth = stored.bytes.equals(bytesOf(this.kind, 'o')) ? 'o' : 'e';
          putRow(box, { on: side, key: stored.key, truth, flags: stored.flags, read: true });
        }
      }
      for (const pair of await this.#pairs(name)) {
        box.pairs.set(`${pair.remote.epoch}:${pair.remote.key}`, pair);
      }
      boxes.push(box);
    }
    return boxes;
  }
}

/** What a plan says, without names of messages; whether bytes travel for a new message or not is all the same. */
export function planWords(actions: readonly Pick<Action, 'op' | 'mailbox' | 'to'>[]): readonly string[] {
  return actions
    .map(({ op, mailbox, to }) => {
      if (op === 'copy-local') return `download ${to}`;
      if (op === 'copy-remote') return `upload ${to}`;
      return `${op} ${mailbox}${to === undefined ? '' : `→${to}`}`;
    })
    .sort();
}
