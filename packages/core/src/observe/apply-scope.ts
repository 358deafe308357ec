import { PosternError } from '../model/error.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import { readScopeText, Scope } from '../side/scope.js';
import { HINTS } from '../state/hints.js';
import type { Kind, RepositoryRecord } from '../state/records.js';
import type { Repository } from '../state/repository.js';
import type { Change, Store } from '../state/store.js';

/** The kinds of records that are about the messages of one mailbox. */
const OF_MAILBOXES: readonly Kind[] = ['pair', 'remote', 'local', 'intent', ...HINTS];

/**
 * Brings the state in line with the configured scope, before anything is observed: what it has of mailboxes that left the
 * scope, or that are called otherwise on the remote now, is forgotten in one batch. Nothing is deleted on a side, and a
 * mailbox that comes back is matched anew. The remote has to be fetched again before anything is planned, for nothing is
 * known of what came into scope. Returns the names of mailboxes that were forgotten, sorted.
 */
export async function applyScope(repository: Repository): Promise<readonly MailboxName[]> {
  const { store, scope = new Scope() } = repository;
  const meta = await ownerIn(store);
  const whole = new Scope().text;
  if (scope.rules.subscribed) scope.leaveOut(meta.leftOut ?? []);
  if ((meta.scope ?? whole) === scope.text) return [];
  const rules = meta.scope === undefined ? new Scope().rules : readScopeText(meta.scope);
  const before = rules === undefined ? undefined : new Scope(rules);
  const { scope: _scope, fetched: _fetched, leftOut, ...rest } = meta;
  return forget(store, {
    mailboxes: mailbox =>
      !scope.includes(mailbox) || before?.names.toRemote(mailbox) !== scope.names.toRemote(mailbox),
    meta: {
      ...rest,
      ...(scope.text === whole ? {} : { scope: scope.text }),
      ...(scope.rules.subscribed && leftOut !== undefined ? { leftOut } : {}),
    },
  });
}

/** The same for what a listing left out: forgotten from now on, until a listing brings it again. */
export async function forgetLeftOut(
  { store }: Repository,
  leftOut: readonly MailboxName[],
): Promise<readonly MailboxName[]> {
  const meta = await ownerIn(store);
  const sorted = [...leftOut].sort(compareText);
  const same = sorted.join('\0') === (meta.leftOut ?? []).join('\0');
  if (same) return [];
  const out = new Set(leftOut);
  return forget(store, { mailboxes: mailbox => out.has(mailbox), meta: { ...meta, leftOut: sorted } });
}

async function ownerIn(store: Store): Promise<RepositoryRecord> {
  const meta = await store.get('meta', '', 'repository');
  if (meta !== undefined) return meta;
  throw new PosternError('state-damaged', 'the state does not say which repository it belongs to', {
    hint: 'run: postern fsck',
  });
}

async function forget(
  store: Store,
  wish: { readonly mailboxes: (mailbox: MailboxName) => boolean; readonly meta: RepositoryRecord },
): Promise<readonly MailboxName[]> {
  const changes: Change[] = [];
  const forgotten = new Set<MailboxName>();
  for (const kind of OF_MAILBOXES) {
    for (const mailbox of (await store.partitions(kind)) as MailboxName[]) {
      if (!wish.mailboxes(mailbox)) continue;
      changes.push({ clear: kind, mailbox });
      forgotten.add(mailbox);
    }
  }
  for (const { mailbox } of (await store.all('mailbox', '')).values()) {
    if (!wish.mailboxes(mailbox)) continue;
    changes.push({ del: 'mailbox', mailbox: '', key: mailbox });
    forgotten.add(mailbox);
  }
  changes.push({ put: 'meta', mailbox: '', key: 'repository', value: wish.meta });
  await store.write(changes, { durable: true });
  return [...forgotten].sort(compareText);
}
