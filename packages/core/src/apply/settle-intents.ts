import { agreedFlags } from '../model/agreed-flags.js';
import { otherSide, SIDES } from '../model/by-side.js';
import { PosternError } from '../model/error.js';
import { sameFlags } from '../model/flags.js';
import { sameMessage } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import { isEdited, type Pair } from '../model/pair.js';
import type { Row } from '../model/row.js';
import type { Intent } from '../state/records.js';
import type { Repository } from '../state/repository.js';
import { contentOf } from './content-of.js';
import { Desk } from './desk.js';
import { MoveIntents } from './move-intents.js';

/** How long after a lost answer a delivery is not repeated: the server may still be about to commit it. */
const GRACE = 10 * 60 * 1000;
/** How long a server gets to commit what a process that died had sent. */
const PATIENCE = 5 * 1000;

export interface SettledIntents {
  /** Deliveries that had happened: base knows them now. */
  readonly found: number;
  /** Deliveries that had not happened. */
  readonly dropped: number;
  /** `mailbox NUL key` of sources whose delivery may still happen: not delivered again in this run. */
  readonly inDoubt: ReadonlySet<string>;
}

/**
 * Finds out what became of deliveries and moves whose outcome was never recorded (SAFETY §3.1, §3.2, §3.4). The snapshots must
 * be fresh. What is found is paired, and a move that stopped half-way is finished; what is not found is forgotten, unless its
 * answer was lost a short while ago.
 */
export async function settleIntents(repository: Repository, operation: string): Promise<SettledIntents> {
  const inDoubt = new Set<string>();
  let found = 0;
  let dropped = 0;
  for (const name of await repository.store.partitions('intent')) {
    const mailbox = name as MailboxName;
    const intents = await repository.store.all('intent', mailbox);
    const doubt = (open: Iterable<Intent>) => {
      for (const intent of open) inDoubt.add(`${mailbox}\0${intent.source.key}`);
    };
    try {
      const desk = await Desk.open(repository, mailbox, operation);
      const settling = new MailboxIntents(desk);
      const open = await settleMailbox(settling, desk, intents);
      doubt(open);
      await desk.finish();
      found += settling.found;
      dropped += intents.size - settling.found - open.length;
    } catch (error) {
      // What cannot be looked at stays open; the other mailboxes go on.
      if (!(error instanceof PosternError) || error.code !== 'mailbox-unreadable') throw error;
      doubt(intents.values());
    }
  }
  return { found, dropped, inDoubt };
}

/** Returns the intents that stay open, because their answer was lost a short while ago. */
async function settleMailbox(
  settling: MailboxIntents,
  desk: Desk,
  intents: ReadonlyMap<string, Intent>,
): Promise<Intent[]> {
  const { repository, mailbox } = desk;
  let open = await settling.settle(intents);
  const mayCome = (intent: Intent) =>
    repository.sides[intent.side].keys === 'uid' && intent.key === undefined && intent.lost === undefined;
  if ([...open.values()].some(mayCome)) {
    await repository.clock.sleep(PATIENCE);
    for (const side of SIDES) {
      if ([...open.values()].some(intent => intent.side === side) && desk.has(side)) await desk.refresh(side);
    }
    open = await settling.settle(open);
  }
  const waiting: Intent[] = [...settling.refused];
  const now = repository.clock.now();
  for (const [id, intent] of open) {
    if (intent.lost !== undefined && now - intent.lost < GRACE) {
      waiting.push(intent);
      // The clock was set back since: the wait begins anew rather than last until that time comes again.
      if (intent.lost > now) desk.putIntent(id, { ...intent, lost: now });
      continue;
    }
    if (intent.key !== undefined && desk.has(intent.side)) {
      await repository.sides[intent.side].sweep(mailbox, [intent.key]);
    }
    desk.clearIntent(id);
  }
  return waiting;
}

