import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { MaildirSide } from '@postern/core/side/maildir/maildir-side.js';
import { MaildirUser } from '../support/maildir-user.js';
import { describeSide, type OpenedSide, type SideAbilities } from './side.js';

async function open(layout: 'maildir++' | 'fs', seam: Seam = openSeam): Promise<OpenedSide> {
  const parent = mkdtempSync(join(tmpdir(), 'postern-maildir-'));
  const root = join(parent, 'Mail');
  const user = new MaildirUser(root, layout);
  for (const part of ['cur', 'new', 'tmp'])
    mkdirSync(join(user.directory('INBOX'), part), { recursive: true });
  let serial = 0;
  const start = (next: Seam) =>
    new MaildirSide({
      root,
      layout,
      repository: 'r1',
      position: 'local',
      seam: next,
      clock: systemClock,
      random: () => `random${++serial}`,
    });
  return {
    side: start(seam),
    user: {
      add: async (mailbox, bytes, flags) => user.add(mailbox, bytes, flags),
      remove: async (mailbox, key) => user.remove(mailbox, key),
      addFlag: async (mailbox, key, flag) => user.addFlag(mailbox, key, flag),
    },
    reopen: async (next = openSeam) => start(next),
    cleanup: async () => rmSync(parent, { recursive: true, force: true }),
  };
}

const abilities: SideAbilities = {
  keys: 'file',
  witness: true,
  removal: 'attic',
  alters: [],
  names: ['dot.ted', 'cur', 'new/tmp', 'postern', 'sla\\2fsh', 'back\\5cslash', '.hidden'],
};

for (const layout of ['maildir++', 'fs'] as const) {
  describeSide(`Maildir, layout ${layout}`, abilities, seam => open(layout, seam));
}
