import type { Decision } from '@postern/core/merge/decision.js';
import {
  filterDecisions,
  POLICY_KINDS,
  type Policy,
  type PolicyKind,
  TWO_WAY,
} from '@postern/core/merge/policy.js';
import { otherSide, SIDES, type SideName } from '@postern/core/model/by-side.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { Pair } from '@postern/core/model/pair.js';
import type { Epoch, MessageKey, Row } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';

const A = 'A' as MailboxName;
const B = 'B' as MailboxName;
const identity = { digest: '0'.repeat(32), size: 1 };
const row: Row = { key: '1' as MessageKey, flags: [], date: 0, envelope: {}, identity };
const end = { epoch: '1' as Epoch, key: row.key };
const pair: Pair = { remote: end, local: end, flags: [], identity };
const why = 'because';

/** Every decision there is, about mailbox A (and B), writing to this side. */
function all(on: SideName) {
  const mailbox = A;
  return {
    create: { kind: 'create-mailbox', on, mailbox, why },
    remove: { kind: 'delete-mailbox', on, mailbox, why },
    rename: { kind: 'rename-mailbox', on, mailbox, to: B, why },
    fresh: { kind: 'copy', to: on, mailbox, row, why },
    restore: { kind: 'copy', to: on, mailbox, row, instead: pair, restores: true, conflict: true, why },
    duplicate: { kind: 'duplicate', on, mailbox, to: B, original: row, partner: row, why },
    flag: {
      kind: 'flag',
      on,
      mailbox,
      remote: row,
      local: row,
      source: [],
      delta: { add: ['\\Seen'], remove: [] },
      why,
    },
    move: { kind: 'move', on, mailbox, to: B, victim: row, partner: row, identity, why },
    delete: { kind: 'delete', on, mailbox, pair, row, why },
    pair: { kind: 'pair', mailbox, remote: row, local: row, why },
    unpair: { kind: 'unpair', mailbox, pair, why },
  } as const satisfies Record<string, Decision>;
}
type Name = keyof ReturnType<typeof all>;

/** What each kind forbids when it alone is off. */
const FORBIDS: Readonly<Record<PolicyKind, readonly Name[]>> = {
  new: ['fresh', 'restore', 'duplicate'],
  flags: ['flag'],
  deletes: ['remove', 'delete'],
  moves: ['move'],
  mailboxes: ['create', 'remove', 'rename'],
};

const without = (on: SideName, ...kinds: readonly PolicyKind[]): Policy => ({
  ...TWO_WAY,
  [on]: { ...TWO_WAY[on], ...Object.fromEntries(kinds.map(kind => [kind, false])) },
});

describe('a policy', () => {
  it.each(SIDES.flatMap(on => POLICY_KINDS.map(kind => [kind, on] as const)))(
    'without %s to the %s side forbids these and no others',
    (kind, on) => {
      for (const [name, decision] of Object.entries(all(on))) {
        const { decisions, withheld } = filterDecisions([decision], without(on, kind));
        const forbidden = FORBIDS[kind].includes(name as Name);
        expect([name, withheld]).toEqual([name, forbidden ? [decision] : []]);
        expect([name, decisions]).toEqual([name, forbidden ? [] : [decision]]);
        expect(filterDecisions([decision], without(otherSide(on), kind)).withheld).toEqual([]);
      }
    },
  );

  it('lets everything pass that is not forbidden, in order', () => {
    const decisions = SIDES.flatMap(on => Object.values(all(on)));
    expect(filterDecisions(decisions, TWO_WAY)).toEqual({ decisions, withheld: [], problems: [] });
  });

  it('leaves messages alone whose mailbox may not be made, and says so once', () => {
    const { create, fresh } = all('local');
    const arrives: Decision = { ...all('local').move, mailbox: B, to: A };
    const { decisions, withheld, problems } = filterDecisions(
      [create, fresh, fresh, arrives, all('remote').fresh],
      without('local', 'mailboxes'),
    );
    expect(decisions).toEqual([all('remote').fresh]);
    expect(new Set(withheld)).toEqual(new Set([create, fresh, arrives]));
    expect(problems).toEqual([
      { mailbox: A, reason: expect.stringMatching(/^not on the local side, and \[sync\.remote-to-local\]/) },
    ]);
  });

  it('leaves everything in a mailbox alone that may not be renamed', () => {
    const { rename } = all('remote');
    const { flag, delete: gone } = all('local');
    const inNew: Decision = { ...flag, mailbox: B };
    const elsewhere: Decision = { ...flag, mailbox: 'C' as MailboxName };
    const given = [rename, inNew, gone, elsewhere];
    const { decisions, problems } = filterDecisions(given, without('remote', 'mailboxes'));
    expect(decisions).toEqual([elsewhere]);
    expect(problems).toHaveLength(1);
  });

  it('empties no mailbox that may not be deleted, and deletes none whose messages stay', () => {
    const { remove, delete: gone, move } = all('local');
    expect(filterDecisions([remove, gone], without('local', 'mailboxes')).decisions).toEqual([]);
    expect(filterDecisions([remove, gone], without('local', 'deletes')).decisions).toEqual([]);
    expect(filterDecisions([remove, move, gone], without('local', 'moves')).decisions).toEqual([gone]);
    expect(filterDecisions([remove, gone], without('local', 'moves')).decisions).toEqual([remove, gone]);
  });
});
