import { StallGuard } from '@postern/core/side/imap/stall-guard.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

describe('a command that a server works on for long', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function watched() {
    const given: number[] = [];
    let octets = 0;
    const guard = new StallGuard({
      limit: 6_000,
      silence: 300,
      received: () => octets,
      give: time => void given.push(time),
    });
    const say = (length: number) => {
      octets += length;
    };
    return { guard, given, say };
  }

  it('is left when nothing at all is said for the shorter time', () => {
    const { guard, given } = watched();
    vi.advanceTimersByTime(299);
    expect(given).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(given).toEqual([300]);
    guard.stop();
    vi.advanceTimersByTime(10_000);
    expect(given).toEqual([300]);
  });

  it('may take the longer time while something is said', () => {
    const { given, say } = watched();
    for (let spent = 0; spent < 5_800; spent += 200) {
      say(20);
      vi.advanceTimersByTime(200);
    }
    expect(given).toEqual([]);
    say(20);
    vi.advanceTimersByTime(200);
    expect(given).toEqual([6_000]);
  });

  it('is not left while we are busy with what it said', async () => {
    const { guard, given } = watched();
    let finish = () => {};
    const work = guard.during(() => new Promise<void>(resolve => (finish = resolve)));
    vi.advanceTimersByTime(5_000);
    expect(given).toEqual([]);
    finish();
    await work;
    vi.advanceTimersByTime(300);
    expect(given).toEqual([300]);
  });
});
