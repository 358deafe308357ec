import { compareText } from './mailbox.js';

/**
 * Flags of a message: system flags in their usual case (`\Seen`) and keywords (`$Forwarded`), sorted, each once.
 * `\Recent` is the server's own and never kept (RFC 3501 §2.3.2); nor is what could be no atom on the wire, as 8-bit keywords
 * that some servers send: no other side could be told of it. It stays where it is.
 */
export type Flags = readonly string[];

export const NO_FLAGS: Flags = [];

const SYSTEM = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'] as const;
const USUAL = new Map(
  [...SYSTEM, '$Forwarded', '$MDNSent', '$Junk', '$NotJunk', '$Phishing'].map(flag => [
    flag.toLowerCase(),
    flag,
  ]),
);

/** Whether a flag in its usual spelling is one of the five that every server knows (RFC 3501 §2.3.2). */
export function isSystemFlag(flag: string): boolean {
  return (SYSTEM as readonly string[]).includes(flag);
}

/** Flags are compared without regard to case (RFC 3501 §2.3.2); known ones get their usual spelling. */
export function usualFlag(flag: string): string {
  return USUAL.get(flag.toLowerCase()) ?? flag;
}

export function flagsFrom(raw: Iterable<string>): Flags {
  const known = new Map<string, string>();
  for (const flag of raw) {
    const usual = usualFlag(flag);
    const folded = usual.toLowerCase();
    if (folded === '\\recent' || known.has(folded)) continue;
    if (USUAL.has(folded) || isFlag(usual)) known.set(folded, usual);
  }
  return known.size === 0 ? NO_FLAGS : [...known.values()].sort(compareText);
}

export function hasFlag(flags: Flags, flag: string): boolean {
  return flags.includes(flag) || flags.some(other => other.toLowerCase() === flag.toLowerCase());
}

export function sameFlags(a: Flags, b: Flags): boolean {
  return a === b || (a.length === b.length && a.every(flag => hasFlag(b, flag)));
}

/** What `from` has and `without` has not. */
export function flagsWithout(from: Flags, without: Flags): Flags {
  return from.filter(flag => !hasFlag(without, flag));
}

export function flagsBoth(a: Flags, b: Flags): Flags {
  return a.filter(flag => hasFlag(b, flag));
}

export interface FlagDelta {
  readonly add: Flags;
  readonly remove: Flags;
}

/** What a message gets that is to be deleted and must stay for now. */
export const DELETION_MARK: FlagDelta = { add: ['\\Deleted'], remove: [] };

export function applyDelta(flags: Flags, delta: FlagDelta): Flags {
  return flagsFrom([...flagsWithout(flags, delta.remove), ...delta.add]);
}

/** Whether a flag can be an atom on the wire: a server or a plan cannot smuggle syntax through a keyword. */
export function isFlag(text: string): boolean {
  return /^\\?[!#$&'+,\-.0-9:;<=>?@A-Z[^_`a-z|}~/]{1,128}$/.test(text);
}

/**
 * A change since base that keeps a message from being deleted (DESIGN §5): \Flagged, \Answered or $Forwarded added, or
 * \Deleted removed.
 */
export function protects(base: Flags, now: Flags): boolean {
  const added = ['\\Flagged', '\\Answered', '$Forwarded'].some(
    flag => hasFlag(now, flag) && !hasFlag(base, flag),
  );
  return added || (hasFlag(base, '\\Deleted') && !hasFlag(now, '\\Deleted'));
}

/**
 * What a mailbox can store, as its server announced (PERMANENTFLAGS, RFC 3501 §7.1) or its format allows; `\*` means any
 * keyword.
 */
export type PermanentFlags = readonly string[];

export function canStore(permanent: PermanentFlags, flag: string): boolean {
  if (hasFlag(permanent, flag)) return true;
  return !flag.startsWith('\\') && permanent.includes('\\*');
}
