import { CommandRefused } from './error-words.js';
import type { Place } from './selection.js';
import type { Session } from './session.js';
import { atom, isList, quoted, textOf } from './tokens.js';

/** Octets a message may have here (RFC 7889), or undefined without a limit. */
export async function readAppendLimit(session: Session, place: Place): Promise<number | undefined> {
  const announced = session.appendLimit;
  if (announced !== true) return announced;
  let limit: number | undefined;
  try {
    await session.command({
      effect: 'STATUS',
      target: place.mailbox,
      command: 'STATUS',
      attributes: [quoted(place.raw), [atom('APPENDLIMIT')]],
      untagged: {
        STATUS: answer => {
          const items = answer.attributes?.[1];
          const text = isList(items) ? textOf(items[1]) : undefined;
          if (text !== undefined && /^[0-9]{1,15}$/.test(text)) limit = Number(text);
        },
      },
    });
  } catch (error) {
    if (!(error instanceof CommandRefused)) throw error;
  }
  return limit;
}
