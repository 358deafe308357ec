import type { Action } from '@postern/core/model/action.js';
import type { SideName } from '@postern/core/model/by-side.js';
import { compareText } from '@postern/core/model/mailbox.js';
import type { World } from './notation.js';
import { type MessageBook, writeFlags, writeName } from './notation.js';
import type { SeenMessage, Stage } from './stage.js';

/** Everything both sides hold, by mailbox. */
export type Sight = Readonly<Record<SideName, ReadonlyMap<string, readonly SeenMessage[]>>>;

export async function look(stage: Stage): Promise<Sight> {
  const side = async (name: SideName) => {
    const found = new Map<string, readonly SeenMessage[]>();
    for (const mailbox of await stage[name].mailboxes())
      found.set(mailbox, await stage[name].messages(mailbox));
    return found;
  };
  return { remote: await side('remote'), local: await side('local') };
}

/** A sight in the notation of rows. */
export function worldOf(sight: Sight, book: MessageBook): World {
  const side = (name: SideName) =>
    [...sight[name]]
      .flatMap(([mailbox, messages]) =>
        messages.map(
          ({ content, flags }) =>
            `${writeName({ mailbox, name: book.nameOf(content) })} ${writeFlags(flags)}`,
        ),
      )
      .sort(compareText);
  return { remote: side('remote'), local: side('local') };
}

/** An action in the notation of rows. The message is known by its bytes where it is there, else by its header. */
export function actionWords(action: Action, sight: Sight, book: MessageBook): string {
  const conflict = action.conflict ? '!' : '';
  const op = `${action.op}${conflict}`;
  if (action.message === undefined) return `${op} ${action.mailbox}`;
  const name = writeName({ mailbox: action.mailbox, name: nameOf(action, sight, book) });
  const delta = [
    ...(action.add === undefined ? [] : [`+${writeFlags(action.add)}`]),
    ...(action.remove === undefined ? [] : [`-${writeFlags(action.remove)}`]),
  ].join('');
  const to = action.to === undefined ? [] : [action.to];
  return [op, name, ...to, ...(delta === '' ? [] : [delta])].join(' ');
}

function nameOf(action: Action, sight: Sight, book: MessageBook): string {
  const order: readonly SideName[] =
    action.op === 'upload' || action.op === 'delete-local' || action.op === 'move-local'
      ? ['local', 'remote']
      : ['remote', 'local'];
  if (action.op === 'unpair') return book.nameOfDigest(action.message?.digest ?? '');
  for (const side of order) {
    const key = action[side]?.key;
    const found = sight[side].get(action.mailbox)?.find(message => message.key === key);
    if (found !== undefined) return book.nameOf(found.content);
  }
  return book.nameOfDigest(action.message?.digest ?? '');
}
