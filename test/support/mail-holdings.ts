import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WireEncoder } from '@postern/core/model/line-ends.js';
import { decodeModifiedUtf7 } from '@postern/core/model/modified-utf7.js';
import type { ImapUser } from './imap-user.js';

/**
 * Every message of a side: by mailbox, a sorted list with one entry a message, `<SHA-256 of the wire form> <flags>`. Flags
 * are those that Maildir has a letter for. Two sides are the same when their holdings are equal.
 */
export type Holdings = Readonly<Record<string, readonly string[]>>;

const FLAGS: Readonly<Record<string, string>> = {
  D: '\\Draft',
  F: '\\Flagged',
  P: '$Forwarded',
  R: '\\Answered',
  S: '\\Seen',
  T: '\\Deleted',
};

/** What an account holds, as a client sees it. */
export async function accountHoldings(client: ImapUser): Promise<Holdings> {
  const known = new Set(Object.values(FLAGS));
  const holdings: Record<string, string[]> = {};
  for (const raw of await listedMailboxes(client)) {
    const messages = await client.contents(raw);
    holdings[readableName(raw)] = messages
      .map(({ bytes, flags }) =>
        entry(
          bytes,
          flags.filter(flag => known.has(flag)),
        ),
      )
      .sort();
  }
  return holdings;
}

/** The names of the mailboxes of an account that can be opened, as on the wire. */
export async function listedMailboxes(client: ImapUser): Promise<string[]> {
  const { untagged } = await client.command('LIST "" *');
  return untagged
    .filter(line => !/^LIST \([^)]*\\(?:Noselect|NonExistent)/i.test(line))
    .map(line => /^LIST \([^)]*\) (?:"[^"]*"|NIL) "?([^"]*)"?$/.exec(line)?.[1])
    .filter(name => name !== undefined)
    .sort();
}

/** What a Maildir++ holds; `cleaned` takes from a file what another program put into it. */
export function maildirHoldings(root: string, cleaned: (file: Buffer) => Buffer = file => file): Holdings {
  const holdings: Record<string, string[]> = { INBOX: filesOf(root, cleaned) };
  for (const { name } of subdirectories(root)) {
    holdings[readableName(name.slice(1).replaceAll('.', '/'))] = filesOf(join(root, name), cleaned);
  }
  return holdings;
}

/** Files in any `tmp` of a Maildir++: what deliveries left behind. */
export function leftovers(root: string): string[] {
  const mailboxes = [root, ...subdirectories(root).map(({ name }) => join(root, name))];
  return mailboxes.flatMap(path => readdirSync(join(path, 'tmp')).map(name => join(path, 'tmp', name)));
}

function subdirectories(root: string) {
  return readdirSync(root, { withFileTypes: true }).filter(
    one => one.isDirectory() && one.name.startsWith('.') && one.name !== '.postern',
  );
}

function filesOf(directory: string, cleaned: (file: Buffer) => Buffer): string[] {
  const entries: string[] = [];
  for (const part of ['cur', 'new']) {
    for (const name of readdirSync(join(directory, part))) {
      const letters = name.split(':2,')[1] ?? '';
      const flags = [...letters].map(letter => FLAGS[letter]).filter(flag => flag !== undefined);
      const file = cleaned(readFileSync(join(directory, part, name)));
      entries.push(entry(new WireEncoder().encode(file), flags));
    }
  }
  return entries.sort();
}

function entry(wire: Buffer, flags: readonly string[]): string {
  return `${createHash('sha256').update(wire).digest('hex')} ${[...flags].sort().join(' ')}`.trimEnd();
}

function readableName(raw: string): string {
  return decodeModifiedUtf7(raw) ?? raw;
}

/** A message without the line mbsync adds to the header and without the CRs it drops. */
export function asMbsyncHasIt(file: Buffer): Buffer {
  const text = file.toString('latin1');
  return Buffer.from(text.replace(/^X-TUID: [^\r\n]*\r?\n/m, '').replaceAll('\r', ''), 'latin1');
}
