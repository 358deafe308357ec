import { otherSide } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { sameFlags } from '../model/flags.js';
import { sameMessage } from '../model/identity.js';
import type { Row } from '../model/row.js';
import type { MoveOutcome } from '../side/side.js';
import type { Intent } from '../state/records.js';
import { contentOf } from './content-of.js';
import { Desk } from './desk.js';
import type { Journey } from './journey.js';
import { isWhole } from './pairing.js';
import { recordMove } from './record-move.js';

/** Moves whose outcome was never recorded: what they left in two mailboxes is brought to an end. One desk for each mailbox. */
export class MoveIntents {
  readonly #to: Desk;

  constructor(to: Desk) {
    this.#to = to;
  }

  /** What the message is in the mailbox it went to; undefined where none can be it. */
  find(intent: Intent): Row | undefined {
    return this.#candidates(intent)[0];
  }

  /**
   * Finishes a move that was begun: where the message is in both mailboxes, it leaves the one it was to leave. `open`: it
   * is not there (yet), or the side would not let it go.
   */
  async settle(id: string, intent: Intent): Promise<'settled' | 'open' | 'refused'> {
    const to = this.#to;
    const { side, from: origin = bug('a move that comes from nowhere') } = intent;
    if (!to.has(side) || to.epoch(side) !== intent.epoch) return 'open';
    const candidates = this.#candidates(intent);
    if (candidates.length === 0) return 'open';
    const from = await Desk.open(to.repository, origin.mailbox, to.operation);
    const journey = { from, to };
    const victim = from.row(side, origin);
    const isThere = victim !== undefined && sameMessage(victim.identity, intent.identity) !== 'no';
    for (const candidate of candidates) {
      const outcome = isThere ? await this.#finish(journey, intent, { victim, candidate }) : 'gone';
      if (outcome === 'changed') continue;
      if (outcome === 'refused') return 'refused';
      await from.begin();
      await to.begin();
      this.#record(journey, intent, {
        candidate,
        victim: victim ?? { ...candidate, key: origin.key },
        outcome,
      });
      to.clearIntent(id);
      await from.commitWith(to, { durable: true });
      await from.finish();
      return 'settled';
    }
    return 'open';
  }

  /** The one that has the place already comes first, then what no pair holds; under its own name before any other. */
  #candidates(intent: Intent): Row[] {
    const to = this.#to;
    const { side, identity, uidFrom, from } = intent;
    if (!to.has(side) || to.epoch(side) !== intent.epoch) return [];
    const partner = this.#partner(intent);
    const held = partner === undefined ? undefined : to.pairAt(otherSide(side), intent.source);
    const taken = held === undefined ? undefined : to.row(side, held[side]);
    const found = [...(taken === undefined ? [] : [taken]), ...to.unpairedRowsLike(side, identity)];
    const own = (row: Row) => Number(row.key === from?.key && to.repository.sides[side].keys === 'file');
    const alike = (row: Row) => Number(sameFlags(row.flags, partner?.flags ?? []));
    return found
      .filter(row => uidFrom === undefined || Number(row.key) >= uidFrom)
      .filter(
        ({ identity: { content } }) => content === undefined || content === (identity.content ?? content),
      )
      .sort((a, b) => own(b) - own(a) || alike(b) - alike(a));
  }

  #partner({ side, source, identity }: Intent): Row | undefined {
    const row = this.#to.row(otherSide(side), source);
    return row === undefined || sameMessage(row.identity, identity) === 'no' ? undefined : row;
  }

  async #finish(
    journey: Journey,
    { side }: Intent,
    { victim, candidate }: { readonly victim: Row; readonly candidate: Row },
  ): Promise<MoveOutcome['kind']> {
    const { from, to } = journey;
    const known = await contentOf(to, side, candidate);
    if (known === undefined || known !== (await contentOf(from, side, victim))) return 'changed';
    await from.begin();
    const [outcome] = await to.repository.sides[side].move({
      mailbox: from.mailbox,
      epoch: from.epoch(side),
      to: to.mailbox,
      toEpoch: to.epoch(side),
      rows: [victim],
      arrived: new Map([[victim.key, candidate.key]]),
    });
    return outcome?.kind ?? bug('a move without an outcome');
  }

  #record(
    journey: Journey,
    intent: Intent,
    found: {
      readonly candidate: Row;
      readonly victim: Row;
      readonly outcome: Exclude<MoveOutcome['kind'], 'changed' | 'refused'>;
    },
  ): void {
    const { from, to } = journey;
    const { side: on, from: origin } = intent;
    const pair = origin === undefined ? undefined : from.pairAt(on, origin);
    // Somebody brought the counterpart back meanwhile: base keeps it, and the next plan sees what moved.
    const other = otherSide(on);
    const isBack = pair !== undefined && from.row(other, pair[other]) !== undefined;
    const partner = this.#partner(intent);
    const held = to.pairAt(other, intent.source);
    const isTaken = held !== undefined && isWhole(to, held);
    const isMarked = found.outcome === 'marked';
    recordMove(journey, {
      on,
      outcome: isMarked ? 'marked' : 'done',
      victim: found.victim,
      arrived: found.candidate,
      partner: isTaken ? undefined : partner,
      before: isBack && !isMarked ? undefined : pair,
    });
  }
}
