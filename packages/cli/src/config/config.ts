import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Permissions, Policy } from '@postern/core/merge/policy.js';
import { errnoOf, PosternError } from '@postern/core/model/error.js';
import { mailboxName, mailboxNameFault } from '@postern/core/model/mailbox.js';
import { type NameRule, nameRulesFault } from '@postern/core/model/name-map.js';
import { issueWords } from '@postern/core/plan/issue-words.js';
import type { Deletion } from '@postern/core/side/imap/imap-options.js';
import { type ScopeRules, WHOLE_ACCOUNT } from '@postern/core/side/scope.js';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { type EndConfig, endOf, localOf } from './end-config.js';
import { keyLine } from './key-line.js';
import { nearest } from './nearest.js';
import { type RepositoryPaths, repositoryPaths } from './paths.js';
import { type ConfigFile, configFile, KEYS } from './schema.js';
import { wrong } from './wrong.js';

/** A repository's configuration, checked; paths are absolute. */
export interface Config {
  readonly paths: RepositoryPaths;
  readonly id: string;
  readonly remote: EndConfig;
  readonly local: EndConfig;
  /** In how many mailboxes at once work may go on. */
  readonly lanes: number;
  readonly scope: ScopeRules;
  readonly policy: Policy;
  readonly deletion: Deletion;
  /** How long removed local files stay in the attic. */
  readonly atticDays: number;
  /** Where the database and the lock are. */
  readonly stateDirectory: string;
  readonly lockFile: string;
}

/** Reads and checks `config.toml`. Throws `config-wrong` with file, line where it can be told, and reason. */
export function readConfig(root: string): Config {
  const paths = repositoryPaths(root);
  let text: string;
  try {
    text = readFileSync(paths.config, 'utf8');
  } catch (cause) {
    const gone = errnoOf(cause) === 'ENOENT';
    throw new PosternError(
      'config-wrong',
      `${paths.config}: ${gone ? 'it is not there' : 'it cannot be read'}`,
      {
        cause,
        hint: gone
          ? `put the configuration back; if an init was cut short here, remove ${paths.postern} and run it again`
          : 'make it readable for this user',
      },
    );
  }
  return configOf(parseConfig(text, paths.config), text, paths);
}

function parseConfig(text: string, file: string): ConfigFile {
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '');
    wrong(file, error.line, `not valid TOML: ${reason}`);
  }
  const parsed = configFile.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = firstIssue(parsed.error);
  if (issue.code === 'unrecognized_keys') {
    const table = issue.path.map(String);
    const key = issue.keys[0]!;
    const near = nearest(key, KEYS[table.join('.')] ?? []);
    const meant = near === undefined ? undefined : `did you mean "${near}"?`;
    wrong(
      file,
      keyLine(text, [...table, key]),
      `unknown key ${JSON.stringify([...table, key].join('.'))}`,
      meant,
    );
  }
  const path = issue.path.filter(part => typeof part === 'string');
  const missing = issue.code === 'invalid_type' && valueAt(raw, path) === undefined;
  wrong(
    file,
    keyLine(text, path) ?? (missing ? keyLine(text, path.slice(0, -1)) : undefined),
    issueWords({ ...issue, path }, raw),
  );
}

/** An unknown version explains everything else, and a key with a typing mistake the one that is missing. */
function firstIssue({ issues }: z.ZodError): z.core.$ZodIssue {
  return (
    issues.find(issue => issue.path[0] === 'version') ??
    issues.find(issue => issue.code === 'unrecognized_keys') ??
    issues[0]!
  );
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], value);
}

function configOf(file: ConfigFile, text: string, paths: RepositoryPaths): Config {
  checkAgainstMaildir(file, text, paths);
  const external = file.state === undefined ? undefined : resolve(paths.postern, file.state.dir);
  const remote = endOf(file.remote, { table: 'remote', text, paths });
  const local = localOf(file.local, { table: 'local', text, paths });
  return {
    paths,
    id: file.id,
    remote,
    local,
    lanes: lanesFor([remote, local]),
    scope: {
      include: file.scope?.include ?? WHOLE_ACCOUNT.include,
      exclude: file.scope?.exclude ?? WHOLE_ACCOUNT.exclude,
      subscribed: file.scope?.subscribed ?? WHOLE_ACCOUNT.subscribed,
      map: nameRules(file, text, paths),
    },
    policy: policyOf(file.sync),
    deletion: file.sync?.delete?.remote ?? 'trash',
    atticDays: file.attic?.days ?? 30,
    stateDirectory: resolve(external ?? paths.postern, 'state'),
    lockFile: resolve(external ?? paths.postern, 'lock.json'),
  };
}

/** As many as the servers' connections; files alone gain nothing by it. */
function lanesFor(ends: readonly EndConfig[]): number {
  const connections = ends.flatMap(end => (end.kind === 'imap' ? [end.connections] : []));
  return connections.length === 0 ? 1 : Math.min(...connections);
}

/** Everything is allowed that is not forbidden. */
function policyOf(sync: ConfigFile['sync']): Policy {
  const permissions = (table: 'remote-to-local' | 'local-to-remote'): Permissions => {
    const {
      new: fresh = true,
      flags = true,
      deletes = true,
      moves = true,
      mailboxes = true,
    } = sync?.[table] ?? {};
    return { new: fresh, flags, deletes, moves, mailboxes };
  };
  return { local: permissions('remote-to-local'), remote: permissions('local-to-remote') };
}

/** `[map]`: a mailbox of the remote and what it is called here. */
function nameRules({ map = {} }: ConfigFile, text: string, paths: RepositoryPaths): NameRule[] {
  const rules: NameRule[] = [];
  for (const [key, value] of Object.entries(map)) {
    const fail = (reason: string) =>
      wrong(paths.config, keyLine(text, ['map', key]) ?? keyLine(text, ['map']), `"map": ${reason}`);
    const nameOf = (name: string) => {
      const fault = mailboxNameFault(name);
      return fault === undefined
        ? mailboxName(name)
        : fail(`${JSON.stringify(name)} is no mailbox name: ${fault}`);
    };
    rules.push({ remote: nameOf(key), local: nameOf(value) });
    const fault = nameRulesFault(rules);
    if (fault !== undefined) fail(fault);
  }
  return rules;
}

/** Refuses what only an IMAP remote has. */
function checkAgainstMaildir(file: ConfigFile, text: string, paths: RepositoryPaths): void {
  if (!file.remote.url.startsWith('maildir:')) return;
  if (file.scope?.subscribed) {
    const line = keyLine(text, ['scope', 'subscribed']);
    wrong(paths.config, line, '"scope.subscribed": a maildir: remote has no subscriptions');
  }
  if (file.sync?.delete?.remote !== undefined) {
    const line = keyLine(text, ['sync', 'delete', 'remote']);
    wrong(paths.config, line, '"sync.delete.remote": a maildir: remote keeps removed files in its attic');
  }
}
