import type { SideName } from '@postern/core/model/by-side.js';
import { unreachable } from '@postern/core/model/error.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { type Pair, pairKey } from '@postern/core/model/pair.js';
import type { MessageKey, Row, Snapshot } from '@postern/core/model/row.js';
import type {
  Intent,
  Kind,
  MailboxRecord,
  Operation,
  RecordKinds,
  RepositoryRecord,
} from '@postern/core/state/records.js';

/** A record that verified, with its place. */
export interface SoundRecord {
  readonly kind: Kind;
  readonly mailbox: string;
  readonly key: string;
  readonly value: unknown;
}

/**
 * What the sound records of a state say, each for itself. Whether they are all, and the latest ones, is another question:
 * see `isSealed`.
 */
export class Evidence {
  owner: RepositoryRecord | undefined;
  readonly records = new Map<string, MailboxRecord>();
  readonly logs = new Map<string, Operation>();
  readonly intents = new Map<string, Map<string, Intent>>();
  readonly #pairs = new Map<string, Pair[]>();
  readonly #rows = {
    remote: new Map<string, Map<string, Row>>(),
    local: new Map<string, Map<string, Row>>(),
  };
  readonly #unsealed = new Set<string>();
  #sound = true;

  /** Takes a record in; `misplaced` when its content belongs under another key. */
  add({ kind, mailbox, key, value }: SoundRecord): 'taken' | 'misplaced' {
    const due = keyOf(kind, value as RecordKinds[Kind]);
    if (due !== undefined && due !== key) {
      this.unseal(kind, mailbox);
      return 'misplaced';
    }
    switch (kind) {
      case 'meta':
        this.owner = value as RepositoryRecord;
        break;
      case 'mailbox':
        this.records.set(key, value as MailboxRecord);
        break;
      case 'log':
        this.logs.set(key, value as Operation);
        break;
      case 'intent':
        inside(this.intents, mailbox).set(key, value as Intent);
        break;
      case 'pair': {
        const known = this.#pairs.get(mailbox);
        if (known === undefined) this.#pairs.set(mailbox, [value as Pair]);
        else known.push(value as Pair);
        break;
      }
      case 'remote':
      case 'local':
        inside(this.#rows[kind], mailbox).set(key, value as Row);
    }
    return 'taken';
  }

  /** Records of this set are missing, or are not those that were written. */
  unseal(kind: Kind, mailbox: string): void {
    this.#unsealed.add(`${kind}\0${mailbox}`);
  }

  /** Nothing in here is more than a hint. */
  doubt(): void {
    this.#sound = false;
  }

  get isSound(): boolean {
    return this.#sound;
  }

  /** The set of records is complete and as it was written last. */
  isSealed(kind: Kind, mailbox: string): boolean {
    return this.#sound && !this.#unsealed.has(`${kind}\0${mailbox}`);
  }

  pairs(mailbox: string): readonly Pair[] {
    return this.#pairs.get(mailbox) ?? [];
  }

  /** Mailboxes that something is known of. */
  mailboxes(): Iterable<MailboxName> {
    return new Set([...this.records.keys(), ...this.#pairs.keys()]) as Set<MailboxName>;
  }

  get hasPairs(): boolean {
    return this.#pairs.size > 0;
  }

  rows(side: SideName, mailbox: string): ReadonlyMap<string, Row> {
    return this.#rows[side].get(mailbox) ?? new Map();
  }

  /** The last snapshot of a side; undefined where it has no such mailbox. */
  snapshot(side: SideName, mailbox: MailboxName): Snapshot | undefined {
    const known = this.records.get(mailbox)?.sides[side];
    if (known === undefined) return undefined;
    return {
      mailbox,
      cursor: known.cursor,
      permanentFlags: known.permanentFlags,
      rows: this.rows(side, mailbox) as Snapshot['rows'],
      unreadable: new Map(Object.entries(known.unreadable ?? {}) as [MessageKey, string][]),
    };
  }

  /** A row of the live side, with the content hash an earlier one is known to have: UIDs and stamps do not change hands. */
  withContent(side: SideName, live: Snapshot, row: Row): Row {
    if (row.identity.content !== undefined) return row;
    if (this.records.get(live.mailbox)?.sides[side]?.cursor.epoch !== live.cursor.epoch) return row;
    const known = this.rows(side, live.mailbox).get(row.key)?.identity;
    if (known?.content === undefined) return row;
    if (known.digest !== row.identity.digest || known.size !== row.identity.size) return row;
    return { ...row, identity: { ...row.identity, content: known.content } };
  }
}

/** The key a record belongs under; undefined for kinds whose keys are not in their content. */
function keyOf(kind: Kind, value: RecordKinds[Kind]): string | undefined {
  switch (kind) {
    case 'meta':
      return 'repository';
    case 'mailbox':
      return (value as MailboxRecord).mailbox;
    case 'pair':
      return pairKey(value as Pair);
    case 'remote':
    case 'local':
      return (value as Row).key;
    case 'intent':
    case 'log':
    case 'digests':
    case 'files':
      return undefined;
    default:
      return unreachable(kind);
  }
}

function inside<T>(maps: Map<string, Map<string, T>>, name: string): Map<string, T> {
  const known = maps.get(name) ?? new Map<string, T>();
  maps.set(name, known);
  return known;
}
