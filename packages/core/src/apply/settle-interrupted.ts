import { otherSide } from '../model/by-side.js';
import type { Intent, Operation, Settled } from '../state/records.js';
import type { Repository } from '../state/repository.js';
import type { Change, Store } from '../state/store.js';
import { type SettledIntents, settleIntents } from './settle-intents.js';

export interface SettledInterruptions extends SettledIntents {
  /** Earlier operations whose record now says what became of them. */
  readonly operations: number;
}

/**
 * Settles what earlier operations left in flight, and notes in their records what became of it. An operation without an end
 * was cut short: the lock is ours, so nobody is at it any more.
 */
export async function settleInterrupted(
  repository: Repository,
  operation: string,
): Promise<SettledInterruptions> {
  const { store, clock } = repository;
  const before = await intentsByOperation(store);
  const settled = await settleIntents(repository, operation);
  const after = await intentsByOperation(store);
  const changes: Change[] = [];
  for (const [key, value] of await store.all('log', '')) {
    if (key === operation) continue;
    const mine = before.get(key) ?? [];
    const isNew = value.ended === undefined && value.settled === undefined;
    if (mine.length === 0 && !isNew) continue;
    const fates = await fatesOf(store, mine, after.get(key) ?? []);
    changes.push({
      put: 'log',
      mailbox: '',
      key,
      value: { ...value, settled: together(value, { by: operation, at: clock.now(), ...fates }) },
    });
  }
  if (changes.length > 0) await store.write(changes, { durable: false });
  return { ...settled, operations: changes.length };
}

/** What is in flight, by the operation that sent it. */
export async function intentsByOperation(store: Store): Promise<ReadonlyMap<string, readonly Intent[]>> {
  const found = new Map<string, Intent[]>();
  for (const mailbox of await store.partitions('intent')) {
    for (const intent of (await store.all('intent', mailbox)).values()) {
      const known = found.get(intent.operation);
      if (known === undefined) found.set(intent.operation, [intent]);
      else known.push(intent);
    }
  }
  return found;
}

/** What is open no more was found, if base has it now, or had not happened. */
async function fatesOf(
  store: Store,
  before: readonly Intent[],
  after: readonly Intent[],
): Promise<Pick<Settled, 'found' | 'undone' | 'open'>> {
  const open = new Set(after.map(nameOf));
  let found = 0;
  let undone = 0;
  for (const mailbox of new Set(before.map(intent => intent.mailbox))) {
    const closed = before.filter(intent => intent.mailbox === mailbox && !open.has(nameOf(intent)));
    if (closed.length === 0) continue;
    const paired = new Set<string>();
    for (const pair of (await store.all('pair', mailbox)).values()) {
      for (const side of ['remote', 'local'] as const) paired.add(endName(side, pair[side]));
    }
    for (const { side, source } of closed) {
      if (paired.has(endName(otherSide(side), source))) found++;
      else undone++;
    }
  }
  return { found, undone, open: open.size };
}

function nameOf({ side, mailbox, source }: Intent): string {
  return `${mailbox}\0${endName(side, source)}`;
}

function endName(side: string, { epoch, key }: Intent['source']): string {
  return `${side}\0${epoch}:${key}`;
}

/** What was in doubt the last time is settled bit by bit. */
function together({ settled }: Operation, now: Settled): Settled {
  if (settled === undefined) return now;
  return { ...now, found: settled.found + now.found, undone: settled.undone + now.undone };
}
