import { bySide, otherSide, SIDES, type SideName } from '@postern/core/model/by-side.js';
import { describe, expect, it } from 'vitest';
import { message } from '../support/messages.js';
import { Random } from '../support/random.js';
import { Rig } from '../support/rig.js';

const STORIES = 250;
/** Longer than a look lasts, and than a lost delivery may still happen. */
const LONG = 700_000;

class Killed extends Error {}

/** An account that is new on one side and comes in portions, while somebody works on both sides. */
class Story {
  readonly #random: Random;
  readonly #rig: Rig;
  readonly #side: SideName;
  #serial = 0;
  readonly #added = new Set<string>();
  readonly #deleted = new Set<string>();
  /** There may be several of these by now. */
  readonly #copied = new Set<string>();

  private constructor(random: Random, rig: Rig, side: SideName) {
    this.#random = random;
    this.#rig = rig;
    this.#side = side;
  }

  static async begin(seed: number): Promise<Story> {
    const random = new Random(seed);
    const rig = await Rig.create(random.chance(0.5) ? { lanes: 2 } : {});
    const story = new Story(random, rig, random.pick(SIDES));
    story.#fill();
    return story;
  }

  #fill(): void {
    for (const name of ['A', 'B', 'C']) {
      if (this.#random.chance(0.7)) this.#rig[this.#side].createMailbox(name);
      if (this.#random.chance(0.25)) this.#rig[otherSide(this.#side)].createMailbox(name);
    }
    for (const mailbox of this.#rig[this.#side].mailboxes.keys()) {
      const many = this.#random.chance(0.7) ? 8 + this.#random.below(30) : this.#random.below(5);
      for (let left = many; left > 0; left--) this.#add(this.#side, mailbox);
    }
  }

  #add(side: SideName, mailbox: string): void {
    const id = `m${this.#serial++}`;
    this.#added.add(id);
    this.#rig[side].add(mailbox, message({ id }), this.#random.chance(0.7) ? [] : ['\\Seen']);
  }

  /** What somebody does at any moment. */
  #act(): void {
    const side = this.#random.pick(SIDES);
    const world = this.#rig[side];
    const mailbox = this.#random.pick([...world.mailboxes.keys()]);
    const found = [...world.mailbox(mailbox).messages];
    if (found.length === 0 || this.#random.chance(0.2)) {
      this.#add(side, mailbox);
      return;
    }
    const [key, { bytes, flags, date }] = this.#random.pick(found);
    const to = this.#random.pick([...world.mailboxes.keys()]);
    const other = this.#rig[otherSide(side)];
    switch (this.#random.below(4)) {
      case 0:
        world.remove(mailbox, key);
        this.#deleted.add(idOf(bytes));
        break;
      case 1:
        if (to === mailbox) break;
        world.remove(mailbox, key);
        world.add(to, bytes, flags, date);
        this.#copied.add(idOf(bytes));
        break;
      case 2:
        world.flag(mailbox, key, { add: ['\\Flagged'] });
        break;
      default:
        if (other.mailboxes.has(mailbox)) other.add(mailbox, bytes, flags, date);
        this.#copied.add(idOf(bytes));
    }
  }

  async run(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      await this.#sync(round < 2);
      this.#rig.clock.pass(LONG);
      if (round < 2) for (let left = this.#random.below(4); left > 0; left--) this.#act();
    }
    for (let round = 0; round < 3; round++) {
      await this.#rig.sync({ maxDelete: 1_000, allowEmpty: true });
      this.#rig.clock.pass(LONG);
    }
  }

  async #sync(isBusy: boolean): Promise<void> {
    const death = this.#random.chance(0.2) ? this.#random.below(60) : undefined;
    let last = 0;
    const options = {
      atOnce: 3 + this.#random.below(8),
      maxDelete: 1_000,
      allowEmpty: true,
      progress: ({ what, done }: { what: string; done: number }) => {
        if (!isBusy || what !== 'apply' || done <= last) return;
        last = done;
        if (done === death) throw new Killed();
        if (this.#random.chance(0.2)) this.#act();
        if (this.#random.chance(0.25)) this.#rig.clock.pass(61_000);
      },
    };
    await this.#rig.sync(options).catch(error => {
      if (!(error instanceof Killed)) throw error;
    });
  }

  async expectRight(): Promise<void> {
    const { remote, local } = this.#rig;
    expect(local.allContents()).toEqual(remote.allContents());
    const counts = bySide(side => countsOf(this.#rig, side));
    for (const id of this.#added) {
      if (this.#deleted.has(id)) continue;
      const count = counts.local.get(id) ?? 0;
      expect([id, this.#copied.has(id) ? count > 0 : count === 1]).toEqual([id, true]);
    }
    expect((await this.#rig.check()).findings).toEqual([]);
  }
}

function idOf(bytes: Buffer): string {
  return /<(m[0-9]+)@/.exec(bytes.toString('latin1'))![1]!;
}

function countsOf(rig: Rig, side: SideName): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { messages } of rig[side].mailboxes.values()) {
    for (const { bytes } of messages.values()) counts.set(idOf(bytes), (counts.get(idOf(bytes)) ?? 0) + 1);
  }
  return counts;
}

describe('an account that comes in portions while somebody works on both sides', () => {
  it('ends equal: nothing is lost, and nothing is there twice', async () => {
    for (let seed = 1; seed <= STORIES; seed++) {
      const story = await Story.begin(seed);
      try {
        await story.run();
        await story.expectRight();
      } catch (error) {
        throw new Error(`story ${seed}`, { cause: error });
      }
    }
  }, 120_000);
});
