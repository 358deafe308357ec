import type { Op } from '@postern/core/model/action.js';
import { counted } from './numbers.js';

/** Which way an op goes, as a person at the Maildir sees it. `record` writes to neither side. */
export type Direction = 'incoming' | 'outgoing' | 'record';

interface OpWords {
  readonly direction: Direction;
  /** Code in `status --porcelain`: for life (docs/reference/porcelain.md). */
  readonly code: string;
  /** Key of the count in `status --json`: for life. */
  readonly kind: string;
  readonly phrase: (count: number) => string;
}

const KINDS = {
  created: { letter: 'M', phrase: () => 'mailbox is new' },
  renamed: { letter: 'R', phrase: () => 'mailbox is renamed' },
  removed: { letter: 'X', phrase: () => 'mailbox is deleted' },
  new: { letter: 'N', phrase: (count: number) => counted(count, 'new', 'new') },
  copied: { letter: 'Y', phrase: (count: number) => counted(count, 'copied', 'copied') },
  moved: { letter: 'V', phrase: (count: number) => counted(count, 'moved', 'moved') },
  deleted: { letter: 'D', phrase: (count: number) => counted(count, 'deleted', 'deleted') },
  flags: { letter: 'F', phrase: (count: number) => counted(count, 'flag change') },
} as const;

function toLocal(kind: keyof typeof KINDS): OpWords {
  return { direction: 'incoming', code: `L${KINDS[kind].letter}`, kind, phrase: KINDS[kind].phrase };
}

function toRemote(kind: keyof typeof KINDS): OpWords {
  return { direction: 'outgoing', code: `R${KINDS[kind].letter}`, kind, phrase: KINDS[kind].phrase };
}

export const OP_WORDS: Readonly<Record<Op, OpWords>> = {
  'create-mailbox-local': toLocal('created'),
  'create-mailbox-remote': toRemote('created'),
  'rename-mailbox-local': toLocal('renamed'),
  'rename-mailbox-remote': toRemote('renamed'),
  pair: {
    direction: 'record',
    code: 'BP',
    kind: 'paired',
    phrase: count => `${counted(count, 'message')} on both sides already`,
  },
  'move-local': toLocal('moved'),
  'move-remote': toRemote('moved'),
  'copy-local': toLocal('copied'),
  'copy-remote': toRemote('copied'),
  download: toLocal('new'),
  upload: toRemote('new'),
  'flag-local': toLocal('flags'),
  'flag-remote': toRemote('flags'),
  'delete-local': toLocal('deleted'),
  'delete-remote': toRemote('deleted'),
  'delete-mailbox-local': toLocal('removed'),
  'delete-mailbox-remote': toRemote('removed'),
  unpair: {
    direction: 'record',
    code: 'BU',
    kind: 'unpaired',
    phrase: count => `${counted(count, 'pair')} to forget`,
  },
};

/** Codes of porcelain lines that are no actions. */
export const BLOCKED_CODE = '??';
