import { INBOX, type MailboxName, toMailboxName } from '../../model/mailbox.js';
import { safeSegment } from './file-errors.js';
import { LONGEST_NAME } from './file-name.js';
import { type Octets, octetsOfText, pathBytes } from './octets.js';

/** What the name of a directory in the attic says. */
export interface AtticDirectory {
  readonly operation: string;
  /** Absent where it was too long for the name. */
  readonly mailbox?: MailboxName;
  /** When the operation began; milliseconds since the epoch. */
  readonly began: number;
}

/**
 * The directory for what an operation removes from a mailbox: `<operation>` for INBOX, else `<operation>@<mailbox>` with
 * everything but letters, digits, `.`, `_` and `-` as `=XX`. A name too long for that leaves nothing after the `@`.
 */
export function atticDirectoryName(operation: string, mailbox: MailboxName): Octets {
  const start = safeSegment(operation);
  if (mailbox === INBOX) return start as Octets;
  const escaped = octetsOfText(mailbox).replace(
    /[^A-Za-z0-9._-]/g,
    octet => `=${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  const name = `${start}@${escaped}`;
  return (name.length <= LONGEST_NAME ? name : `${start}@`) as Octets;
}

/** The inverse; undefined for a name that no operation gave to a directory. */
export function readAtticDirectoryName(name: Octets): AtticDirectory | undefined {
  const parts =
    /^((\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[A-Za-z0-9]{1,32})(?:@((?:[A-Za-z0-9._-]|=[0-9A-F]{2})*))?$/.exec(
      name,
    );
  if (parts === null) return undefined;
  const [, operation, year, month, day, hour, minute, second, escaped] = parts;
  const began = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(began)) return undefined;
  if (escaped === undefined) return { operation: operation!, mailbox: INBOX, began };
  const octets = escaped.replace(/=(..)/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  ) as Octets;
  const mailbox = toMailboxName(pathBytes(octets).toString('utf8'));
  return { operation: operation!, ...(mailbox === undefined ? {} : { mailbox }), began };
}
