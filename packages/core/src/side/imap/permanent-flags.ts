import type { PermanentFlags } from '../../model/flags.js';
import { open } from './opening.js';
import type { Selection } from './selection.js';
import type { Session } from './session.js';

/**
 * What the mailbox can store. EXAMINE tells most often nothing or an empty list, as nothing can be stored while it is
 * open for reading; then SELECT is asked once, as late as possible: it clears \Recent.
 */
export async function storable(
  session: Session,
  examined: Selection,
  earlier: PermanentFlags | undefined,
): Promise<PermanentFlags> {
  const told = examined.permanentFlags;
  if (told !== undefined && told.length > 0) return told;
  if (earlier !== undefined && earlier.length > 0) return earlier;
  const selection = await open(session, examined.place, 'write');
  return permanentFlagsOf(selection);
}

/** Without a word from the server everything can be stored (RFC 3501 §7.1), unless it opened for reading only. */
export function permanentFlagsOf(selection: Selection): PermanentFlags {
  if (selection.permanentFlags !== undefined) return selection.permanentFlags;
  return selection.readOnly ? [] : ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen', '\\*'];
}
