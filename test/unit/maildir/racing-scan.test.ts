import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Clock } from '@postern/core/model/clock.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { type MessageKey, NO_EPOCH } from '@postern/core/model/row.js';
import type { MaildirSide } from '@postern/core/side/maildir/maildir-side.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { message } from '../../support/messages.js';
import { sideOn, TemporaryMaildir } from './temporary-maildir.js';

/** Called with each directory of the Maildir right after it was read. */
let afterReading: (directory: string) => void = () => {};

vi.mock('node:fs', async original => {
  const fs = await original<typeof import('node:fs')>();
  const readdir = fs.readdirSync as (...words: unknown[]) => unknown;
  return {
    ...fs,
    readdirSync: (...words: unknown[]) => {
      const entries = readdir(...words);
      if (Buffer.isBuffer(words[0])) afterReading(words[0].toString('latin1'));
      return entries;
    },
  };
});

afterEach(() => {
  afterReading = () => {};
});

/** How often a scan is held against a mail reader that never rests; `npm run soak` asks for more. */
const PLANS = Number(process.env['POSTERN_SOAK_RACE_SCANS'] ?? '8');
const FILES = PLANS > 8 ? 20_000 : 400;

class Racing {
  readonly root: string;
  readonly side: MaildirSide;

  constructor(maildir: TemporaryMaildir, clock?: Clock) {
    this.root = maildir.root;
    this.side = sideOn(maildir.root, clock === undefined ? {} : { clock });
  }

  path(part: 'new' | 'cur', name: string): string {
    return join(this.root, part, name);
  }

  write(part: 'new' | 'cur', name: string, subject = name): void {
    writeFileSync(this.path(part, name), message({ subject }).toString('latin1').replaceAll('\r\n', '\n'));
  }
}

async function mailbox(clock?: Clock): Promise<Racing> {
  return new Racing(await TemporaryMaildir.make(), clock);
}

/** Files in one mailbox that is scanned; `npm run soak` has the full number. */
const MANY = Number(process.env['POSTERN_MANY_FILES'] ?? '1000');

describe('a scan of a large mailbox', () => {
  it(`MD-15: of ${MANY} files reads each directory once, and again only for those that are missing`, {
    timeout: 60_000 + MANY * 10,
  }, async () => {
    const box = await mailbox();
    for (let number = 0; number < MANY; number++) box.write('cur', `m${number}:2,`, `message ${number}`);
    const read: string[] = [];
    afterReading = directory => {
      if (directory !== box.root) read.push(basename(directory));
    };
    const first = await box.side.snapshot(INBOX, undefined);
    expect([first.rows.size, read.splice(0).sort()]).toEqual([MANY, ['cur', 'new']]);
    box.write('new', 'arrived');
    const second = await box.side.snapshot(INBOX, first);
    expect([second.rows.size, read.splice(0).sort()]).toEqual([MANY + 1, ['cur', 'new']]);
    for (const [name, row] of first.rows) expect(second.rows.get(name)).toBe(row);
    unlinkSync(box.path('cur', 'm7:2,'));
    const third = await box.side.snapshot(INBOX, second);
    expect([third.rows.size, read.splice(0).sort()]).toEqual([MANY, ['cur', 'cur', 'new', 'new']]);
    expect(third.rows.has('m7' as MessageKey)).toBe(false);
  });
});

const shifted = (milliseconds: number): Clock => ({
  now: () => Date.now() + milliseconds,
  sleep: async () => {},
});

