/** What can be done without, slower or in parts, where a server only claims to have it. */
export const EXTENSIONS = [
  'APPENDLIMIT',
  'BINARY',
  'CONDSTORE',
  'ESEARCH',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'LITERAL+',
  'MOVE',
  'MULTIAPPEND',
  'OBJECTID',
  'SPECIAL-USE',
  'UIDPLUS',
  'UNSELECT',
  'X-GM-EXT-1',
] as const;

export type Extension = (typeof EXTENSIONS)[number];

type Capabilities = Map<string, boolean | number>;

/** Something that many servers of one kind claim and have not, or have otherwise. */
interface Quirk {
  readonly isIt: (server: { readonly greeting: string; readonly claims: Capabilities }) => boolean;
  readonly without: readonly Extension[];
}

const QUIRKS: readonly Quirk[] = [
  // iCloud answers a SEARCH RETURN of anything with COUNT (horde/Imap_Client#17).
  {
    isIt: ({ claims }) => claims.has('XAPPLELITERAL') || claims.has('X-APPLE-REMOTE-LINKS'),
    without: ['ESEARCH'],
  },
  // SmarterMail tells no HIGHESTMODSEQ of an open mailbox, and every message whatever CHANGEDSINCE says (closeio/sync-engine#504).
  { isIt: ({ greeting }) => /SmarterMail/i.test(greeting), without: ['CONDSTORE'] },
];

/** From now on the client has what its server claims but these, and but what is known of the server not to be so. */
export function disableExtensions(
  client: { readonly greeting?: string; capabilities: Capabilities },
  disabled: readonly Extension[],
): void {
  let left: Capabilities = new Map();
  Object.defineProperty(client, 'capabilities', {
    get: () => left,
    set: (claims: Capabilities) => {
      left = new Map(claims);
      const server = { greeting: client.greeting ?? '', claims };
      const quirks = QUIRKS.filter(({ isIt }) => isIt(server)).flatMap(({ without }) => without);
      for (const extension of [...disabled, ...quirks]) left.delete(extension);
      // QRESYNC includes CONDSTORE (RFC 7162 §3.2).
      if (claims.has('CONDSTORE') && !left.has('CONDSTORE')) left.delete('QRESYNC');
    },
  });
}
