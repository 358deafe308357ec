import { PosternError } from '../../model/error.js';
import { quotedText } from './bulk/command-text.js';
import { type BulkCommand, type Done, Failed } from './bulk/pipeline.js';
import { readStatusLine } from './bulk/status-line.js';
import { Opening } from './opening.js';
import type { Place, Selection } from './selection.js';
import type { Session } from './session.js';

/** A mailbox that was opened, and what became of the questions that went along. */
export interface OpenedWith {
  readonly selection: Selection;
  readonly answers: readonly (Done | Failed)[];
  /**
   * Nothing was said of the questions before the mailbox was open, nothing came or went meanwhile, and every line was readable: the answers are as
   * good as if asked afterwards.
   */
  readonly isOneMoment: boolean;
}

export interface Questions {
  readonly asked: readonly BulkCommand[];
  /** Whether an answer to one of them has come. */
  readonly isHeard: () => boolean;
}

/**
 * Opens a mailbox and asks about it in the same write (RFC 3501 §5.5). Undefined where that cannot be; nothing was sent then. Throws
 * `mailbox-unreadable` where it is not opened, and `try-later` where the server wants to be left alone.
 */
export async function openWith(
  session: Session,
  place: Place,
  mode: 'read' | 'write',
  { asked, isHeard }: Questions,
): Promise<OpenedWith | undefined> {
  const { mailbox, raw } = place;
  const name = quotedText(raw);
  if (name === undefined) return undefined;
  const { faults, selection: before } = session;
  const opening = new Opening(session, place, mode);
  let selection: Selection | undefined;
  // Nothing can be said of a mailbox before it is open.
  let isInOrder = true;
  const inOrder = (command: BulkCommand): BulkCommand => ({
    ...command,
    done: () => {
      isInOrder &&= selection !== undefined;
    },
  });
  const open: BulkCommand = {
    effect: opening.verb,
    target: mailbox,
    text: `${opening.verb} ${name}`,
    line: text => opening.hear(readStatusLine(text)?.code),
    exists: messages => opening.count(messages),
    done: ({ code }) => {
      isInOrder &&= !isHeard();
      selection = opening.finish(code);
    },
  };
  const results = await session.pipeline([open, ...asked.map(inOrder)]);
  if (results === undefined) {
    session.selection = before;
    return undefined;
  }
  const [opened, ...answers] = results;
  if (selection === undefined || opened instanceof Failed) throw opening.failure((opened as Failed).error);
  for (const answer of answers) if (answer instanceof Failed && isTryLater(answer.error)) throw answer.error;
  const isOneMoment = isInOrder && selection.changes === 0 && session.faults === faults;
  return { selection, answers, isOneMoment };
}

function isTryLater(error: unknown): boolean {
  return error instanceof PosternError && error.code === 'try-later';
}
