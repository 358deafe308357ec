import { randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SyncReport, sync } from '@postern/core/api/sync.js';
import type { MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { createMaildir } from '@postern/core/side/maildir/make-mailbox.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { cyrusMissing, startCyrus } from '../support/cyrus.js';
import { dovecotMissing, startDovecot } from '../support/dovecot.js';
import { ImapUser } from '../support/imap-user.js';
import { message } from '../support/messages.js';
import { createRepository, inRepository } from '../support/real-repository.js';

interface Server {
  readonly port: number;
  readonly password: string;
  stop(): Promise<void>;
}

/** Names as they stand on the wire, `/` between levels; each server takes the ones it can. */
const NAMES: readonly string[] = [
  ...[
    'plain',
    'two words',
    'a.b',
    '.hidden',
    'a..b',
    '..',
    'x/../y',
    '.',
    'v1.2/v1.3',
    'a//b',
    '/etc',
    'end/',
  ],
  ...[
    'per%cent',
    'st*r',
    'quo"te',
    'back\\slash',
    '\\2e',
    '\\2f',
    '\\5c',
    'a\\2fb',
    'a:b',
    'a|b',
    '~user',
    '#x',
  ],
  ...[' lead', 'trail ', '  ', 'tab\tbed', '-', '^caret', '{3}', '(paren)', 'NIL', '[Gmail]/All Mail'],
  ...['cur', 'new', 'tmp', 'x/cur', 'x/new', 'CUR', 'INBOX/x', 'Inbox/y', 'inbox', 'INBOX.z', 'INBOXes'],
  ...[
    'postern',
    '.postern',
    'Postern/deep',
    'subscriptions',
    'maildirfolder',
    'dovecot.index',
    'dovecot-uidlist',
  ],
  ...[
    'Entw&APw-rfe',
    'R&-D',
    '&-',
    '&AOk-',
    'e&AwE-',
    '&ZeVnLIqe-',
    '&zeVnLIqe-',
    '&2D3cow-',
    'n&APY-/d&AP8-',
  ],
  // Not the one encoding of its text, and no encoding at all (FO-17).
  ...['&AGE-', 'x&AEE-y', '&AP-', 'Tom & Jerry', '&2D0-', 'a&&b', 'bad&AP'],
  ...['x'.repeat(200), 'x'.repeat(254), '&APw-'.repeat(40), `deep/${'y'.repeat(120)}/${'z'.repeat(120)}`],
  ...['Work', 'work', 'WORK'],
];

/** What a server calls a mailbox with a prefix and other separators. */
interface Spelling {
  readonly separator: string;
  readonly prefix: string;
}

interface Stand {
  readonly title: string;
  readonly missing: string | undefined;
  start(): Promise<Server>;
  readonly spelling: Spelling;
  /** The disk has the same names whatever the server: each layout once is enough. */
  readonly layout: MaildirLayout;
  /** Names that could escape a directory, or would be those of another mailbox: left alone on the server and reported. */
  readonly leftAlone: readonly string[];
}

const STANDS: readonly Stand[] = [
  {
    title: 'Dovecot',
    missing: dovecotMissing(),
    start: () => startDovecot(),
    spelling: { separator: '/', prefix: '' },
    layout: 'fs',
    leftAlone: [],
  },
  {
    title: 'Dovecot with dots between levels and a prefix',
    missing: dovecotMissing(),
    start: () => startDovecot({ separator: '.', prefix: 'INBOX.' }),
    spelling: { separator: '.', prefix: 'INBOX.' },
    layout: 'maildir++',
    leftAlone: ['INBOX.inbox'],
  },
  {
    title: 'Cyrus',
    missing: cyrusMissing(),
    start: () => startCyrus(),
    spelling: { separator: '/', prefix: '' },
    layout: 'maildir++',
    leftAlone: ['.', '..', 'x/../y'],
  },
];

/** Another mail client; 8-bit or controls are not in these names. */
async function asUser<T>(server: Server, user: string, act: (client: ImapUser) => Promise<T>): Promise<T> {
  const client = await ImapUser.login(server.port, user, server.password);
  try {
    return await act(client);
  } finally {
    await client.logout();
  }
}

const quoted = (name: string) => `"${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** Makes every mailbox the server takes, with one message that says which one it is. Returns their raw names. */
async function fill(server: Server, user: string, { separator, prefix }: Spelling): Promise<string[]> {
  return asUser(server, user, async client => {
    const made: string[] = [];
    for (const name of NAMES) {
      const raw = prefix + name.replaceAll('/', separator);
      try {
        await client.command(`CREATE ${quoted(raw)}`);
        await client.append(raw, message({ id: idOf(raw) }));
        made.push(raw);
      } catch (error) {
        if (!/was answered (NO|BAD)/.test(String(error))) throw error;
      }
    }
    return made;
  });
}

const idOf = (raw: string) => Buffer.from(raw).toString('hex');

/** Which mailbox of the account each message is in: its raw name, as LIST has it. */
async function onServer(server: Server, user: string): Promise<Map<string, string>> {
  return asUser(server, user, async client => {
    const found = new Map<string, string>();
    const { untagged } = await client.command('LIST "" *');
    for (const line of untagged) {
      if (/\\(Noselect|NonExistent)/i.test(line)) continue;
      const [, text, atom] = /^LIST \([^)]*\) (?:"(?:\\.|[^"])*"|NIL) (?:"((?:\\.|[^"])*)"|(.*))$/s.exec(
        line,
      )!;
      const raw = text?.replaceAll(/\\(.)/g, '$1') ?? atom!.replace(/^\{\d+\}\r\n/, '');
      for (const { bytes } of await client.contents(raw)) found.set(idIn(bytes), raw);
    }
    return found;
  });
}

const idIn = (bytes: Buffer) => /^Message-ID: <([^@]*)@/m.exec(bytes.toString('latin1'))![1]!;

/** Which directory each message of a Maildir is in. Nothing in it is a link. */
function onDisk(root: string, below = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(join(root, below))) {
    const path = join(below, name);
    const stats = lstatSync(join(root, path));
    expect(stats.isSymbolicLink(), path).toBe(false);
    if (name === '.postern') continue;
    if (stats.isDirectory()) for (const [id, place] of onDisk(root, path)) found.set(id, place);
    else if (/(^|\/)(cur|new)$/.test(below))
      found.set(idIn(readFileSync(join(root, path))), join(below, '..'));
  }
  return found;
}

/** A Maildir beside which nothing else may come to lie. */
async function emptyMaildir(layout: MaildirLayout): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-names-'));
  onTestFinished(() => {
    expect(readdirSync(directory).sort()).toEqual(['Mail', 'state']);
    rmSync(directory, { recursive: true });
  });
  const root = join(directory, 'Mail');
  await createMaildir(root, layout);
  return root;
}

async function syncTo(
  server: Server,
  user: string,
  { root, layout }: { readonly root: string; readonly layout: MaildirLayout },
): Promise<() => Promise<SyncReport>> {
  const { port, password } = server;
  const place = { id: randomUUID(), root, layout, state: join(root, '..', 'state'), port, user, password };
  mkdirSync(join(root, '.postern', 'attic'), { recursive: true });
  await createRepository(place);
  return () => inRepository(place, repository => sync(repository));
}

/** INBOX is one name in any case, also as the first level: it goes out in upper case. */
const outgoing = ([id, raw]: readonly [string, string]) =>
  [id, raw.replace(/^(INBOX\.)?inbox(?=[./]|$)/i, '$1INBOX')] as const;

const nameOf = (stand: Stand) =>
  stand.missing === undefined ? stand.title : `${stand.title} [skipped: ${stand.missing}]`;

for (const stand of STANDS) {
  const { start, spelling, layout, leftAlone } = stand;
  describe.skipIf(stand.missing !== undefined)(
    `FO-14 to FO-21: names of mailboxes on ${nameOf(stand)}`,
    () => {
      let server: Server;
      beforeAll(async () => {
        server = await start();
      });
      afterAll(() => server.stop());

      it(`are the same in a second Maildir, and in a second account (${layout})`, {
        timeout: 240_000,
      }, async () => {
        const user = `u${randomUUID()}`;
        const made = await fill(server, user, spelling);
        process.stdout.write(`${stand.title} takes ${made.length} of ${NAMES.length} names\n`);
        expect(made.length).toBeGreaterThan(NAMES.length / 2);
        const there = await onServer(server, user);

        const one = { root: await emptyMaildir(layout), layout };
        const syncOne = await syncTo(server, user, one);
        const { fetch, apply } = await syncOne();
        const here = onDisk(one.root);
        expect([...there].filter(([id]) => !here.has(id)).map(([, raw]) => raw)).toEqual(leftAlone);
        for (const raw of leftAlone)
          expect(fetch.problems).toContainEqual({ reason: expect.stringContaining(`"${raw}"`) });
        expect(new Set(here.values()).size).toBe(here.size);
        expect(apply.counts).toMatchObject({ failed: 0, skipped: 0 });
        expect((await syncOne()).plan.actions).toEqual([]);

        const two = { root: await emptyMaildir(layout), layout };
        await (await syncTo(server, user, two))();
        expect(onDisk(two.root)).toEqual(here);
        expect(await onServer(server, user)).toEqual(there);

        const three = { root: await emptyMaildir(layout), layout };
        for (const directory of here.values()) copyMailbox(one.root, three.root, directory);
        const other = `u${randomUUID()}`;
        await (await syncTo(server, other, three))();
        const back = await onServer(server, other);
        expect([...back].sort()).toEqual(
          [...there]
            .filter(([id]) => here.has(id))
            .map(outgoing)
            .sort(),
        );
        expect(onDisk(three.root)).toEqual(here);
      });
    },
  );
}

function copyMailbox(from: string, to: string, directory: string): void {
  for (const part of ['cur', 'new', 'tmp']) {
    mkdirSync(join(to, directory, part), { recursive: true });
    for (const name of readdirSync(join(from, directory, part)))
      writeFileSync(join(to, directory, part, name), readFileSync(join(from, directory, part, name)));
  }
}