class MailboxIntents {
  readonly #desk: Desk;
  found = 0;
  /** Moves that are half done, and that the side does not let be finished. */
  readonly refused: Intent[] = [];

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Pairs what is found and returns the rest. */
  async settle(intents: ReadonlyMap<string, Intent>): Promise<Map<string, Intent>> {
    const open = new Map<string, Intent>();
    for (const [id, intent] of intents) {
      if (intent.from !== undefined) {
        await this.#settleMove(id, intent, open);
        continue;
      }
      const row = await this.#find(intent);
      if (row === undefined) {
        open.set(id, intent);
        continue;
      }
      await this.#desk.begin();
      this.#pair(intent, row);
      this.#desk.clearIntent(id);
      if (intent.key !== undefined)
        await this.#desk.repository.sides[intent.side].sweep(intent.mailbox, [intent.key]);
      this.found++;
    }
    return open;
  }

  async #settleMove(id: string, intent: Intent, open: Map<string, Intent>): Promise<void> {
    const fate = await new MoveIntents(this.#desk).settle(id, intent);
    if (fate === 'settled') this.found++;
    else if (fate === 'open') open.set(id, intent);
    else this.refused.push(intent);
  }

  async #find(intent: Intent): Promise<Row | undefined> {
    const { side } = intent;
    const desk = this.#desk;
    if (!desk.has(side) || !desk.has(otherSide(side)) || desk.epoch(side) !== intent.epoch) return undefined;
    const other = otherSide(side);
    const source = desk.row(other, intent.source);
    if (source === undefined || sameMessage(source.identity, intent.identity) === 'no') return undefined;
    const held = desk.pairAt(other, intent.source);
    const partner = held === undefined ? undefined : desk.row(side, held[side]);
    // A pair whose content was changed in place is what the delivery was to replace.
    if (held !== undefined && partner !== undefined) {
      if (!isEdited(held, other, source) && !isEdited(held, side, partner)) return undefined;
    }
    if (intent.key !== undefined) {
      const row = desk.row(side, { epoch: intent.epoch, key: intent.key });
      const free =
        row !== undefined && desk.pairAt(side, { epoch: intent.epoch, key: row.key }) === undefined;
      return free ? row : undefined;
    }
    return this.#search(intent);
  }

  /** The window search: messages that came in since the intent, in UID order, by identity and then by content. */
  async #search(intent: Intent): Promise<Row | undefined> {
    const { side } = intent;
    const source = this.#desk.row(otherSide(side), intent.source);
    const candidates = this.#desk.unpairedRowsLike(side, intent.identity);
    // Of twins the one with its own flags, so that no twin hands its flags to another.
    const own = candidates.filter(row => sameFlags(row.flags, source?.flags ?? []));
    for (const row of [...own, ...candidates.filter(row => !own.includes(row))]) {
      if (intent.uidFrom !== undefined && Number(row.key) < intent.uidFrom) continue;
      if (row.identity.content !== undefined || intent.identity.content === undefined) return row;
      if ((await contentOf(this.#desk, intent.side, row)) === intent.identity.content) return row;
    }
    return undefined;
  }

  #pair(intent: Intent, row: Row): void {
    const { side } = intent;
    const other = otherSide(side);
    const source = this.#desk.row(other, intent.source);
    if (source === undefined) return;
    const rows = { [side]: row, [other]: source } as Record<'remote' | 'local', Row>;
    const ends = {
      [side]: { epoch: intent.epoch, key: row.key },
      [other]: intent.source,
    } as unknown as Pick<Pair, 'remote' | 'local'>;
    this.#desk.putPair({
      ...ends,
      flags: agreedFlags([], { remote: rows.remote.flags, local: rows.local.flags }, this.#desk.permanent()),
      identity: rows.local.identity,
      ...(rows.remote.identity.digest === rows.local.identity.digest
        ? {}
        : { remoteDigest: rows.remote.identity.digest }),
    });
  }
}
