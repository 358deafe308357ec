import { INBOX } from '@postern/core/model/mailbox.js';
import { earlierOf } from '@postern/core/side/earlier.js';
import { describe, expect, it } from 'vitest';
import { opened, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { ok, row, scripted } from './scripted-side.js';

interface World {
  /** UIDs of the first look. */
  readonly had: readonly number[];
  readonly went: readonly number[];
  /** As the server says it. */
  readonly uidNext: number;
}

/** What a second look says is gone, and whether it had to go through all that was known. */
async function secondLook({ had, went, uidNext }: World) {
  const left = had.filter(uid => !went.includes(uid));
  const stand = (exists: number, modseq: number): ScriptedAnswer => ({
    when: /^EXAMINE/,
    say: opened({ exists, uidNext, more: [`* OK [HIGHESTMODSEQ ${modseq}] x`] }),
  });
  const rows = (uids: readonly number[]) => ok(...uids.map(uid => row(uid, { more: ' MODSEQ (5)' })));
  const { side, server } = await scripted({
    capabilities: 'IMAP4rev1 CONDSTORE ESEARCH',
    answers: [
      { ...stand(had.length, 10), times: 1 },
      stand(left.length, 12),
      { when: /CHANGEDSINCE/, say: ok() },
      { when: /^UID SEARCH/, say: ok(`* ESEARCH (TAG "x") UID ALL ${left.join(',')}`) },
      { when: /^UID FETCH 1:/, say: rows(had), times: 1 },
      { when: /^UID FETCH 1:/, say: rows(left) },
    ],
  });
  const earlier = earlierOf(await side.snapshot(INBOX, undefined));
  let wentThroughAll = false;
  const before = server.commands.length;
  const { gone } = await side.changes(INBOX, {
    ...earlier,
    keys: () => {
      wentThroughAll = true;
      return earlier.keys();
    },
  });
  const listings = server.commands
    .slice(before)
    .filter(command => /^UID FETCH 1:\* \(UID FLAGS/.test(command));
  return { gone: gone.map(Number).sort((a, b) => a - b), wentThroughAll, listings: listings.length };
}

const UP_TO_40 = Array.from({ length: 40 }, (_, n) => n + 1);

describe('messages that went', () => {
  it.each([[[1]], [[40]], [[7, 8, 23]]])('are sought where there is no UID: %j', async went => {
    const seen = await secondLook({ had: UP_TO_40, went, uidNext: 41 });
    expect(seen).toEqual({ gone: went, wentThroughAll: false, listings: 1 });
  });

  it('are sought among all where few UIDs are there', async () => {
    const had = UP_TO_40.map(uid => 100 * uid);
    const seen = await secondLook({ had, went: [100, 2_300], uidNext: 4_001 });
    expect(seen).toEqual({ gone: [100, 2_300], wentThroughAll: true, listings: 1 });
  });

  it('are found by a whole listing where the server said too small a UIDNEXT', async () => {
    const seen = await secondLook({ had: UP_TO_40, went: [39], uidNext: 30 });
    expect(seen).toEqual({ gone: [39], wentThroughAll: false, listings: 2 });
  });
});
