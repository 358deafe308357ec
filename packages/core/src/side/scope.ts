import type { MailboxName } from '../model/mailbox.js';
import { anyPattern, type MailboxMatcher } from '../model/mailbox-pattern.js';
import { NameMap, type NameRule } from '../model/name-map.js';

/** Which mailboxes a repository is about, and what they are called. Patterns are about the names they have here. */
export interface ScopeRules {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Of the remote's mailboxes only those it is subscribed to. */
  readonly subscribed: boolean;
  readonly map: readonly NameRule[];
}

export const WHOLE_ACCOUNT: ScopeRules = { include: ['**'], exclude: [], subscribed: false, map: [] };

/** The scope of a repository while it is open. */
export class Scope {
  readonly rules: ScopeRules;
  readonly names: NameMap;
  readonly #included: MailboxMatcher;
  readonly #excluded: MailboxMatcher;
  #leftOut: ReadonlySet<MailboxName> = new Set();

  constructor(rules: ScopeRules = WHOLE_ACCOUNT) {
    this.rules = rules;
    this.names = new NameMap(rules.map);
    this.#included = anyPattern(rules.include);
    this.#excluded = anyPattern(rules.exclude);
  }

  /** The rules as one text: equal for equal rules. The state keeps it. */
  get text(): string {
    const { include, exclude, subscribed, map } = this.rules;
    const renames = map.map(({ remote, local }) => [remote, local]).sort();
    return JSON.stringify([[...include].sort(), [...exclude].sort(), subscribed, renames]);
  }

  get isWhole(): boolean {
    return this.text === new Scope().text;
  }

  /** Whether the rules want a mailbox of this name. */
  wants(mailbox: MailboxName): boolean {
    return this.#included(mailbox) && !this.#excluded(mailbox) && this.names.toRemote(mailbox) !== undefined;
  }

  /** Whether it is wanted, and the remote's listing did not leave it out. */
  includes(mailbox: MailboxName): boolean {
    return this.wants(mailbox) && !this.#leftOut.has(mailbox);
  }

  /** Notes which wanted mailboxes the remote is not subscribed to, as its newest listing says. */
  leaveOut(mailboxes: Iterable<MailboxName>): void {
    this.#leftOut = new Set(mailboxes);
  }
}

/** The rules of a text that `Scope.text` made; undefined where it is none. */
export function readScopeText(text: string): ScopeRules | undefined {
  try {
    const [include, exclude, subscribed, renames] = JSON.parse(text);
    const map = renames.map(([remote, local]: [MailboxName, MailboxName]) => ({ remote, local }));
    const rules: ScopeRules = { include, exclude, subscribed, map };
    return new Scope(rules).text === text ? rules : undefined;
  } catch {
    return undefined;
  }
}
