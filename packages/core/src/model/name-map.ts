import { INBOX, type MailboxName, toMailboxName } from './mailbox.js';

/** One rule: the mailbox `remote`, and those below it, are called `local` here, and the same below it. */
export interface NameRule {
  readonly remote: MailboxName;
  readonly local: MailboxName;
}

/** Why rules cannot be kept together, or undefined when they can. */
export function nameRulesFault(rules: readonly NameRule[]): string | undefined {
  const owners = { remote: new Map<MailboxName, NameRule>(), local: new Map<MailboxName, NameRule>() };
  for (const rule of rules) {
    if (rule.remote === INBOX || rule.local === INBOX) return 'INBOX keeps its name on both sides';
    for (const side of ['remote', 'local'] as const) {
      const other = owners[side].get(rule[side]);
      if (other !== undefined) {
        return side === 'local'
          ? `"${other.remote}" and "${rule.remote}" would both be called "${rule.local}"`
          : `"${rule.remote}" is named twice`;
      }
      owners[side].set(rule[side], rule);
    }
  }
  return undefined;
}

/**
 * Names on the remote and here, one to one by construction: a name that does not come back as itself has no counterpart.
 * Of several rules the one with the longest name counts.
 */
export class NameMap {
  readonly #rules: readonly NameRule[];

  constructor(rules: readonly NameRule[]) {
    this.#rules = rules;
  }

  /** What a mailbox of the remote is called here; undefined where that name belongs to another one. */
  fromRemote(name: MailboxName): MailboxName | undefined {
    const local = this.#renamed(name, 'remote', 'local');
    return local !== undefined && this.#renamed(local, 'local', 'remote') === name ? local : undefined;
  }

  /** What a mailbox is called on the remote; undefined where no mailbox there would be called so here. */
  toRemote(name: MailboxName): MailboxName | undefined {
    const remote = this.#renamed(name, 'local', 'remote');
    return remote !== undefined && this.#renamed(remote, 'remote', 'local') === name ? remote : undefined;
  }

  #renamed(name: MailboxName, from: keyof NameRule, to: keyof NameRule): MailboxName | undefined {
    let best: NameRule | undefined;
    for (const rule of this.#rules) {
      const fits = name === rule[from] || name.startsWith(`${rule[from]}/`);
      if (fits && rule[from].length > (best?.[from].length ?? 0)) best = rule;
    }
    return best === undefined ? name : toMailboxName(best[to] + name.slice(best[from].length));
  }
}
