import { readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImapUser } from '../test/support/imap-user.js';
import type { SyncOptions } from './programs.js';
import type { World } from './world.js';

/** What happens between two syncs. */
export interface Work {
  readonly name: string;
  /** Does it to one or both sides, and says how many messages both should hold after the next sync. */
  change(world: World, messages: number): Promise<number>;
  /** How the next sync is to be run. */
  readonly sync?: SyncOptions;
}

/** How much of each; a smaller spool has smaller works. */
export interface Amounts {
  readonly added: number;
  readonly flagged: number;
  readonly deleted: number;
  /** Moved, and uploaded. */
  readonly many: number;
}

export function worksOf({ added, flagged, deleted, many }: Amounts): readonly Work[] {
  return [
    { name: 'nothing changed', change: async (_world, messages) => messages },
    {
      name: `${added} new, ${flagged} flags, ${deleted} deleted, both sides`,
      change: async (world, messages) => {
        const half = { added: added / 2, flagged: flagged / 2, deleted: deleted / 2 };
        await changeOnServer(world, half);
        changeLocally(world, half);
        return messages + 2 * Math.floor(half.added) - 2 * Math.floor(half.deleted);
      },
    },
    {
      name: `${many} moved on the server`,
      change: async (world, messages) => {
        const client = await login(world);
        await client.command('CREATE Moved');
        await client.command('SELECT INBOX');
        await client.command(`MOVE 1:${many} Moved`);
        await client.logout();
        return messages;
      },
    },
    {
      name: `${many} moved locally (plain mv)`,
      change: async (world, messages) => {
        const to = newMailbox(world, '.Moved');
        for (const file of files(world.mail).slice(0, many))
          renameSync(file.path, join(to, 'cur', file.name));
        return messages;
      },
    },
    {
      name: `${many} uploaded`,
      change: async (world, messages) => {
        const to = newMailbox(world, '.Upload');
        for (let number = 0; number < many; number++)
          writeFileSync(join(to, 'new', `${number}.up.host`), letter(number));
        return messages + many;
      },
    },
    {
      name: `${2 * many} deleted locally`,
      sync: { maxDelete: 2 * many },
      change: async (world, messages) => {
        let left = 2 * many;
        for (const mailbox of mailboxes(world.mail)) {
          const chosen = files(mailbox).slice(0, Math.max(0, Math.min(left, files(mailbox).length - 1)));
          for (const { path } of chosen) unlinkSync(path);
          left -= chosen.length;
        }
        return messages - (2 * many - left);
      },
    },
    {
      name: 'state lost',
      sync: { stateLost: true },
      change: async (world, messages) => {
        world.program.loseState(world.mail);
        return messages;
      },
    },
  ];
}

async function login({ server, user }: World): Promise<ImapUser> {
  return ImapUser.login(server.port, user, server.password);
}

type Half = Pick<Amounts, 'added' | 'flagged' | 'deleted'>;

/** In the first, third, … of the mailboxes, so that no message is changed on both sides. */
async function changeOnServer(world: World, half: Half): Promise<void> {
  const client = await login(world);
  const names = mailboxes(world.mail)
    .filter((_, at) => at % 2 === 0)
    .map(path => nameOf(world.mail, path));
  const share = (whole: number) => Math.ceil(Math.floor(whole) / names.length);
  const left = {
    added: Math.floor(half.added),
    flagged: Math.floor(half.flagged),
    deleted: Math.floor(half.deleted),
  };
  const take = (what: keyof Half) => {
    const taken = Math.min(left[what], share(half[what]));
    left[what] -= taken;
    return taken;
  };
  for (const name of names) {
    for (let number = take('added'); number > 0; number--) {
      await client.append(name, Buffer.from(letter(`${name}-${number}`).replaceAll('\n', '\r\n')));
    }
    await client.command(`SELECT "${name}"`);
    const [flagged, deleted] = [take('flagged'), take('deleted')];
    if (deleted > 0) {
      await client.command(`STORE 1:${deleted} +FLAGS.SILENT (\\Deleted)`);
      await client.command('EXPUNGE');
    }
    if (flagged > 0) await client.command(`STORE 1:${flagged} +FLAGS.SILENT (\\Draft)`);
    await client.command('UNSELECT');
  }
  await client.logout();
}

/** In the second, fourth, … of them. */
function changeLocally({ mail }: World, half: Half): void {
  const places = mailboxes(mail).filter((_, at) => at % 2 === 1);
  const share = (whole: number) => Math.ceil(Math.floor(whole) / places.length);
  const left = {
    added: Math.floor(half.added),
    flagged: Math.floor(half.flagged),
    deleted: Math.floor(half.deleted),
  };
  for (const path of places) {
    const there = files(path);
    const take = (what: keyof Half) => {
      const taken = Math.min(left[what], share(half[what]));
      left[what] -= taken;
      return taken;
    };
    for (const { path: file } of there.splice(0, take('deleted'))) unlinkSync(file);
    for (const file of there.splice(0, take('flagged'))) {
      const [base, letters = ''] = file.name.split(':2,');
      renameSync(file.path, join(path, 'cur', `${base}:2,${[...new Set(`D${letters}`)].sort().join('')}`));
    }
    for (let number = take('added'); number > 0; number--) {
      writeFileSync(
        join(path, 'new', `${number}.new.host`),
        letter(`${path.length}-${nameOf(mail, path)}-${number}-local`),
      );
    }
  }
}

function newMailbox({ mail, program }: World, name: string): string {
  const path = join(mail, name);
  program.makeMailbox(path);
  return path;
}

/** The mailboxes of a Maildir++ that have mail, the largest first; INBOX is the Maildir itself. */
function mailboxes(mail: string): string[] {
  const names = readdirSync(mail, { withFileTypes: true })
    .filter(one => one.isDirectory() && one.name.startsWith('.') && one.name !== '.postern')
    .map(one => join(mail, one.name));
  return [mail, ...names]
    .map(path => ({ path, size: files(path).length }))
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1))
    .map(({ path }) => path);
}

function nameOf(mail: string, path: string): string {
  return path === mail ? 'INBOX' : path.slice(mail.length + 2).replaceAll('.', '/');
}

function files(mailbox: string): { readonly path: string; readonly name: string }[] {
  return ['cur', 'new'].flatMap(part =>
    readdirSync(join(mailbox, part))
      .sort()
      .map(name => ({ path: join(mailbox, part, name), name })),
  );
}

/** About 10 kB, LF line ends. */
function letter(serial: number | string): string {
  const header = `From: a@example.org\nTo: b@example.org\nSubject: new ${serial}\nMessage-ID: <new-${serial}@bench.example.org>\nDate: Thu, 01 Jan 2026 00:00:00 +0000\n\n`;
  return header + `line of the letter ${serial}\n`.repeat(400);
}
