import { randomUUID } from 'node:crypto';
import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../../support/dovecot.js';
import { ImapUser } from '../../support/imap-user.js';
import { readAll } from '../../support/letters.js';
import { message } from '../../support/messages.js';

describe.skipIf(dovecotMissing())(withDovecot('a Dovecot whose files are not what their names say'), () => {
  let server: Dovecot;
  beforeAll(async () => {
    server = await startDovecot();
  });
  afterAll(() => server?.stop());

  it('PV-15: hands out all other messages, although it hangs up on the one', async () => {
    const user = `u${randomUUID()}`;
    const client = await ImapUser.login(server.port, user, server.password);
    for (let number = 0; number < 6; number++)
      await client.append('INBOX', message({ subject: `m${number}`, body: 'text\r\n'.repeat(100) }));
    await client.logout();
    const parts = ['cur', 'new'].map(part => join(server.mailDir(user), part));
    const box = parts.find(part => readdirSync(part).length > 0)!;
    const name = readdirSync(box).sort()[2]!;
    renameSync(join(box, name), join(box, name.replace(/S=\d+/, 'S=90').replace(/W=\d+/, 'W=90')));
    const side = new ImapSide({
      host: '127.0.0.1',
      port: server.port,
      user,
      password: async () => server.password,
      tls: 'none',
      seam: openSeam,
      clock: systemClock,
    });
    const { rows, cursor, unreadable } = await side.snapshot(INBOX, undefined);
    expect(rows.size).toBe(5);
    expect([...unreadable.values()]).toEqual([expect.stringContaining('Internal error occurred')]);
    const bodies = await readAll(side, INBOX, cursor.epoch, rows.values());
    expect(bodies.size).toBe(5);
    await side.close();
  });
});
