import { PosternError } from '../../model/error.js';
import type { PermanentFlags } from '../../model/flags.js';
import type { MailboxName } from '../../model/mailbox.js';
import type { Cursor, Epoch, Listing, MessageKey, Problem, Row } from '../../model/row.js';
import { type Changes, type Earlier, SnapshotTaker, type TakeRows } from '../earlier.js';
import type {
  CopyOutcome,
  DeliveryBatch,
  FlagChange,
  FlagOutcome,
  Foreseen,
  Letter,
  Moment,
  MoveOutcome,
  Relocation,
  Removal,
  RemoveOutcome,
  Seen,
  Side,
  Sight,
  Witness,
} from '../side.js';
import { readBodies, readForeseen } from './bodies.js';
import { Connection } from './connection.js';
import { createOnServer } from './create-mailbox.js';
import { deleteOnServer } from './delete-mailbox.js';
import { ImapDelivery } from './delivery.js';
import { foresee } from './foresee.js';
import { openToDeliver } from './foreseen.js';
import { type ImapOptions, imapAddress } from './imap-options.js';
import { listMailboxes, type NamedListing } from './listing.js';
import { lookAt } from './look.js';
import { rawNameOf } from './mailbox-names.js';
import { type Before, type OpenedAhead, openAhead } from './open-ahead.js';
import { open, openAnyhow, openFresh } from './opening.js';
import { openLooked, openRecent } from './recent-look.js';
import { copyMessages, moveMessages } from './relocation.js';
import { removeMessages } from './removal.js';
import { renameOnServer } from './rename-mailbox.js';
import type { Opened, Place } from './selection.js';
import { isLoss } from './session.js';
import { takeChanges } from './snapshot.js';
import { changeFlags } from './store-flags.js';
import { subscribedNames } from './subscriptions.js';

/** An IMAP account (RFC 3501) as a side. Connects at the first call, and again after the connection was lost. */
export class ImapSide extends SnapshotTaker implements Side {
  readonly kind = 'imap';
  readonly keys = 'uid';
  readonly address: string;
  readonly #options: ImapOptions;
  readonly #connection: Connection;
  readonly #permanentFlags = new Map<MailboxName, PermanentFlags>();
  #listing: NamedListing | undefined;

  constructor(options: ImapOptions) {
    super();
    this.#options = options;
    this.#connection = new Connection(options);
    this.address = imapAddress(options);
  }

  async list(): Promise<Listing> {
    this.#listing = await this.#connection.begin(listMailboxes);
    const { entries, problems } = this.#listing;
    return { entries, problems };
  }

  async changes(
    mailbox: MailboxName,
    earlier: Earlier | undefined,
    seen?: Seen,
    take?: TakeRows,
  ): Promise<Changes> {
    const status = this.#listing?.entries.find(entry => entry.mailbox === mailbox)?.status;
    const changes = await takeChanges({
      reopen: () => this.#open(mailbox, open, 'read'),
      opened: await this.#openAhead(mailbox, { earlier, status }),
      earlier,
      seen,
      take: earlier === undefined ? take : undefined,
      clock: this.#options.clock,
      permanentFlags: this.#permanentFlags.get(mailbox),
      listedCount: status?.count,
    });
    this.#permanentFlags.set(mailbox, changes.permanentFlags);
    return changes;
  }

  /** A listing with STATUS says so of all mailboxes at once. */
  async isAsAt(_mailbox: MailboxName, _cursor: Cursor): Promise<boolean> {
    return false;
  }

  /** What is wrong with the mailbox or the connection shows in the call that follows. */
  async foresee(mailbox: MailboxName, epoch: Epoch, questions: Foreseen): Promise<void> {
    const place = await this.#place(mailbox);
    const session = await this.#connection.session();
    try {
      await foresee(session, place, epoch, questions);
    } catch (error) {
      if (!(error instanceof PosternError) || error.code === 'try-later') throw error;
    }
  }

  async look(
    mailbox: MailboxName,
    epoch: Epoch,
    keys: readonly MessageKey[],
    when: Moment = 'now',
  ): Promise<Sight> {
    const mode = when === 'to-change' ? 'write' : 'read';
    const opened = await this.#open(mailbox, when === 'now' ? openFresh : openRecent, mode);
    return lookAt(opened, epoch, keys, when);
  }

