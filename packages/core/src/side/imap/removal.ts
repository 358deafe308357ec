import { PosternError } from '../../model/error.js';
import { sameFlags } from '../../model/flags.js';
import { ContentHasher } from '../../model/identity.js';
import type { Epoch, MessageKey, Row } from '../../model/row.js';
import type { Removal, RemoveOutcome } from '../side.js';
import { readBodies } from './bodies.js';
import { CommandRefused } from './error-words.js';
import { fetchSets, UID_ONLY } from './fetch.js';
import { goneOf, liveRows } from './look.js';
import { demandEpoch, type Opened, type Place } from './selection.js';
import type { Session } from './session.js';
import { type Attribute, atom, quoted, sequence, textOf } from './tokens.js';
import { expandUidSet, keyOf, type UidSet, uidOf, uidSets } from './uid-set.js';

const REMOVED_AT_ONCE = 1_000;

export interface RemovalRequest {
  readonly opened: Opened;
  readonly epoch: Epoch;
  readonly removals: readonly Removal[];
  /** Where removed messages go; undefined where they are expunged. */
  readonly trash: Place | undefined;
}

/**
 * Removes messages: each is looked at first and left alone when it is not the expected one. Only these UIDs are ever
 * expunged; where the server cannot do that (no UIDPLUS, RFC 4315) they are marked \Deleted and stay.
 */
export async function removeMessages(request: RemovalRequest): Promise<readonly RemoveOutcome[]> {
  const { epoch, removals } = request;
  const { selection } = request.opened;
  demandEpoch(selection, epoch);
  const outcomes = new Map<MessageKey, RemoveOutcome>();
  if (selection.readOnly) {
    return removals.map(() => ({ kind: 'refused', reason: 'the server opens the mailbox for reading only' }));
  }
  const live = await verify(request, outcomes);
  const remover = new Remover(request, live, outcomes);
  for (const set of uidSets(live.keys(), { messages: REMOVED_AT_ONCE })) await remover.remove(set);
  return removals.map(
    ({ expect }) =>
      outcomes.get(expect.key) ?? { kind: 'refused', reason: 'the server does not describe it' },
  );
}

/** The messages that are what the caller expects, as they are now; what is settled already goes to `outcomes`. */
async function verify(
  { opened, epoch, removals }: RemovalRequest,
  outcomes: Map<MessageKey, RemoveOutcome>,
): Promise<Map<number, Row>> {
  const { session, selection } = opened;
  const keys = removals.map(({ expect }) => expect.key);
  const rows = await liveRows(session, selection.place.mailbox, keys);
  for (const key of await goneOf(session, selection, keys, rows)) outcomes.set(key, { kind: 'gone' });
  const contents = await contentsOf(opened, epoch, contentQuestions(removals, rows));
  const live = new Map<number, Row>();
  for (const removal of removals) {
    const { key } = removal.expect;
    const row = rows.get(key);
    if (row === undefined) continue;
    const reason = difference(removal, row, contents.get(key));
    if (reason === undefined) live.set(uidOf(key)!, row);
    else outcomes.set(key, { kind: 'changed', reason });
  }
  return live;
}

/** Contents are compared where the caller asks for it, and where sizes differ and the content is known. */
function contentQuestions(removals: readonly Removal[], rows: ReadonlyMap<MessageKey, Row>): Row[] {
  return removals.flatMap(({ expect, content }) => {
    const row = rows.get(expect.key);
    if (row === undefined || row.identity.digest !== expect.identity.digest) return [];
    const doubtful = row.identity.size !== expect.identity.size && expect.identity.content !== undefined;
    return content !== undefined || doubtful ? [row] : [];
  });
}

async function contentsOf(
  opened: Opened,
  epoch: Epoch,
  rows: readonly Row[],
): Promise<Map<MessageKey, string>> {
  const contents = new Map<MessageKey, string>();
  if (rows.length === 0) return contents;
  await readBodies(opened, epoch, rows, async letter => {
    const hasher = new ContentHasher();
    for await (const chunk of letter.chunks) hasher.update(chunk);
    contents.set(letter.key, hasher.finish().content);
  });
  return contents;
}

/** In what a message is not the expected one, or undefined when it is. */
function difference({ expect, content }: Removal, row: Row, seen: string | undefined): string | undefined {
  if (row.identity.digest !== expect.identity.digest) return 'it is another message now';
  if (row.identity.messageId !== expect.identity.messageId) return 'its Message-ID is another one now';
  if (!sameFlags(row.flags, expect.flags)) {
    return `its flags are ${row.flags.join(' ') || 'none'} now, expected were ${expect.flags.join(' ') || 'none'}`;
  }
  if (content !== undefined && seen === undefined) return 'its content cannot be read to compare it';
  const known = content ?? (seen === undefined ? undefined : expect.identity.content);
  return seen !== undefined && known !== undefined && seen !== known
    ? 'its content is another one now'
    : undefined;
}

/** Removes verified messages of the open mailbox, set by set. */
class Remover {
  readonly #session: Session;
  readonly #place: Place;
  readonly #trash: Place | undefined;
  readonly #live: ReadonlyMap<number, Row>;
  readonly #outcomes: Map<MessageKey, RemoveOutcome>;

