import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitOf } from '@postern/core/api/apply.js';
import type { Outcome } from '@postern/core/model/outcome.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { RealStage } from '../scenario/real-stage.js';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../support/dovecot.js';
import { message } from '../support/messages.js';

/** A server whose access rights (RFC 4314) a test can change: from the next connection on. */
describe.skipIf(dovecotMissing())(withDovecot('MG-29, MG-30: a mailbox that we may only read'), () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-rights-'));
  const rights = join(directory, 'global-acl');
  let server: Dovecot;
  beforeAll(async () => {
    chmodSync(directory, 0o755);
    writeFileSync(rights, '');
    const extra = `mail_plugins = acl\nplugin {\n  acl = vfile:${rights}:cache_secs=0\n}\n`;
    server = await startDovecot({ extra });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  /** Four messages on both sides; then the rights change, and all that can happen here does. */
  async function changedHere(owner: string): Promise<RealStage> {
    const stage = await RealStage.create({ ...server, renew: async () => {} });
    onTestFinished(() => {
      writeFileSync(rights, '');
      return stage.end();
    });
    for (const name of ['a', 'b', 'c', 'd'])
      await stage.remote.add('INBOX', message({ id: name }), name === 'c' ? ['\\Seen'] : []);
    await stage.sync();
    writeFileSync(rights, `INBOX owner ${owner}\nINBOX user=* ${owner}\n`);
    const [a, b, c] = await stage.local.messages('INBOX');
    await stage.local.remove('INBOX', a!.key);
    await stage.local.flag('INBOX', b!.key, { add: ['\\Flagged'], remove: [] });
    await stage.local.flag('INBOX', c!.key, { add: [], remove: ['\\Seen'] });
    await stage.local.add('INBOX', message({ id: 'new' }), []);
    return stage;
  }

  async function outcomesOf(stage: RealStage): Promise<{ outcomes: readonly Outcome[]; exit: number }> {
    const { actions } = await stage.plan();
    const outcomes: Outcome[] = [];
    const report = await stage.apply(actions, { onOutcome: outcome => outcomes.push(outcome) });
    return { outcomes, exit: exitOf(report) };
  }

  const failed = (op: string, reason: unknown) => ({ op, result: 'failed', reason });

  it.each([
    [
      'lr',
      [
        failed('upload', expect.stringContaining('Permission denied')),
        failed('flag-remote', 'the mailbox cannot store \\Flagged'),
        failed('flag-remote', 'the mailbox cannot store \\Seen'),
        failed('delete-remote', 'the server opens the mailbox for reading only'),
      ],
    ],
    [
      'lrs',
      [
        failed('upload', expect.stringContaining('Permission denied')),
        failed('flag-remote', 'the mailbox cannot store \\Flagged'),
        { op: 'flag-remote', result: 'done' },
        failed('delete-remote', expect.stringContaining('cannot store \\Deleted')),
      ],
    ],
  ])(
    '(rights %s) refuses one by one, nothing else changes, and it is done when it may be',
    async (owner, wanted) => {
      const stage = await changedHere(owner);
      const local = await stage.local.messages('INBOX');
      for (let round = 0; round < 3; round++) {
        const { outcomes, exit } = await outcomesOf(stage);
        const left = round === 0 ? wanted : wanted.filter(({ result }) => result !== 'done');
        expect(outcomes).toMatchObject(left);
        expect(outcomes).toHaveLength(left.length);
        expect(exit).toBe(3);
      }
      expect(await stage.local.messages('INBOX')).toEqual(local);
      expect(await stage.remote.messages('INBOX')).toHaveLength(4);
      writeFileSync(rights, '');
      await stage.sync();
      expect((await stage.plan()).actions).toEqual([]);
      expect(await stage.local.messages('INBOX')).toHaveLength(4);
      expect(await stage.remote.messages('INBOX')).toHaveLength(4);
    },
  );
});