  async read(
    mailbox: MailboxName,
    epoch: Epoch,
    rows: readonly Row[],
    take: (letter: Letter) => Promise<void>,
  ): Promise<void> {
    const opened = await this.#open(mailbox, openAnyhow, 'read');
    const left = await readForeseen(opened, epoch, rows, take);
    if (left.length > 0) await readBodies(opened, epoch, left, take, () => this.#open(mailbox, open, 'read'));
  }

  async deliver(mailbox: MailboxName): Promise<DeliveryBatch> {
    const opened = await this.#open(mailbox, openToDeliver, 'write');
    const delivery = await ImapDelivery.begin(() => this.#connection.session(), opened);
    this.#permanentFlags.set(mailbox, delivery.permanentFlags);
    return delivery;
  }

  async flag(
    mailbox: MailboxName,
    epoch: Epoch,
    changes: readonly FlagChange[],
  ): Promise<readonly FlagOutcome[]> {
    if (changes.length === 0) return [];
    const opening = openLooked(changes.map(({ key }) => key));
    return changeFlags(await this.#open(mailbox, opening, 'write'), epoch, changes);
  }

  async remove(
    mailbox: MailboxName,
    epoch: Epoch,
    removals: readonly Removal[],
  ): Promise<readonly RemoveOutcome[]> {
    if (removals.length === 0) return [];
    const { deletion = 'trash' } = this.#options;
    const trash = deletion === 'trash' ? await this.#trash() : undefined;
    // A message that is moved takes its flags along, whoever set them meanwhile: only marks are guarded.
    const opening = trash === undefined ? openLooked(removals.map(({ expect }) => expect.key)) : openFresh;
    const opened = await this.#open(mailbox, opening, 'write');
    return removeMessages({ opened, epoch, removals, trash, marksOnly: deletion === 'mark' });
  }

  async move(request: Relocation): Promise<readonly MoveOutcome[]> {
    if (request.rows.length === 0) return [];
    const to = await this.#place(request.to);
    const opened = await this.#open(request.mailbox, openFresh, 'write');
    return moveMessages({ ...request, opened, to, toEpoch: request.toEpoch });
  }

  async copy(request: Relocation): Promise<readonly CopyOutcome[]> {
    if (request.rows.length === 0) return [];
    const to = await this.#place(request.to);
    const opened = await this.#open(request.mailbox, openFresh, 'read');
    return copyMessages({ ...request, opened, to, toEpoch: request.toEpoch });
  }

  async renameMailbox(mailbox: MailboxName, to: MailboxName): Promise<void> {
    const places = { from: await this.#place(mailbox), to: await this.#place(to) };
    const { separator } = (await this.#named()).style;
    const subscribed = await this.#connection.begin(subscribedNames);
    this.#forget();
    await renameOnServer(await this.#connection.session(), { ...places, separator, subscribed });
  }

  async finishRenames(): Promise<readonly Problem[]> {
    return [];
  }

  async deleteMailbox(mailbox: MailboxName): Promise<'done' | 'already'> {
    const place = await this.#place(mailbox);
    this.#forget();
    return this.#connection.begin(session => deleteOnServer(session, place));
  }

  async createMailbox(mailbox: MailboxName): Promise<'done' | 'already'> {
    const place = await this.#place(mailbox);
    return this.#connection.begin(session => createOnServer(session, place));
  }

  /** A server keeps no witness: UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ say what it is. */
  async readWitness(): Promise<false> {
    return false;
  }

  async writeWitness(_mailbox: MailboxName, _witness: Witness): Promise<void> {}

  /** What a server answered OK to is the server's to keep. */
  async makeDurable(): Promise<void> {}

  /** Nothing of a delivery is left half done on a server: APPEND is atomic (RFC 3501 §6.3.11). */
  async sweep(): Promise<void> {}

  /** Most servers let an account have a few connections only, and say so in many ways. */
  async another(): Promise<Side | undefined> {
    const { onAlert: _said, ...options } = this.#options;
    const side = new ImapSide(options);
    side.#listing = this.#listing;
    try {
      await side.#connection.session();
      return side;
    } catch (error) {
      if (error instanceof PosternError) return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Opens a mailbox as the first step of a call. */
  async #open(mailbox: MailboxName, opening: typeof open, mode: 'read' | 'write'): Promise<Opened> {
    const place = await this.#place(mailbox);
    return this.#connection.begin(async session => ({
      session,
      selection: await opening(session, place, mode),
    }));
  }

  /** Where the connection is lost meanwhile, nothing more is asked ahead (`Pace`). */
  async #openAhead(mailbox: MailboxName, before: Before): Promise<OpenedAhead> {
    const place = await this.#place(mailbox);
    const session = await this.#connection.session();
    try {
      return await openAhead(session, place, before);
    } catch (error) {
      if (!isLoss(error)) throw error;
      return { ...(await this.#open(mailbox, open, 'read')), foresight: undefined };
    }
  }

  /** Names and what was known by them do not hold any longer. */
  #forget(): void {
    this.#listing = undefined;
    this.#permanentFlags.clear();
  }

  async #named(): Promise<NamedListing> {
    this.#listing ??= await this.#connection.begin(listMailboxes);
    return this.#listing;
  }

  async #place(mailbox: MailboxName): Promise<Place> {
    const { rawNames, style } = await this.#named();
    const listed = rawNames.get(mailbox);
    if (listed !== undefined) return { mailbox, raw: listed };
    const computed = rawNameOf(mailbox, style);
    if (computed.kind === 'raw') return { mailbox, raw: computed.raw };
    throw new PosternError('server-refused', `${mailbox} cannot be on this server: ${computed.reason}`);
  }

  /** The mailbox the server marks as \Trash (RFC 6154); the one called Trash where it marks none. */
  async #trash(): Promise<Place | undefined> {
    const entries = (await this.#named()).entries.filter(({ selectable }) => selectable);
    const entry =
      entries.find(({ specialUse }) => specialUse === '\\Trash') ??
      entries.find(({ mailbox }) => mailbox === 'Trash');
    return entry === undefined ? undefined : this.#place(entry.mailbox);
  }
}
