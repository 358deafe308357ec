import { constants, copyFileSync, mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { NO_EPOCH } from '@postern/core/model/row.js';
import { describe, expect, it } from 'vitest';
import { fileBytes, TemporaryMaildir } from './temporary-maildir.js';

const INBOX = 'INBOX' as MailboxName;
const WORK = 'Work' as MailboxName;
const OCTETS = 32 * 1024 * 1024;

const where = canShare() ? '' : ' [skipped: the file system of the temporary directory cannot]';

/** Whether files here can share their blocks (FICLONE). */
function canShare(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'postern-reflink-'));
  try {
    writeFileSync(join(directory, 'one'), 'text');
    copyFileSync(join(directory, 'one'), join(directory, 'two'), constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Octets that are taken on the disk, and the two files, after a message of 32 MiB was copied. */
async function copyLarge(copies: 'files' | 'links') {
  const maildir = await TemporaryMaildir.make();
  await maildir.side().createMailbox(WORK);
  maildir.put('cur', '1.large:2,S', fileBytes('large', `${'x'.repeat(75)}\n`.repeat(OCTETS / 76)));
  const side = maildir.side({ copies });
  const { rows } = await side.snapshot(INBOX, undefined);
  const used = () => {
    const { bsize, blocks, bfree } = statfsSync(maildir.root);
    return (blocks - bfree) * bsize;
  };
  const before = used();
  const request = { mailbox: INBOX, epoch: NO_EPOCH, to: WORK, rows: [...rows.values()] };
  const [outcome] = await side.copy(request);
  expect(outcome?.kind).toBe('done');
  const name = maildir.names('.Work/cur')[0]!;
  return {
    taken: used() - before,
    original: maildir.path('cur/1.large:2,S'),
    copy: maildir.path('.Work/cur', name),
  };
}

describe('a copied message', () => {
  it.skipIf(where !== '')(`shares its blocks on the disk with the first${where}`, async () => {
    const { taken, original, copy } = await copyLarge('files');
    expect(statSync(copy).ino).not.toBe(statSync(original).ino);
    expect(statSync(copy).size).toBe(statSync(original).size);
    expect(taken).toBeLessThan(OCTETS / 4);
  });

  it('takes no space at all as a second name', async () => {
    const { original, copy } = await copyLarge('links');
    expect(statSync(copy).ino).toBe(statSync(original).ino);
    expect(statSync(original).nlink).toBe(2);
  });
});
