import { ContentHasher, type Identity } from '../../model/identity.js';
import type { MailboxName } from '../../model/mailbox.js';
import { describe } from './describe.js';
import { fetch, identityColumns, WHOLE_BODY } from './fetch.js';
import { fetchSets } from './fetch-sets.js';
import type { Session } from './session.js';
import { uidSets } from './uid-set.js';

export interface Window {
  readonly mailbox: MailboxName;
  /** Nothing below was delivered by us. */
  readonly uidFrom: number;
  /** UIDs in the window that are known to be something else. */
  readonly claimed: ReadonlySet<number>;
}

/**
 * The UIDs under which messages of these identities arrived in the open mailbox, in their order; undefined where that is
 * not certain (SAFETY §3.1). Headers are compared first; where several messages look alike their contents are.
 */
export async function findDelivered(
  session: Session,
  window: Window,
  wanted: readonly (Identity & { readonly content: string })[],
): Promise<(number | undefined)[]> {
  // Some servers show what was appended only after a NOOP.
  await session.command({ effect: 'NOOP', target: window.mailbox, command: 'NOOP' });
  const candidates = await candidatesByDigest(
    session,
    window,
    new Set(wanted.map(identity => identity.digest)),
  );
  const found = new Map<Identity, number>();
  for (const [digest, uids] of candidates) {
    const alike = wanted.filter(identity => identity.digest === digest);
    if (alike.length === 1 && uids.length === 1) found.set(alike[0]!, uids[0]!);
    else await matchByContent(session, window, { uids, alike, found });
  }
  return wanted.map(identity => found.get(identity));
}

/** `N:*` names the last message also where it is below N (RFC 3501 §6.4.8). */
async function candidatesByDigest(
  session: Session,
  { mailbox, uidFrom, claimed }: Window,
  digests: ReadonlySet<string>,
): Promise<Map<string, number[]>> {
  const byUid = new Map<number, string>();
  const request = { mailbox, set: `${uidFrom}:*`, columns: identityColumns(session) };
  await fetch(session, request, fetched => {
    const digest = describe(fetched)?.identity.digest;
    if (digest === undefined || fetched.uid < uidFrom || claimed.has(fetched.uid)) return;
    if (digests.has(digest)) byUid.set(fetched.uid, digest);
  });
  const candidates = new Map<string, number[]>();
  for (const [uid, digest] of byUid) candidates.set(digest, [...(candidates.get(digest) ?? []), uid]);
  return candidates;
}

async function matchByContent(
  session: Session,
  { mailbox }: Window,
  group: {
    readonly uids: readonly number[];
    readonly alike: readonly (Identity & { readonly content: string })[];
    readonly found: Map<Identity, number>;
  },
): Promise<void> {
  const waiting = [...group.alike];
  const seen = new Set<number>();
  await fetchSets(
    session,
    { mailbox, sets: uidSets(group.uids, { messages: 20 }), columns: WHOLE_BODY, effect: 'FETCH BODY' },
    {
      take: ({ uid, body }) => {
        if (!body || seen.has(uid) || !group.uids.includes(uid)) return;
        seen.add(uid);
        const hasher = new ContentHasher();
        hasher.update(body);
        const { content } = hasher.finish();
        const at = waiting.findIndex(identity => identity.content === content);
        if (at !== -1) group.found.set(waiting.splice(at, 1)[0]!, uid);
      },
      refused: () => {},
    },
  );
}
