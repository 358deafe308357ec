import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { addMail, jsonLines, namesIn, postern, TwoMaildirs } from './cli-command.js';

let made: TwoMaildirs | undefined;

afterEach(() => {
  made?.remove();
  made = undefined;
});

async function synced(messages: number): Promise<TwoMaildirs> {
  const world = await TwoMaildirs.make(messages);
  made = world;
  await world.good(['sync']);
  return world;
}

const fileOf = (mailbox: string, number: number) =>
  join(mailbox, 'cur', readdirSync(join(mailbox, 'cur')).find(name => name.includes(`.M${number}P1Q`))!);

describe('export-state and import-state', () => {
  it('bring the state to another machine that has the same Maildir', async () => {
    const world = await synced(5);
    const { directory, local } = world;
    const exported = await world.good(['export-state']);
    expect(jsonLines(exported).slice(1, -1)).toEqual(jsonLines(await world.good(['cat-state'])));

    const other = join(directory, 'other-machine');
    cpSync(local, other, { recursive: true });
    rmSync(join(other, '.postern', 'state'), { recursive: true });
    expect((await postern(['-C', other, 'status'])).exit).toBe(4);
    const done = await postern(['-C', other, 'import-state', '-'], { input: exported });
    expect(done).toMatchObject({ exit: 0, stderr: '' });
    expect(done.stdout).toContain('5 pairs in 1 mailbox');
    expect((await postern(['-C', other, 'export-state'])).stdout.split('\n').slice(1)).toEqual(
      exported.split('\n').slice(1),
    );
    for (const command of [['fetch'], ['status', '--exit-code'], ['fsck']]) {
      expect(await postern(['-C', other, ...command]), command[0]).toMatchObject({ exit: 0, stderr: '' });
    }
    unlinkSync(fileOf(world.remote, 3));
    expect(await postern(['-C', other, 'sync'])).toMatchObject({ exit: 0 });
    expect(namesIn(other)).toHaveLength(4);
  });

  it('an export that is older than the mail deletes nothing: its mailboxes are matched anew', async () => {
    const world = await synced(3);
    const file = join(world.directory, 'mail.state');
    await world.good(['export-state', '-o', file]);
    addMail(world.remote, 4);
    await world.good(['sync']);
    // By the old base this one was on both sides, and is deleted on the remote.
    unlinkSync(fileOf(world.remote, 2));
    expect(await world.run(['import-state', file])).toMatchObject({ exit: 1 });
    const done = await world.good(['import-state', '--replace', file]);
    expect(done).toMatch(/kept in .*state\.replaced-/);
    await world.good(['fetch']);
    const status = JSON.parse(await world.good(['status', '--json']));
    expect(status.rematch).toMatchObject([{ mailbox: 'INBOX' }]);
    await world.good(['sync', '-q']);
    await world.good(['sync', '-q']);
    expect(namesIn(world.local)).toHaveLength(4);
    expect(namesIn(world.remote)).toHaveLength(4);
    expect(await world.good(['status', '--exit-code', '-q'])).toBe('');
  });

  it('a file that is cut short is refused in words, and the state stays as it was', async () => {
    const world = await synced(2);
    const file = join(world.directory, 'mail.state');
    await world.good(['export-state', '-o', file]);
    writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(0, 4).join('\n'));
    const before = await world.good(['cat-state']);
    const refused = await world.run(['import-state', '--replace', file]);
    expect(refused).toMatchObject({ exit: 1, stdout: '' });
    expect(refused.stderr).toContain('it is cut short');
    expect(await world.good(['cat-state'])).toBe(before);
    expect(await world.run(['import-state', '--replace', join(world.directory, 'nothing')])).toMatchObject({
      exit: 1,
    });
    mkdirSync(join(world.directory, 'a-directory'));
    expect((await world.run(['import-state', '--replace', join(world.directory, 'a-directory')])).exit).toBe(
      1,
    );
  });
});
