import { resolve } from 'node:path';
import type { SideName } from '@postern/core/model/by-side.js';
import { PosternError } from '@postern/core/model/error.js';
import type { Extension } from '@postern/core/side/imap/extensions.js';
import type { CopyKind } from '@postern/core/side/maildir/copying.js';
import { detectLayout, type MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { type EndAddress, parseEndUrl } from './end-url.js';
import { keyLine } from './key-line.js';
import type { RepositoryPaths } from './paths.js';
import type { ConfigFile } from './schema.js';
import { wrong } from './wrong.js';

/** What one of the two sides is. */
export type EndConfig =
  | (Extract<EndAddress, { kind: 'imap' }> & {
      readonly user: string;
      /** File of certificates to trust, PEM. */
      readonly ca?: string;
      readonly passwordCommand?: string | readonly string[];
      readonly reader?: 'bulk' | 'imapflow';
      readonly disabled?: readonly Extension[];
      /** How many there may be at once. */
      readonly connections: number;
    })
  | (Extract<EndAddress, { kind: 'maildir' }> & {
      readonly layout?: MaildirLayout;
      /** What a message copied from one mailbox to another is: a file of its own, or a second name. */
      readonly copies?: CopyKind;
    });

/** The layout of a Maildir: as configured, else as it is. */
export function layoutOf({ path, layout }: Extract<EndConfig, { kind: 'maildir' }>): MaildirLayout {
  return layout ?? detectLayout(path) ?? 'maildir++';
}

interface Source {
  readonly table: SideName;
  /** The configuration's text, for line numbers. */
  readonly text: string;
  readonly paths: RepositoryPaths;
}

const OF_ACCOUNTS = [
  'user',
  'tls',
  'ca',
  'password-command',
  'reader',
  'disable-extensions',
  'connections',
] as const;

/** Few servers allow less, and other clients of the account need some too. */
const CONNECTIONS = 3;

/** The local side: what its URL names, else the Maildir the repository is in. */
export function localOf(local: ConfigFile['local'], source: Source): EndConfig {
  const { url } = local;
  if (url !== undefined) return endOf({ ...local, url }, source);
  const { text, paths } = source;
  for (const key of OF_ACCOUNTS) {
    if (local[key] === undefined) continue;
    wrong(paths.config, keyLine(text, ['local', key]), `"local.${key}": there is no "local.url"`);
  }
  const layout = local.layout ?? wrong(paths.config, keyLine(text, ['local']), '"local.layout" is missing');
  return { kind: 'maildir', path: paths.root, layout, ...copiesOf(local) };
}

function copiesOf({ copies }: Pick<ConfigFile['local'], 'copies'>): { readonly copies?: CopyKind } {
  return copies === undefined ? {} : { copies };
}

/** Checks what a table says of a side. Throws `config-wrong` with file, line and reason. */
export function endOf(end: ConfigFile['remote'], { table, text, paths }: Source): EndConfig {
  const fail = (key: string, reason: string, hint?: string) =>
    wrong(paths.config, keyLine(text, [table, key]), `"${table}.${key}": ${reason}`, hint);
  let address: EndAddress;
  try {
    address = parseEndUrl(end.url, end.tls, paths.postern);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return fail('url', error.message, error.hint);
  }
  if (address.kind === 'maildir') {
    for (const key of OF_ACCOUNTS) {
      if (key !== 'tls' && end[key] !== undefined) fail(key, 'a maildir: URL has no use for it');
    }
    return { ...address, ...(end.layout === undefined ? {} : { layout: end.layout }), ...copiesOf(end) };
  }
  if (end.layout !== undefined) fail('layout', 'an IMAP account has no layout');
  if (end.copies !== undefined) fail('copies', 'an IMAP account copies as its server does');
  if (address.user !== undefined && end.user !== undefined) {
    fail('user', 'the URL names a user already');
  }
  const user = end.user ?? address.user ?? fail('url', `no user: neither in the URL nor as "${table}.user"`);
  if (end.ca !== undefined && address.tls === 'none') fail('ca', 'there is no TLS, so nothing is verified');
  return {
    ...address,
    user,
    connections: end.connections ?? CONNECTIONS,
    ...(end.ca === undefined ? {} : { ca: resolve(paths.postern, end.ca) }),
    ...(end.reader === undefined ? {} : { reader: end.reader }),
    ...(end['disable-extensions'] === undefined ? {} : { disabled: end['disable-extensions'] }),
    ...(end['password-command'] === undefined ? {} : { passwordCommand: end['password-command'] }),
  };
}
