import { execFileSync } from 'node:child_process';
import { chownSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { INBOX } from '@postern/core/model/mailbox.js';
import { NO_EPOCH } from '@postern/core/model/row.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { done } from '../../contract/side/opened-side.js';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../../support/dovecot.js';
import { ImapUser } from '../../support/imap-user.js';
import { deliverAll, letter } from '../../support/letters.js';
import { message } from '../../support/messages.js';
import { sideOn } from './temporary-maildir.js';

describe.skipIf(dovecotMissing())(withDovecot('keywords on a Maildir that Dovecot serves'), () => {
  let server: Dovecot;
  beforeAll(async () => {
    server = await startDovecot();
  });
  afterAll(() => server.stop());

  /** Files that a test running as root wrote are handed to the user Dovecot runs as. */
  function handOver(root: string): void {
    const { uid, gid } = statSync(root);
    if (process.geteuid?.() === 0 && uid !== 0) execFileSync('chown', ['-R', `${uid}:${gid}`, root]);
    else chownSync(root, uid, gid);
  }

  it('mean the same to both, whoever sets them first', async () => {
    const user = await ImapUser.login(server.port, 'both', server.password);
    const uid = await user.append(
      INBOX,
      message({ id: 'theirs' }),
      ['\\Seen', 'FromDovecot', '$Forwarded'],
      new Date(0),
    );
    const root = server.mailDir('both');
    const side = sideOn(root);
    const first = [...(await side.snapshot(INBOX, undefined)).rows.values()];
    expect(first.map(({ flags }) => flags)).toEqual([['$Forwarded', 'FromDovecot', '\\Seen']]);
    await side.flag(INBOX, NO_EPOCH, [{ key: first[0]!.key, add: ['FromPostern'], remove: ['$Forwarded'] }]);
    done((await deliverAll(side, INBOX, [letter(message({ id: 'ours' }), { flags: ['FromPostern'] })]))[0]);
    handOver(root);
    await user.command(`SELECT ${INBOX}`);
    const { untagged } = await user.command('FETCH 1:* (UID FLAGS)');
    expect(untagged.find(line => line.includes(`UID ${uid} `))).toMatch(
      /FLAGS \(\\Seen (?:\\Recent )?FromDovecot FromPostern\)/,
    );
    expect(untagged.find(line => !line.includes(`UID ${uid} `))).toContain('FromPostern');
    await user.command(`UID STORE ${uid} +FLAGS (Third)`);
    const flags = [...(await side.snapshot(INBOX, undefined)).rows.values()].map(row => row.flags);
    expect(flags).toContainEqual(['FromDovecot', 'FromPostern', 'Third', '\\Seen']);
    expect(server.log()).not.toMatch(/dovecot-keywords.*(Invalid|Duplicate|Corrupted)/i);
    expect(statSync(join(root, 'dovecot-keywords')).isFile()).toBe(true);
    await user.logout();
  });
});
