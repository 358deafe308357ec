import { mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { addMail, jsonLines, mailText, makeMailbox, namesIn, TwoMaildirs } from './cli-command.js';

const worlds: TwoMaildirs[] = [];

/** Two equal Maildirs; then message 2 of INBOX and message 7 of Work were removed on the remote, and synced. */
async function removed(): Promise<TwoMaildirs> {
  const made = await TwoMaildirs.make(3);
  worlds.push(made);
  makeMailbox(join(made.remote, '.Work'));
  const work = addMail(join(made.remote, '.Work'), 7, 'ST');
  addMail(join(made.remote, '.Work'), 8);
  await made.good(['sync']);
  const [name] = readdirSync(join(made.remote, 'cur')).filter(file => file.includes('.M2P'));
  unlinkSync(join(made.remote, 'cur', name!));
  unlinkSync(join(made.remote, '.Work', 'cur', work));
  await made.good(['sync']);
  expect(namesIn(made.local)).toHaveLength(2);
  return made;
}

afterEach(() => {
  for (const made of worlds.splice(0)) made.remove();
});

/** The messages of a mailbox, by their text. */
function texts(mailbox: string): string[] {
  return ['cur', 'new']
    .flatMap(part =>
      readdirSync(join(mailbox, part)).map(name => readFileSync(join(mailbox, part, name), 'utf8')),
    )
    .sort();
}

describe('a message that was removed', () => {
  it('P1, P2: is listed, shown and restored, and the next sync has it on both sides exactly once', async () => {
    const made = await removed();
    const listed = jsonLines(await made.good(['ls-messages', '--attic']));
    expect(listed.map(entry => entry['mailbox']).sort()).toEqual(['INBOX', 'Work']);
    const [entry] = listed.filter(({ mailbox }) => mailbox === 'INBOX');
    expect(entry).toMatchObject({
      side: 'local',
      messageId: '<m2@example.org>',
      subject: 'Message 2',
      from: 'Ann <ann@example.org>',
      size: mailText(2).length,
    });
    expect(await made.good(['show', entry!['name'] as string])).toBe(mailText(2));
    expect(await made.good(['restore', entry!['name'] as string])).toBe(
      'Restored: 1 message. Next: postern sync\n',
    );
    await made.good(['sync']);
    for (const side of [made.local, made.remote]) expect(texts(side)).toEqual([1, 2, 3].map(mailText));
    expect(await made.good(['sync'])).toContain('Nothing to do');
    expect(jsonLines(await made.good(['ls-messages', '--attic', 'INBOX']))).toEqual([]);
  });

  it('comes back with its whole operation, each into its mailbox, a mailbox that is gone included', async () => {
    const made = await removed();
    rmSync(join(made.remote, '.Work'), { recursive: true });
    await made.run(['sync', '--max-delete', '10']);
    await made.run(['sync', '--max-delete', '10']);
    expect(readdirSync(made.local)).not.toContain('.Work');
    const names = jsonLines(await made.good(['ls-messages', '--attic'])).map(
      entry => entry['operation'] as string,
    );
    expect(names).toHaveLength(3);
    const restored = jsonLines(await made.good(['restore', '--json', ...new Set(names)]));
    expect(restored.map(({ mailbox, result }) => `${mailbox} ${result}`).sort()).toEqual([
      'INBOX done',
      'Work done',
      'Work done',
    ]);
    await made.good(['sync']);
    for (const side of [made.local, made.remote]) {
      expect(texts(side)).toEqual([1, 2, 3].map(mailText));
      expect(texts(join(side, '.Work'))).toEqual([7, 8].map(mailText));
      expect(readdirSync(join(side, '.Work', 'cur')).filter(name => name.includes('T'))).toEqual([]);
    }
  });

  it('goes to the mailbox that --mailbox names', async () => {
    const made = await removed();
    const [entry] = jsonLines(await made.good(['ls-messages', '--attic', 'Work']));
    await made.good(['restore', '-q', '--mailbox', 'Found again', entry!['name'] as string]);
    expect(texts(join(made.local, '.Found again'))).toEqual([mailText(7)]);
  });

  it('is not there under a name that nothing has, and nothing is restored', async () => {
    const made = await removed();
    const [entry] = jsonLines(await made.good(['ls-messages', '--attic']));
    const result = await made.run(['restore', entry!['name'] as string, 'nothing\u001b[31m']);
    expect(result).toMatchObject({ exit: 1, stdout: '' });
    expect(result.stderr).toContain('there is nothing called "nothing\\x1b[31m" in the attic');
    expect(jsonLines(await made.good(['ls-messages', '--attic']))).toHaveLength(2);
  });
});

describe('postern gc', () => {
  it('tells what it would do, does it, and leaves the mail alone', async () => {
    const made = await removed();
    const mail = made.mail();
    expect(await made.good(['gc'])).toContain('Attic: 0 messages older than 30 days deleted; 2 messages (');
    const dry = JSON.parse(await made.good(['gc', '--dry-run', '--days', '0', '--json'])) as Record<
      string,
      unknown
    >;
    expect(dry).toMatchObject({ dryRun: true, attic: { files: 2 }, kept: { files: 0 } });
    expect(jsonLines(await made.good(['ls-messages', '--attic']))).toHaveLength(2);
    expect(await made.good(['gc', '--days', '0'])).toMatch(
      /^Attic: 2 messages \(.*\) deleted; 0 messages kept\n/,
    );
    expect(jsonLines(await made.good(['ls-messages', '--attic']))).toEqual([]);
    expect(made.mail()).toEqual(mail);
    expect(await made.good(['sync'])).toContain('Nothing to do');
  });

  it('takes the days from the configuration', async () => {
    const made = await removed();
    writeFileSync(made.config, `${readFileSync(made.config, 'utf8')}\n[attic]\ndays = 0\n`);
    expect(JSON.parse(await made.good(['gc', '--json']))).toMatchObject({ days: 0, attic: { files: 2 } });
  });
});

describe('postern show', () => {
  it('prints a message of the Maildir by its key, its bytes as they are', async () => {
    const made = await removed();
    const text = 'Subject: raw\r\n\r\n\u0000\u001b[31m\r\nend';
    writeFileSync(join(made.local, 'cur', 'raw.message:2,'), text);
    expect(await made.good(['show', 'raw.message'])).toBe(text);
    expect(await made.run(['show', 'no.message'])).toMatchObject({ exit: 1, stdout: '' });
  });

  it('asks which one when mailboxes have files of the same name', async () => {
    const made = await removed();
    mkdirSync(join(made.local, '.Work', 'new'), { recursive: true });
    writeFileSync(join(made.local, 'new', 'twin'), mailText(30));
    writeFileSync(join(made.local, '.Work', 'new', 'twin'), mailText(31));
    expect((await made.run(['show', 'twin'])).stderr).toContain('is in several mailboxes: ');
    expect(await made.good(['show', '--mailbox', 'Work', 'twin'])).toBe(mailText(31));
  });
});
