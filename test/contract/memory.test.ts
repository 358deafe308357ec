import type { Seam } from '@postern/core/model/effect.js';
import { type MailboxName, mailboxName } from '@postern/core/model/mailbox.js';
import { Scope, WHOLE_ACCOUNT } from '@postern/core/side/scope.js';
import { ScopedSide } from '@postern/core/side/scoped-side.js';
import { MemorySide, type MemorySideOptions } from '../support/memory-side.js';
import { MemoryWorld } from '../support/memory-world.js';
import { describeSide, type OpenedSide, type SideAbilities } from './side.js';

async function open(
  keys: 'uid' | 'file',
  seam: Seam | undefined,
  options: MemorySideOptions = {},
): Promise<OpenedSide> {
  const world = new MemoryWorld(keys);
  const start = (next?: Seam) => new MemorySide(world, { ...options, ...(next ? { seam: next } : {}) });
  if (options.trash !== undefined) world.createMailbox(options.trash);
  return {
    side: start(seam),
    user: {
      add: async (mailbox, bytes, flags) => world.add(mailbox, bytes, flags),
      remove: async (mailbox, key) => world.remove(mailbox, key),
      addFlag: async (mailbox, key, flag) => world.flag(mailbox, key, { add: [flag] }),
      ...(keys === 'uid' ? { renew: async mailbox => world.setUidValidity(mailbox) } : {}),
    },
    reopen: async next => start(next),
    cleanup: async () => {},
  };
}

/** The account with other names than the side shows, and a mailbox that it does not show. */
async function openScoped(seam: Seam | undefined): Promise<OpenedSide> {
  const rules = [{ remote: mailboxName('Elsewhere/Work'), local: mailboxName('Work') }];
  const scope = new Scope({ ...WHOLE_ACCOUNT, exclude: ['Hidden'], map: rules });
  const opened = await open('uid', seam);
  await (await opened.reopen()).createMailbox(mailboxName('Hidden'));
  const there = (mailbox: MailboxName) => scope.names.toRemote(mailbox) ?? mailbox;
  const { user } = opened;
  return {
    ...opened,
    side: new ScopedSide(opened.side, scope, 'remote'),
    user: {
      add: (mailbox, bytes, flags) => user.add(there(mailbox), bytes, flags),
      remove: (mailbox, key) => user.remove(there(mailbox), key),
      addFlag: (mailbox, key, flag) => user.addFlag(there(mailbox), key, flag),
      renew: async mailbox => user.renew?.(there(mailbox)),
    },
    reopen: async next => new ScopedSide(await opened.reopen(next), scope, 'remote'),
  };
}

const uid: SideAbilities = {
  keys: 'uid',
  witness: false,
  removal: 'expunge',
  alters: [],
  names: ['dot.ted', 'cur', 'sla\\2fsh'],
};

describeSide('memory, as an IMAP server', uid, seam => open('uid', seam));

describeSide('memory, as an IMAP server without UIDPLUS', { ...uid, removal: 'mark' }, seam =>
  open('uid', seam, { withoutUidplus: true }),
);

describeSide('memory, as an IMAP server without CONDSTORE', uid, seam =>
  open('uid', seam, { withoutCondstore: true }),
);

describeSide('memory, as an IMAP server with Trash', { ...uid, removal: 'trash' }, seam =>
  open('uid', seam, { trash: 'Trash' }),
);

describeSide('memory, as a Maildir', { ...uid, keys: 'file', witness: true, removal: 'attic' }, seam =>
  open('file', seam),
);

describeSide('memory, seen through a scope', uid, openScoped);
