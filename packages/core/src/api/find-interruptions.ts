import { intentsByOperation } from '../apply/settle-interrupted.js';
import { otherSide, type SideName } from '../model/by-side.js';
import { sameMessage } from '../model/identity.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import { compareKeys, type MessageKey, type Row } from '../model/row.js';
import type { Intent, Operation, Settled } from '../state/records.js';
import type { Store } from '../state/store.js';

/** What the state can tell of a message that was on its way. `unknown`: that side was not looked at since. */
export type Fate = 'arrived' | 'not-there' | 'unknown';

/** A delivery, or a move, that was begun and whose end was never recorded. */
export interface InFlight {
  readonly op: 'download' | 'upload' | 'move-local' | 'move-remote';
  /** Where it goes. */
  readonly mailbox: MailboxName;
  /** Its key on the side it comes from. */
  readonly key: MessageKey;
  /** The message, where the state still has it. */
  readonly row?: Row;
  readonly seen: Fate;
}

/** An apply that did not end, or whose last answers were lost. */
export interface Interruption {
  readonly operation: string;
  /** The process died; false: it ended, and left deliveries whose answers it never got. */
  readonly cutShort: boolean;
  readonly started: number;
  readonly pid?: number;
  readonly command?: string;
  /** How many actions it was given. */
  readonly actions?: number;
  readonly inFlight: readonly InFlight[];
  /** What a later apply found out. */
  readonly settled?: Settled;
}

/**
 * Applies that were cut short and what they left in flight, oldest first; of those that were settled, the ones the last
 * apply settled. The lock is ours: an operation without an end is nobody's any more.
 */
export async function findInterruptions(store: Store): Promise<Interruption[]> {
  const intents = await intentsByOperation(store);
  const log = await store.all('log', '');
  const last = [...log.keys()].at(-1);
  const fetched = (await store.get('meta', '', 'repository'))?.fetched ?? 0;
  const arrivals = new Arrivals(store);
  const found: Interruption[] = [];
  for (const [operation, record] of withUnknown(log, intents)) {
    const open = intents.get(operation) ?? [];
    const { ended, settled, started, pid, command, actions } = record;
    const cutShort = ended === undefined;
    const isOpen = open.length > 0 || (cutShort && settled === undefined);
    if (!isOpen && (settled === undefined || settled.by !== last)) continue;
    const inFlight: InFlight[] = [];
    const inOrder = [...open].sort(
      (a, b) => compareText(a.mailbox, b.mailbox) || compareKeys(a.source.key, b.source.key),
    );
    for (const intent of inOrder) inFlight.push(await inFlightOf(store, intent, { fetched, arrivals }));
    found.push({
      operation,
      cutShort,
      started,
      ...(pid === undefined ? {} : { pid }),
      ...(command === undefined ? {} : { command }),
      ...(actions === undefined ? {} : { actions }),
      inFlight,
      ...(settled === undefined ? {} : { settled }),
    });
  }
  return found;
}

/** The log, and operations it has no more whose deliveries are open all the same. */
function* withUnknown(
  log: ReadonlyMap<string, Operation>,
  intents: ReadonlyMap<string, readonly Intent[]>,
): Generator<readonly [string, Operation]> {
  for (const [operation, [first]] of intents) {
    if (!log.has(operation) && first !== undefined) yield [operation, { started: first.begun }];
  }
  yield* log;
}

interface Sight {
  /** When the remote was looked at last. */
  readonly fetched: number;
  readonly arrivals: Arrivals;
}

async function inFlightOf(store: Store, intent: Intent, sight: Sight): Promise<InFlight> {
  const { side, mailbox, source, from } = intent;
  const row = await store.get(otherSide(side), mailbox, source.key);
  return {
    op: from === undefined ? (side === 'local' ? 'download' : 'upload') : `move-${side}`,
    mailbox,
    key: source.key,
    ...(row === undefined ? {} : { row }),
    seen: await fateOf(store, intent, sight),
  };
}

/** Told from the last look at that side, and from nothing else: the next apply asks it. */
async function fateOf(store: Store, intent: Intent, { fetched, arrivals }: Sight): Promise<Fate> {
  const { side, mailbox, epoch, key, begun } = intent;
  if (side === 'remote' && fetched <= begun) return 'unknown';
  const record = await store.get('mailbox', '', mailbox);
  if (record?.sides[side]?.cursor.epoch !== epoch) return 'not-there';
  if (key !== undefined) return (await store.get(side, mailbox, key)) === undefined ? 'not-there' : 'arrived';
  return (await arrivals.take(intent)) ? 'arrived' : 'not-there';
}

/** Messages that no pair holds, each of which can be one arrival only. */
class Arrivals {
  readonly #store: Store;
  readonly #free = new Map<string, Row[]>();

  constructor(store: Store) {
    this.#store = store;
  }

  async take({ side, mailbox, uidFrom, identity }: Intent): Promise<boolean> {
    const free = await this.#freeIn(side, mailbox);
    const at = free.findIndex(
      row =>
        sameMessage(row.identity, identity) !== 'no' && (uidFrom === undefined || Number(row.key) >= uidFrom),
    );
    if (at !== -1) free.splice(at, 1);
    return at !== -1;
  }

  async #freeIn(side: SideName, mailbox: MailboxName): Promise<Row[]> {
    const name = `${side}\0${mailbox}`;
    const known = this.#free.get(name);
    if (known !== undefined) return known;
    const pairs = await this.#store.all('pair', mailbox);
    const paired = new Set([...pairs.values()].map(pair => pair[side].key));
    const rows = [...(await this.#store.all(side, mailbox)).values()].filter(row => !paired.has(row.key));
    this.#free.set(name, rows);
    return rows;
  }
}

/** How many messages were in flight altogether. */
export function countInFlight(interruptions: readonly Interruption[]): number {
  return interruptions.reduce((sum, { inFlight }) => sum + inFlight.length, 0);
}
