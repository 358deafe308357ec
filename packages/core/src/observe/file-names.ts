import type { SideName } from '../model/by-side.js';
import type { MailboxName } from '../model/mailbox.js';
import type { MessageKey } from '../model/row.js';
import type { Familiar, FamiliarChange } from '../side/earlier.js';
import { FamiliarNames, namesOfText, textOfNames } from '../side/familiar-names.js';
import type { FileNames } from '../state/records.js';
import type { Change, Store } from '../state/store.js';

/** In smaller mailboxes the rows themselves are read as fast. */
const WORTH_A_LIST = 300;
/** So many characters of names that came or went are kept beside the list of all before it is written anew. */
const MOST_SINCE = 1 << 16;
/** A longer list is more than what it spares (and than what an export has room for): 400,000 names. */
const LONGEST_LIST = 1 << 25;
/** So many messages in doubt are as good as all. */
const MOST_DOUBTED = 2_000;

/** The files that the rows of the local side describe; undefined where no list is known to fit the rows. */
export async function loadFamiliar(store: Store, mailbox: MailboxName): Promise<Familiar | undefined> {
  const since = await fitting(store, mailbox, await store.fingerprint('local', mailbox));
  const all = since && (await store.get('files', mailbox, 'all'));
  if (since === undefined || all === undefined || all.stamp !== since.of) return undefined;
  const { place, looked, doubted } = since;
  return { place, looked, names: namesOf(all, since), doubted };
}

/** Notes what a look at the mailbox said of its files, after its rows were written. */
export async function noteFamiliar(
  store: Store,
  mailbox: MailboxName,
  change: FamiliarChange,
): Promise<void> {
  const write = (changes: readonly Change[]) => store.write(changes, { durable: false });
  const none: Change[] = [{ clear: 'files', mailbox }];
  if ((await store.count('local', mailbox)) < WORTH_A_LIST) {
    if ((await store.count('files', mailbox)) > 0) await write(none);
    return;
  }
  const { place, looked } = change;
  const stamp = await store.fingerprint('local', mailbox);
  const header = { stamp, place, looked, doubted: [] };
  const asAll = (all: Iterable<string>) => {
    const names = textOfNames([...all].sort());
    if (names.length > LONGEST_LIST) return write(none);
    return write([
      { put: 'files', mailbox, key: 'all', value: { ...header, names, gone: '' } },
      { put: 'files', mailbox, key: 'since', value: { ...header, names: '', gone: '', of: stamp } },
    ]);
  };
  if ('all' in change) return asAll(change.all);
  const before = await store.get('files', mailbox, 'since');
  if (before === undefined) return;
  const gone = new Set([...namesOfText(before.gone), ...change.gone]);
  const added = new Set(namesOfText(before.names));
  for (const name of change.gone) added.delete(name);
  for (const name of change.added) added.add(name);
  const value = { ...before, ...header, names: textOfNames(added), gone: textOfNames(gone) };
  if (value.names.length + value.gone.length <= MOST_SINCE) {
    return write([{ put: 'files', mailbox, key: 'since', value }]);
  }
  const all = await store.get('files', mailbox, 'all');
  if (all !== undefined) await asAll(namesOf(all, value).set());
}

/** The list of a mailbox's files while an apply changes its rows: it goes on fitting them, less those that changed. */
export class FamiliarKeeper {
  readonly #store: Store;
  readonly #mailbox: MailboxName;
  readonly #doubted = new Set<MessageKey>();
  /** What the rows add up to, as long as nobody else changed any. */
  #stamp: string | undefined;
  #first: string | undefined;
  #isSuspect = false;

  constructor(store: Store, mailbox: MailboxName) {
    this.#store = store;
    this.#mailbox = mailbox;
  }

  /** Goes on from the rows as they are now. */
  async begin(): Promise<void> {
    this.#first = await this.#now();
    this.#stamp = this.#first;
  }

  /** The row of this message is dropped, or says other flags. */
  doubt(side: SideName, key: MessageKey): void {
    if (side === 'local') this.#doubted.add(key);
  }

  /** Something else is there than the row of this message says: the next look has to see it, whatever the directories say. */
  suspect(side: SideName, key: MessageKey): void {
    this.doubt(side, key);
    this.#isSuspect ||= side === 'local';
  }

  /** Writes rows of the mailbox, as the only one who does. */
  async during(write: () => Promise<void>): Promise<void> {
    const isOurs = this.#stamp !== undefined && this.#stamp === (await this.#now());
    await write();
    this.#stamp = isOurs ? await this.#now() : undefined;
  }

  /** What the apply leaves to the next look, after its last write. */
  async changes(): Promise<Change[]> {
    return [...(await this.#listChanges()), ...(this.#isSuspect ? await this.#stampChanges() : [])];
  }

  /** Without a stamp the directories prove nothing. */
  async #stampChanges(): Promise<Change[]> {
    const mailbox = this.#mailbox;
    const record = await this.#store.get('mailbox', '', mailbox);
    if (record?.sides.local === undefined) return [];
    const { stamp: _stamp, ...cursor } = record.sides.local.cursor;
    const sides = { ...record.sides, local: { ...record.sides.local, cursor } };
    return [{ put: 'mailbox', mailbox: '', key: mailbox, value: { ...record, sides } }];
  }

  /** What makes the list fit the rows again. */
  async #listChanges(): Promise<Change[]> {
    const [first, stamp, mailbox] = [this.#first, this.#stamp, this.#mailbox];
    if (first === undefined || stamp === undefined || (stamp === first && this.#doubted.size === 0))
      return [];
    const since = await fitting(this.#store, mailbox, first);
    if (since === undefined) return [];
    const doubted = [...new Set([...since.doubted, ...this.#doubted])];
    if (doubted.length > MOST_DOUBTED) return [];
    return [{ put: 'files', mailbox, key: 'since', value: { ...since, stamp, doubted } }];
  }

  #now(): Promise<string> {
    return this.#store.fingerprint('local', this.#mailbox);
  }
}

/** What is known since the list of all was written, where it fits rows that add up to this. */
async function fitting(store: Store, mailbox: MailboxName, stamp: string): Promise<FileNames | undefined> {
  if ((await store.count('files', mailbox)) === 0) return undefined;
  const since = await store.get('files', mailbox, 'since');
  return since?.stamp === stamp ? since : undefined;
}

function namesOf(all: FileNames, since: FileNames): FamiliarNames {
  return new FamiliarNames(all.names, namesOfText(since.gone), namesOfText(since.names));
}
