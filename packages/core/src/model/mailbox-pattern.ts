import { type MailboxName, mailboxNameFault } from './mailbox.js';

/** Whether a mailbox has a name that a pattern describes. */
export type MailboxMatcher = (mailbox: MailboxName) => boolean;

/**
 * A pattern on names of mailboxes: `*` stands for any characters within a level, `**` for any characters across levels,
 * and `**` followed by a slash for any number of levels, none included. A star in a name is matched by `*`.
 */
export function mailboxPatternFault(pattern: string): string | undefined {
  return mailboxNameFault(pattern.replaceAll('*', 'x'));
}

/** A matcher that holds when any of the patterns does. Takes time in proportion to the name and the pattern. */
export function anyPattern(patterns: readonly string[]): MailboxMatcher {
  const compiled = patterns.map(compile);
  return mailbox => compiled.some(tokens => matches(tokens, mailbox));
}

/** `skip` and `levels` stand together for `**` and its slash. */
type Token =
  | { readonly kind: 'character'; readonly is: string }
  | { readonly kind: 'star' | 'stars' | 'skip' | 'levels' };

function compile(pattern: string): Token[] {
  const [first, ...rest] = pattern.split('/');
  const canonical = [first?.toUpperCase() === 'INBOX' ? 'INBOX' : first, ...rest].join('/');
  const tokens: Token[] = [];
  for (const [part] of canonical.matchAll(/(?<=^|\/)\*\*\/|\*\*+|\*|[^*]/gsu)) {
    if (part === '**/') tokens.push({ kind: 'skip' }, { kind: 'levels' });
    else if (part === '*') tokens.push({ kind: 'star' });
    else if (part.startsWith('*')) tokens.push({ kind: 'stars' });
    else tokens.push({ kind: 'character', is: part });
  }
  return tokens;
}

/** Follows all ways through the pattern at once, so that no name makes it slow. */
function matches(tokens: readonly Token[], name: string): boolean {
  let states = reachable(tokens, [0]);
  for (const character of name) {
    const next: number[] = [];
    for (const state of states) {
      const token = tokens[state];
      if (token === undefined) continue;
      if (token.kind === 'character' && token.is === character) next.push(state + 1);
      if (token.kind === 'star' && character !== '/') next.push(state);
      if (token.kind === 'stars' || token.kind === 'levels') next.push(state);
      if (token.kind === 'levels' && character === '/') next.push(state + 1);
    }
    states = reachable(tokens, next);
  }
  return states.has(tokens.length);
}

/** These states and those that are reached without a character. */
function reachable(tokens: readonly Token[], states: readonly number[]): Set<number> {
  const all = new Set(states);
  for (const state of all) {
    const kind = tokens[state]?.kind;
    if (kind === 'star' || kind === 'stars' || kind === 'skip') all.add(state + 1);
    if (kind === 'skip') all.add(state + 2);
  }
  return all;
}
