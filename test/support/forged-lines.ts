import type { Plan } from '@postern/core/api/plan.js';
import { type Action, OPS } from '@postern/core/model/action.js';
import { otherSide, SIDES, type SideName } from '@postern/core/model/by-side.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import type { End } from '@postern/core/model/pair.js';
import { type Epoch, NO_EPOCH } from '@postern/core/model/row.js';
import { actionId } from '@postern/core/plan/action-id.js';
import { lineOf } from '@postern/core/plan/line.js';
import type { Random } from './random.js';
import type { Rig } from './rig.js';

interface Place {
  readonly side: SideName;
  readonly mailbox: MailboxName;
  readonly end: End;
  readonly digest: string;
  readonly size: number;
}

const FLAGS = ['\\Seen', '\\Flagged', '\\Deleted', '\\Answered', '$Label1', 'Forged'];
const ELSEWHERE = ['Forged', 'Work/Below', 'cur', 'INBOX/tmp'] as MailboxName[];

/**
 * Lines that no plan ever said, with ids that are right: what somebody writes who knows how an id is made. They speak of
 * messages and mailboxes that are there, or were.
 */
export class Forger {
  readonly #rig: Rig;
  readonly #random: Random;
  readonly #places: readonly Place[];
  readonly #mailboxes: readonly MailboxName[];

  constructor(rig: Rig, plan: Plan, random: Random) {
    this.#rig = rig;
    this.#random = random;
    const live = SIDES.flatMap(side => placesOf(rig, side));
    const known = plan.actions.flatMap(action =>
      SIDES.flatMap(side => {
        const end = action[side];
        if (end === undefined || action.message === undefined) return [];
        const { digest, size } = action.message;
        return [{ side, mailbox: action.mailbox, end, digest, size }];
      }),
    );
    this.#places = [...live, ...known];
    this.#mailboxes = [...new Set([...this.#places.map(({ mailbox }) => mailbox), ...ELSEWHERE])];
  }

  line(): string {
    const random = this.#random;
    const op = random.pick(OPS);
    const mailbox = random.pick(this.#mailboxes);
    if (op.includes('-mailbox-')) {
      const to = op.startsWith('rename') ? { to: this.#other(mailbox) } : {};
      return this.#signed({ op, mailbox, ...to, why: 'forged' });
    }
    const side: SideName = op.endsWith('-remote') || op === 'upload' ? 'remote' : 'local';
    const one = random.pick(this.#places.filter(place => place.side === side));
    const other = this.#counterpart(one);
    const where = random.chance(0.9) ? one.mailbox : mailbox;
    const { digest, size } = random.chance(0.9) ? one : other;
    const away = op.startsWith('move-') || op.startsWith('copy-');
    const to = random.chance(0.8) && other.mailbox !== where ? other.mailbox : this.#other(where);
    const source = op === 'download' || op === 'upload' ? { [otherSide(side)]: other.end } : {};
    const ends =
      Object.keys(source).length > 0 && random.chance(0.7)
        ? source
        : { [one.side]: one.end, [other.side]: other.end };
    const lines = /^(flag-|download|upload)/.test(op) ? this.#flags(op) : {};
    return this.#signed({
      op,
      mailbox: where,
      ...(away ? { to } : {}),
      ...ends,
      ...lines,
      message: { digest, size },
      why: 'forged',
    });
  }

  /** A message on the other side: usually one that looks the same. */
  #counterpart(one: Place): Place {
    const others = this.#places.filter(({ side }) => side !== one.side);
    const alike = others.filter(({ digest }) => digest === one.digest);
    return this.#random.pick(alike.length > 0 && this.#random.chance(0.8) ? alike : others);
  }

  #other(mailbox: MailboxName): MailboxName {
    return this.#random.pick(this.#mailboxes.filter(name => name !== mailbox));
  }

  #flags(op: Action['op']): Pick<Action, 'flags' | 'add' | 'remove'> {
    const [add, remove, ...flags] = this.#random.shuffled(FLAGS).slice(0, 4);
    return op.startsWith('flag-') ? { flags, add: [add!], remove: [remove!] } : { flags };
  }

  #signed(action: Omit<Action, 'id'>): string {
    return JSON.stringify(lineOf({ ...action, id: actionId(this.#rig.id, action) }));
  }
}

function placesOf(rig: Rig, side: SideName): Place[] {
  const world = rig[side];
  return [...world.mailboxes].flatMap(([mailbox, { uidValidity, messages }]) => {
    const epoch = world.keys === 'uid' ? (String(uidValidity) as Epoch) : NO_EPOCH;
    return [...messages.values()].map(({ key, identity: { digest, size } }) => ({
      side,
      mailbox,
      end: { epoch, key },
      digest,
      size,
    }));
  });
}
