import { Lanes } from '@postern/core/side/lanes.js';
import type { Side } from '@postern/core/side/side.js';
import { describe, expect, it } from 'vitest';
import { MemorySide } from '../../support/memory-side.js';
import { MemoryWorld } from '../../support/memory-world.js';

/** A side that counts its others, and has no more than it may. */
class Counted extends MemorySide {
  readonly book: { open: number; opened: number; readonly most: number };

  constructor(most: number, book = { open: 0, opened: 0, most }) {
    super(new MemoryWorld('uid'));
    this.book = book;
  }

  override async another(): Promise<MemorySide> {
    const { book } = this;
    if (book.open >= book.most) return undefined as unknown as MemorySide;
    book.open++;
    book.opened++;
    return new Counted(book.most, book);
  }

  override async close(): Promise<void> {
    this.book.open--;
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

const pause = () => new Promise<void>(resolve => setTimeout(resolve, 2));

function make(most: number, others = 9) {
  const sides = { remote: new Counted(others), local: new Counted(others) };
  return { sides, lanes: new Lanes(sides, most) };
}

describe('lanes', () => {
  it('do every job once, as many at a time as there are lanes, no two with the same side', async () => {
    const { lanes, sides } = make(3);
    const busy = new Set<Side>();
    const done: number[] = [];
    let most = 0;
    await lanes.each(numbers(20), ['remote', 'local'], async ({ remote, local }, job) => {
      for (const side of [remote, local]) expect(busy.has(side)).toBe(false);
      busy.add(remote).add(local);
      most = Math.max(most, busy.size / 2);
      await pause();
      busy.delete(remote);
      busy.delete(local);
      done.push(job);
    });
    expect(done.sort((a, b) => a - b)).toEqual(numbers(20));
    expect(most).toBe(3);
    expect([sides.remote.book.open, sides.local.book.open]).toEqual([2, 2]);
    await lanes.close();
    expect([sides.remote.book.open, sides.local.book.open]).toEqual([0, 0]);
  });

  it('open no side that is not needed, none for little work, and none twice', async () => {
    const { lanes, sides } = make(4);
    await lanes.each(numbers(3), ['remote'], async () => pause());
    expect(sides.remote.book.opened).toBe(0);
    await lanes.each(numbers(6), ['remote'], async ({ local }) => {
      expect(local).toBe(sides.local);
      await pause();
    });
    await lanes.each(numbers(6), ['remote'], async () => pause());
    expect([sides.remote.book.opened, sides.local.book.opened]).toEqual([2, 0]);
  });

  it('go on with those they have when there can be no more, and do not ask again', async () => {
    const { lanes, sides } = make(5, 1);
    const done: number[] = [];
    const work = async (_sides: unknown, job: number) => {
      await pause();
      done.push(job);
    };
    await lanes.each(numbers(10), ['remote'], work);
    await lanes.each(numbers(10), ['remote'], work);
    expect(done).toHaveLength(20);
    expect(sides.remote.book.opened).toBe(1);
  });

  it('close what they opened, also where one in between could not be', async () => {
    const { sides, lanes } = make(4);
    let asked = 0;
    const another = sides.remote.another.bind(sides.remote);
    // The second lane is refused while the third gets in.
    sides.remote.another = async () => (++asked === 1 ? (undefined as unknown as MemorySide) : another());
    await lanes.each(numbers(12), ['remote'], async () => pause());
    expect(sides.remote.book.open).toBe(2);
    await lanes.close();
    expect(sides.remote.book.open).toBe(0);
  });

  it('do not wait for a connection that has nothing to do any more, and close it when it comes', async () => {
    const { sides, lanes } = make(2);
    const another = sides.remote.another.bind(sides.remote);
    let letIn = () => {};
    const door = new Promise<void>(resolve => {
      letIn = resolve;
    });
    sides.remote.another = async () => {
      await door;
      return another();
    };
    const done: number[] = [];
    await lanes.each(numbers(4), ['remote'], async (_sides, job) => void done.push(job));
    expect(done).toEqual(numbers(4));
    await lanes.close();
    letIn();
    await pause();
    expect([sides.remote.book.opened, sides.remote.book.open]).toEqual([1, 0]);
  });

  it('begin no other job after a failure, end those under way, and throw the first', async () => {
    const { lanes } = make(2);
    const begun: number[] = [];
    const ended: number[] = [];
    const running = lanes.each(numbers(10), ['remote'], async (_sides, job) => {
      begun.push(job);
      await pause();
      if (job === 1) throw new Error('the second job');
      await pause();
      ended.push(job);
    });
    await expect(running).rejects.toThrow('the second job');
    expect(begun.length).toBeLessThan(5);
    expect(ended.sort()).toEqual(begun.filter(job => job !== 1).sort());
  });
});