  constructor(
    request: RemovalRequest,
    live: ReadonlyMap<number, Row>,
    outcomes: Map<MessageKey, RemoveOutcome>,
  ) {
    this.#session = request.opened.session;
    this.#place = request.opened.selection.place;
    this.#trash = request.trash?.raw === this.#place.raw ? undefined : request.trash;
    this.#live = live;
    this.#outcomes = outcomes;
  }

  async remove(set: UidSet): Promise<void> {
    try {
      if (this.#trash !== undefined && this.#session.has('MOVE')) await this.#move(set, this.#trash);
      else if (this.#trash !== undefined) await this.#copyAndExpunge(set, this.#trash);
      else await this.#expunge(set, undefined);
    } catch (error) {
      if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
      this.#settle(set.uids, { kind: 'refused', reason: `the server refused it: ${error.words}` });
    }
  }

  /** RFC 6851. */
  async #move(set: UidSet, trash: Place): Promise<void> {
    await this.#transfer('MOVE', set, trash);
    const left = await this.#stillThere(set);
    for (const uid of set.uids) {
      const outcome: RemoveOutcome = left.has(uid)
        ? { kind: 'refused', reason: 'the server said it moved it, but it is still there' }
        : { kind: 'done', where: trash.mailbox };
      this.#settle([uid], outcome);
    }
  }

  /** Nothing is marked before the server has confirmed the copies (SAFETY §3.4). */
  async #copyAndExpunge(set: UidSet, trash: Place): Promise<void> {
    await this.#transfer('COPY', set, trash);
    await this.#expunge(set, trash.mailbox);
  }

  async #transfer(verb: 'MOVE' | 'COPY', set: UidSet, to: Place): Promise<void> {
    await this.#session.command({
      effect: verb,
      target: this.#place.mailbox,
      command: `UID ${verb}`,
      attributes: [sequence(set.text), quoted(to.raw)],
      progress: false,
    });
  }

  async #expunge(set: UidSet, where: string | undefined): Promise<void> {
    const changed = await this.#mark(set);
    this.#settle(
      set.uids.filter(uid => changed.has(uid)),
      { kind: 'changed', reason: 'it was changed while it was about to be removed' },
    );
    const marked = set.uids.filter(uid => !changed.has(uid));
    if (marked.length === 0) return;
    if (!this.#session.has('UIDPLUS')) {
      this.#settle(marked, { kind: 'marked' });
      return;
    }
    try {
      for (const part of uidSets(marked)) {
        await this.#session.command({
          effect: 'UID EXPUNGE',
          target: this.#place.mailbox,
          command: 'UID EXPUNGE',
          attributes: [sequence(part.text)],
          progress: false,
        });
      }
    } catch (error) {
      // A server that announced UIDPLUS and does not know the command: never a bare EXPUNGE instead.
      if (!(error instanceof CommandRefused) || error.code === 'try-later') throw error;
    }
    const left = await this.#stillThere({ text: '', uids: marked });
    for (const uid of marked) {
      const done: RemoveOutcome = { kind: 'done', ...(where === undefined ? {} : { where }) };
      this.#settle([uid], left.has(uid) ? { kind: 'marked' } : done);
    }
  }

  /** Sets \Deleted, where the server can only on messages that are as we saw them; returns those that are not. */
  async #mark(set: UidSet): Promise<Set<number>> {
    const attributes: Attribute[] = [sequence(set.text)];
    const since = this.#newest(set);
    if (since !== undefined) attributes.push([atom('UNCHANGEDSINCE'), atom(since)]);
    attributes.push(atom('+FLAGS.SILENT'), [atom('\\Deleted')]);
    const { code } = await this.#session.command({
      effect: 'STORE',
      target: this.#place.mailbox,
      command: 'UID STORE',
      attributes,
    });
    if (code?.name !== 'MODIFIED') return new Set();
    const modified = expandUidSet(textOf(code.values[0]) ?? '', set.uids.length);
    if (modified !== undefined) return new Set(modified);
    throw new PosternError(
      'server-refused',
      `the server did not say which messages of ${this.#place.mailbox} changed`,
    );
  }

  /** Whatever changes from now on gets a higher mod-sequence than all we have seen (RFC 7162 §3.1). */
  #newest(set: UidSet): string | undefined {
    if (!this.#session.condstore) return undefined;
    let newest: bigint | undefined;
    for (const uid of set.uids) {
      const modseq = this.#live.get(uid)?.modseq;
      if (modseq === undefined) return undefined;
      const value = BigInt(modseq);
      if (newest === undefined || value > newest) newest = value;
    }
    return newest?.toString();
  }

  async #stillThere(set: UidSet): Promise<Set<number>> {
    const left = new Set<number>();
    const { mailbox } = this.#place;
    await fetchSets(
      this.#session,
      { mailbox, sets: uidSets(set.uids), columns: UID_ONLY },
      { take: ({ uid }) => void left.add(uid), refused: () => {} },
    );
    return left;
  }

  #settle(uids: readonly number[], outcome: RemoveOutcome): void {
    for (const uid of uids) this.#outcomes.set(keyOf(uid), outcome);
  }
}
