import { INBOX } from '@postern/core/model/mailbox.js';
import type { MessageKey, Row } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { opened, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { failure, ok, row, scripted } from './scripted-side.js';

const MANY = 11_000;

const SET = /^UID FETCH (\d+)(?::(\d+))? \(.*HEADER/;

const flagsOf = (uid: number, flags = '') => `* 1 FETCH (UID ${uid} FLAGS (${flags}))`;

const nothing = () => new Set<number>();

/** The flags of all messages, each time as they are then. */
const listing = (flagged: () => ReadonlySet<number>, count = MANY): ScriptedAnswer => ({
  when: /^UID FETCH 1:\* /,
  say: () =>
    ok(
      ...Array.from({ length: count }, (_, index) =>
        flagsOf(index + 1, flagged().has(index + 1) ? '\\Flagged' : ''),
      ),
    ),
});

/** The messages of a set. */
const described = (flagged: () => ReadonlySet<number> = nothing): ScriptedAnswer => ({
  when: SET,
  say: ({ text }) => {
    const [, first, last] = SET.exec(text)!;
    const count = Number(last ?? first) - Number(first) + 1;
    const uids = Array.from({ length: count }, (_, index) => Number(first) + index);
    return ok(...uids.map(uid => row(uid, { flags: flagged().has(uid) ? '\\Flagged' : '' })));
  },
});

/** A first look at a large mailbox: what it says, and the rows that were handed over, the last one of each key. */
async function firstLook(...answers: readonly ScriptedAnswer[]) {
  const { side, server } = await scripted({
    answers: [...answers, { when: /^EXAMINE/, say: opened({ exists: MANY }) }],
  });
  const taken = new Map<MessageKey, Row>();
  const sizes: number[] = [];
  const look = side.changes(INBOX, undefined, undefined, async rows => {
    sizes.push(rows.size);
    for (const [key, one] of rows) taken.set(key, one);
  });
  return { look, taken, sizes, server };
}

describe('a first look at a large mailbox', () => {
  it('hands rows over set by set, and keeps none', async () => {
    const { look, taken, sizes } = await firstLook(listing(nothing), described());
    const changes = await look;
    expect(sizes).toEqual([5000, 5000, 1000]);
    expect(taken.size).toBe(MANY);
    expect([changes.taken, changes.rows.size, changes.gone, changes.cursor.count]).toEqual([
      MANY,
      0,
      [],
      MANY,
    ]);
    expect(taken.get('7001' as MessageKey)).toMatchObject({
      flags: [],
      identity: { messageId: '<m7001@example.org>' },
    });
  });

  it('takes back what went meanwhile, and hands over once more what is flagged otherwise by then', async () => {
    let count = MANY;
    const flagged = new Set<number>();
    const { look, taken, sizes } = await firstLook(
      {
        when: /^UID FETCH 1:\* /,
        say: command => (listing(() => flagged, count).say as (one: typeof command) => string)(command),
      },
      {
        when: /^UID FETCH 5001:10000 /,
        say: () => {
          count--;
          flagged.add(3);
          return ok(...Array.from({ length: 5000 }, (_, index) => row(5001 + index)), `* ${MANY} EXPUNGE`);
        },
        times: 1,
      },
      described(() => flagged),
    );
    const changes = await look;
    expect(changes.cursor.count).toBe(MANY - 1);
    expect(changes.gone).toEqual([String(MANY)]);
    expect([changes.rows.size, changes.taken, changes.unreadable.size]).toEqual([0, MANY - 1, 0]);
    expect(taken.get('3' as MessageKey)?.flags).toEqual(['\\Flagged']);
    expect(sizes).toEqual([5000, 5000, 1000, 1]);
  });

  it('tells of a message that cannot be read, and of no row for it', async () => {
    const { look, taken } = await firstLook(listing(nothing), {
      when: SET,
      say: command => {
        const [, first, last = first] = SET.exec(command.text)!.map(Number);
        const isIn = first! <= 6000 && 6000 <= (Number.isNaN(last) ? first! : last!);
        return isIn ? 'TAG NO broken\r\n' : (described().say as (one: typeof command) => string)(command);
      },
    });
    const changes = await look;
    expect([...changes.unreadable.keys()]).toEqual(['6000']);
    expect(taken.has('6000' as MessageKey)).toBe(false);
    expect(changes.taken! + changes.rows.size).toBe(MANY - 1);
  });

  it('fails as a whole where the server lists fewer than it has', async () => {
    const { look } = await firstLook(listing(nothing, MANY - 1), described());
    expect((await failure(look)).code).toBe('snapshot-incomplete');
  });
});