describe('a scan while somebody else is at work', () => {
  it('RA-12: a file that goes from new to cur between the two readings is seen once, and not taken for gone', async () => {
    const box = await mailbox();
    for (const name of ['a', 'b', 'c']) box.write('new', name);
    const known = await box.side.snapshot(INBOX, undefined);
    afterReading = directory => {
      if (directory !== join(box.root, 'new')) return;
      for (const name of readdirSync(directory))
        renameSync(join(directory, name), box.path('cur', `${name}:2,`));
    };
    const { rows } = await box.side.snapshot(INBOX, known);
    expect([...rows.keys()].sort()).toEqual(['a', 'b', 'c']);
    const sight = await box.side.look(INBOX, NO_EPOCH, [...rows.keys()]);
    expect([...sight.rows.keys()].sort()).toEqual(['a', 'b', 'c']);
    expect(sight.gone.size).toBe(0);
  });

  it('RA-12: one that comes back from cur to new after new was read is not taken for gone', async () => {
    const box = await mailbox();
    for (const name of ['a', 'b']) box.write('cur', `${name}:2,`);
    const known = await box.side.snapshot(INBOX, undefined);
    let back = false;
    afterReading = directory => {
      if (directory !== join(box.root, 'new')) return;
      const [from, to] = [box.path('cur', 'a:2,'), box.path('new', 'a')];
      back = !back;
      if (back) renameSync(from, to);
      else renameSync(to, from);
    };
    for (let round = 0; round < 5; round++) {
      const { rows } = await box.side.snapshot(INBOX, known);
      expect([...rows.keys()].sort()).toEqual(['a', 'b']);
      expect((await box.side.look(INBOX, NO_EPOCH, ['a' as MessageKey])).gone.size).toBe(0);
    }
  });

  it('RA-13: a change that shares its time with the scan shows in the next one', async () => {
    const box = await mailbox();
    box.write('cur', 'a:2,');
    utimesSync(box.path('cur', 'a:2,'), 1_600_000_000, 1_600_000_000);
    const known = await box.side.snapshot(INBOX, undefined);
    // As if the scan had come between two changes of one tick: the directory looks as it did then.
    const forgetful = { ...known, rows: new Map() };
    expect([...(await box.side.snapshot(INBOX, forgetful)).rows.keys()]).toEqual(['a']);
    // Ten seconds on, a scan that saw the same directory is believed.
    const later = sideOn(box.root, { clock: shifted(10_000) });
    const settled = await later.snapshot(INBOX, known);
    expect(await later.snapshot(INBOX, settled)).toBe(settled);
  });

  it('MM-20: an edit in place, which leaves no trace in the directory, shows within a day', async () => {
    const box = await mailbox();
    box.write('cur', 'a:2,', 'first');
    const known = await sideOn(box.root, { clock: shifted(70_000) }).snapshot(INBOX, undefined);
    writeFileSync(box.path('cur', 'a:2,'), 'From: a\n\nanother body\n');
    const soon = sideOn(box.root, { clock: shifted(80_000) });
    expect(await soon.snapshot(INBOX, known)).toBe(known);
    const dayAfter = sideOn(box.root, { clock: shifted(86_480_000) });
    expect(await dayAfter.isAsAt(INBOX, known.cursor)).toBe(false);
    const { rows } = await dayAfter.snapshot(INBOX, known);
    const key = 'a' as MessageKey;
    expect(rows.get(key)!.identity).not.toEqual(known.rows.get(key)!.identity);
  });

  it.each([
    ['the clock was set back an hour', -3_600_000, 0],
    ['the directory is from the future', 10_000, 3_600_000],
  ])('RA-14: where %s, nothing is taken for unchanged', async (_says, clock, ahead) => {
    const box = await mailbox(shifted(clock));
    box.write('cur', 'a:2,');
    utimesSync(box.path('cur', 'a:2,'), 1_600_000_000, 1_600_000_000);
    const time = statSync(join(box.root, 'cur')).mtimeMs + ahead;
    if (ahead > 0) utimesSync(join(box.root, 'cur'), time / 1000, time / 1000);
    const known = await box.side.snapshot(INBOX, undefined);
    const again = await box.side.snapshot(INBOX, { ...known, rows: new Map() });
    expect([...again.rows.keys()]).toEqual(['a']);
  });

  it(`RA-11: ${FILES} files that a mail reader renames without rest: nothing is ever taken for gone`, {
    timeout: 60_000 + (PLANS * FILES) / 2,
  }, async () => {
    const box = await mailbox();
    for (let number = 0; number < FILES; number++) box.write('cur', `m${number}:2,`, `message ${number}`);
    let known = await box.side.snapshot(INBOX, undefined);
    expect(known.rows.size).toBe(FILES);
    const reader = spawn(process.execPath, ['-e', RENAMER, join(box.root, 'cur')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(reader.stdout, 'data');
      for (let plan = 0; plan < PLANS; plan++) {
        known = await box.side.snapshot(INBOX, known);
        expect(known.rows.size, `scan ${plan}`).toBe(FILES);
        const sight = await box.side.look(INBOX, NO_EPOCH, [...known.rows.keys()]);
        expect(sight.gone.size, `look ${plan}`).toBe(0);
      }
    } finally {
      reader.kill('SIGKILL');
      await once(reader, 'exit');
    }
  });
});

/** Gives and takes \Seen, file after file, for ever. */
const RENAMER = `
const { readdirSync, renameSync } = require('node:fs');
const bases = readdirSync(process.argv[1]).map(name => name.split(':2,')[0]);
process.chdir(process.argv[1]);
console.log('ready');
for (let seen = true; ; seen = !seen)
  for (const base of bases) renameSync(base + (seen ? ':2,' : ':2,S'), base + (seen ? ':2,S' : ':2,'));
`;
