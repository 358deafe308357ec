import { type Flags, NO_FLAGS } from '@postern/core/model/flags.js';
import type { Identity } from '@postern/core/model/identity.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { Pair } from '@postern/core/model/pair.js';
import { type Epoch, type MessageKey, NO_EPOCH, type Row, type Snapshot } from '@postern/core/model/row.js';

export const EPOCH = '1700000001' as Epoch;

export interface RowParts {
  readonly digest?: string;
  readonly messageId?: string | false;
  readonly size?: number;
  readonly content?: string;
  readonly flags?: Flags;
}

/** A row of this key. Unless told otherwise it has a Message-ID and a digest made of `digest`, and no content. */
export function row(key: string, parts: RowParts = {}): Row {
  const { digest = 'd', messageId = `<${digest}>`, size = 100, content, flags = NO_FLAGS } = parts;
  const identity: Identity = {
    ...(messageId === false ? {} : { messageId }),
    digest,
    size,
    ...(content === undefined ? {} : { content }),
  };
  return { key: key as MessageKey, flags, date: 0, identity, envelope: {} };
}

export function snapshot(
  side: 'remote' | 'local',
  rows: readonly Row[],
  parts: Partial<Snapshot> = {},
): Snapshot {
  return {
    mailbox: INBOX,
    cursor: { epoch: side === 'remote' ? EPOCH : NO_EPOCH, count: rows.length },
    permanentFlags: ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen', '$Forwarded'],
    rows: new Map(rows.map(one => [one.key, one])),
    unreadable: new Map(),
    ...parts,
  };
}

export function pair(remote: string, local: string, parts: RowParts & Partial<Pair> = {}): Pair {
  const { flags = NO_FLAGS, weak } = parts;
  return {
    remote: { epoch: EPOCH, key: remote as MessageKey },
    local: { epoch: NO_EPOCH, key: local as MessageKey },
    flags,
    identity: row('', parts).identity,
    ...(weak === undefined ? {} : { weak }),
  };
}
