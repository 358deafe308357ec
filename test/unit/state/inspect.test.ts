import { openSeam } from '@postern/core/model/effect.js';
import { type InspectFilter, inspect } from '@postern/core/state/inspect.js';
import type { AnyLevel } from '@postern/core/state/level.js';
import { LevelStore } from '@postern/core/state/level-store.js';
import { MemoryLevel } from 'memory-level';
import { beforeEach, describe, expect, it } from 'vitest';
import { mailboxOf, pairOf, putRow, rowOf } from '../../contract/store.js';

let store: LevelStore;

beforeEach(async () => {
  const level = new MemoryLevel<string, string>() as unknown as AnyLevel;
  store = await LevelStore.create(level, { seam: openSeam, id: '0'.repeat(32) });
  await store.write(
    [
      putRow('Sent', rowOf('2')),
      putRow('INBOX', rowOf('10')),
      putRow('INBOX', rowOf('9')),
      { put: 'pair', mailbox: 'INBOX', key: '7:9', value: pairOf('9', 'a') },
      { put: 'mailbox', mailbox: '', key: 'Sent', value: mailboxOf('Sent') },
      { put: 'mailbox', mailbox: '', key: 'INBOX', value: mailboxOf('INBOX') },
      { put: 'log', mailbox: '', key: 'op', value: { started: 1 } },
    ],
    { durable: false },
  );
});

async function shown(filter?: InspectFilter): Promise<string[]> {
  const lines: string[] = [];
  for await (const { kind, mailbox, key, value } of inspect(store, filter)) {
    lines.push(`${kind} ${mailbox} ${key}`);
    expect(JSON.parse(JSON.stringify(value))).toEqual(value);
  }
  return lines;
}

describe('inspecting a state', () => {
  it('shows every record as plain JSON, in a stable order', async () => {
    expect(await shown()).toEqual([
      'mailbox  INBOX',
      'mailbox  Sent',
      'pair INBOX 7:9',
      'remote INBOX 10',
      'remote INBOX 9',
      'remote Sent 2',
      'log  op',
    ]);
  });

  it('can be held to a kind and to a mailbox, with the record about the mailbox', async () => {
    expect(await shown({ kind: 'log' })).toEqual(['log  op']);
    expect(await shown({ mailbox: 'Sent' })).toEqual(['mailbox  Sent', 'remote Sent 2']);
    expect(await shown({ kind: 'pair', mailbox: 'Sent' })).toEqual([]);
  });
});
