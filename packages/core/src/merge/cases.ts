import type { SideName } from '../model/by-side.js';

/** What became of one end of a pair since base. */
export const CHANGES = ['same', 'flags', 'protected', 'edited', 'gone', 'unreadable'] as const;

/**
 * - `same`: nothing.
 * - `flags`: flags changed, none of which protects.
 * - `protected`: \Flagged, \Answered or $Forwarded added, or \Deleted removed.
 * - `edited`: other bytes under the same key.
 * - `gone`: proven absent.
 * - `unreadable`: there, but it could not be read.
 */
export type Change = (typeof CHANGES)[number];

/**
 * What to do with a pair.
 *
 * - `none`; `flags`: merge flags one by one; `unpair`: forget the pair; `wait`: leave it until it can be read.
 * - `delete`: the message is deleted on the side named.
 * - `restore`: a conflict; the message is copied again to the side named.
 * - `split`: a conflict; each side gets what the other one has now, as a new message.
 */
export type Verdict =
  | { readonly kind: 'none' | 'flags' | 'unpair' | 'wait' | 'split' }
  | { readonly kind: 'delete' | 'restore'; readonly on: SideName };

const none: Verdict = { kind: 'none' };
const flags: Verdict = { kind: 'flags' };
const unpair: Verdict = { kind: 'unpair' };
const wait: Verdict = { kind: 'wait' };
const split: Verdict = { kind: 'split' };
const deleteOn = {
  remote: { kind: 'delete', on: 'remote' },
  local: { kind: 'delete', on: 'local' },
} as const;
const restoreOn = {
  remote: { kind: 'restore', on: 'remote' },
  local: { kind: 'restore', on: 'local' },
} as const;

/** THE case table: `PAIR_CASES[remote change][local change]`. docs/design/merge.md shows it; a test compares them. */
export const PAIR_CASES: Readonly<Record<Change, Readonly<Record<Change, Verdict>>>> = {
  same: { same: none, flags, protected: flags, edited: split, gone: deleteOn.remote, unreadable: wait },
  flags: { same: flags, flags, protected: flags, edited: split, gone: deleteOn.remote, unreadable: wait },
  protected: { same: flags, flags, protected: flags, edited: split, gone: restoreOn.local, unreadable: wait },
  edited: {
    same: split,
    flags: split,
    protected: split,
    edited: split,
    gone: restoreOn.local,
    unreadable: wait,
  },
  gone: {
    same: deleteOn.local,
    flags: deleteOn.local,
    protected: restoreOn.remote,
    edited: restoreOn.remote,
    gone: unpair,
    unreadable: wait,
  },
  unreadable: { same: wait, flags: wait, protected: wait, edited: wait, gone: wait, unreadable: wait },
};

/** A verdict in one word and a side, as tables and tests print it. */
export function verdictWords(verdict: Verdict): string {
  return 'on' in verdict ? `${verdict.kind}-${verdict.on}` : verdict.kind;
}
