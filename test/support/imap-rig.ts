import type { SyncReport } from '@postern/core/api/sync.js';
import { PosternError } from '@postern/core/model/error.js';
import type { ImapOptions } from '@postern/core/side/imap/imap-options.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { expect, onTestFinished } from 'vitest';
import { Rig } from './rig.js';
import { ScriptedImap } from './scripted-imap.js';
import { WorldImap, type WorldImapOptions } from './world-imap.js';

/** A rig whose remote side speaks IMAP with a server on `rig.remote` that is as bad as the quirks make it. */
export interface ImapRig {
  readonly rig: Rig;
  readonly server: ScriptedImap;
  /** May be changed between two calls, and during one. */
  readonly quirks: WorldImapOptions;
  /** Syncs; an error of ours comes back as a value. */
  tried(): Promise<Tried>;
}

export interface Tried {
  readonly report?: SyncReport;
  /** What ended the sync, whether before its apply or in it. */
  readonly error?: PosternError;
}

export async function imapRig(
  quirks: WorldImapOptions = {},
  imap: Partial<ImapOptions> = {},
): Promise<ImapRig> {
  let port = 0;
  const rig = await Rig.create({
    remoteSide: (seam, clock) =>
      new ImapSide({
        host: '127.0.0.1',
        port,
        user: 'me',
        password: async () => 'secret',
        tls: 'none',
        seam,
        clock,
        ...imap,
      }),
  });
  const server = await ScriptedImap.start(new WorldImap(rig.remote, quirks).script);
  port = server.port;
  onTestFinished(() => server.stop());
  const tried = async (): Promise<Tried> => {
    try {
      const report = await rig.sync();
      const { stopped } = report.apply;
      return stopped === undefined ? { report } : { report, error: stopped };
    } catch (error) {
      if (error instanceof PosternError) return { error };
      throw error;
    }
  };
  return { rig, server, quirks, tried };
}

/** Both sides hold the same, a further sync has nothing to do, and nobody else's mail was ever expunged. */
export async function expectSettled({ rig, server }: ImapRig): Promise<void> {
  expect(rig.local.allContents()).toEqual(rig.remote.allContents());
  expect((await rig.plan()).actions).toEqual([]);
  expect(server.count(/^(EXPUNGE|CLOSE)/)).toBe(0);
}

/** The subjects in a mailbox, sorted: what a person would compare. */
export function subjects(world: Rig['remote'], mailbox = 'INBOX'): string[] {
  const all = [...world.mailbox(mailbox).messages.values()];
  return all.map(({ envelope }) => envelope.subject ?? '').sort();
}
