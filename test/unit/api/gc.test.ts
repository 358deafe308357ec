import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectGarbage, type GcReport } from '@postern/core/api/gc.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import { MaildirAttic } from '@postern/core/side/maildir/maildir-attic.js';
import { MaildirLeftovers } from '@postern/core/side/maildir/maildir-leftovers.js';
import { createStore, openStore } from '@postern/core/state/disk-store.js';
import { describe, expect, it } from 'vitest';
import { Crash, CrashSeam } from '../../support/seam.js';
import { fileBytes, TemporaryMaildir } from '../maildir/temporary-maildir.js';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const OPERATION = '20260102T030405Z-0a1b2c3d';
/** Files of a test are made now: they age by looking at them later. */
const now = Date.now();

class Cellar {
  readonly maildir: TemporaryMaildir;

  private constructor(maildir: TemporaryMaildir) {
    this.maildir = maildir;
  }

  static async make(operations = 3): Promise<Cellar> {
    const maildir = await TemporaryMaildir.make();
    const cellar = new Cellar(maildir);
    mkdirSync(cellar.attic(), { recursive: true });
    for (const name of ['abc-1.a:2,S', 'abd-2.b:2,']) cellar.keep(OPERATION, name);
    cellar.keep(`${OPERATION}@Work`, 'abe-3.c:2,');
    const store = await createStore(cellar.state, { seam: openSeam });
    const log = Array.from({ length: operations }, (_, index) => ({
      put: 'log' as const,
      mailbox: '',
      key: `20260101T000000Z-${String(index).padStart(8, '0')}`,
      value: { started: index },
    }));
    await store.write(log, { durable: true });
    await store.close();
    return cellar;
  }

  get state(): string {
    return this.maildir.path('.postern', 'state');
  }

  attic(...names: string[]): string {
    return this.maildir.path('.postern', 'attic', ...names);
  }

  keep(operation: string, name: string): void {
    mkdirSync(this.attic(operation), { recursive: true });
    writeFileSync(this.attic(operation, name), fileBytes(name));
  }

  async gc(
    options: { days?: number; at: number; dryRun?: boolean },
    seam: Seam = openSeam,
  ): Promise<GcReport> {
    const store = await openStore(this.state, { seam });
    const place = { root: this.maildir.root, layout: 'maildir++' as const, seam };
    const rooms = [
      { side: 'local' as const, attic: new MaildirAttic(place), leftovers: new MaildirLeftovers(place) },
    ];
    const { at, days = 30, dryRun = false } = options;
    try {
      return await collectGarbage({ rooms, store, stateDirectory: this.state }, { days, now: at, dryRun });
    } finally {
      await store.close();
    }
  }

  async logKeys(): Promise<string[]> {
    const store = await openStore(this.state, { seam: openSeam });
    try {
      return [...(await store.all('log', '')).keys()];
    } finally {
      await store.close();
    }
  }

  /** Everything that gc must leave as it is, foreign things in the attic included. */
  addForeign(): string[] {
    const outside = this.maildir.path('outside');
    mkdirSync(outside);
    mkdirSync(this.attic('photos'));
    const link = this.attic('20260102T030405Z-eeeeeeee');
    const paths = [
      join(outside, 'abc-target'),
      this.attic('photos', 'abc-1'),
      this.attic('note'),
      this.attic(OPERATION, 'noprefix'),
      this.maildir.path('cur', '1.kept:2,S'),
      this.maildir.path('tmp', '.dotfile'),
    ];
    for (const path of paths) writeFileSync(path, 'mine');
    mkdirSync(this.maildir.path('tmp', 'directory'));
    symlinkSync(outside, link);
    symlinkSync(paths[0]!, this.attic(OPERATION, 'abf-link'));
    symlinkSync(paths[0]!, this.maildir.path('tmp', 'link'));
    return [
      ...paths,
      link,
      this.attic(OPERATION, 'abf-link'),
      this.maildir.path('tmp', 'link'),
      this.maildir.path('tmp', 'directory'),
    ];
  }
}

describe('the attic after gc', () => {
  it('keeps what is younger than the days, also when its operation is older', async () => {
    const cellar = await Cellar.make();
    const report = await cellar.gc({ at: now + 29 * DAY });
    expect(report).toMatchObject({ attic: { files: 0, size: 0 }, kept: { files: 3 } });
    expect(readdirSync(cellar.attic(OPERATION))).toHaveLength(2);
  });

  it('is empty of what is older, directories included', async () => {
    const cellar = await Cellar.make();
    const report = await cellar.gc({ at: now + 31 * DAY });
    expect(report.attic).toEqual({ files: 3, size: 3 * fileBytes('abc-1.a:2,S').length - 4 });
    expect(report.kept).toEqual({ files: 0, size: 0 });
    expect(readdirSync(cellar.attic())).toEqual([]);
  });

  it('is as it was after a dry run that tells the same', async () => {
    const cellar = await Cellar.make(1003);
    writeFileSync(cellar.maildir.path('tmp', 'old'), 'half');
    const dry = await cellar.gc({ at: now + 31 * DAY, dryRun: true });
    expect(readdirSync(cellar.attic(OPERATION))).toHaveLength(2);
    expect(cellar.maildir.names('tmp')).toEqual(['old']);
    expect(await cellar.logKeys()).toHaveLength(1003);
    const { attic, leftovers, log } = await cellar.gc({ at: now + 31 * DAY });
    expect({ attic, leftovers, log }).toEqual({ attic: dry.attic, leftovers: dry.leftovers, log: dry.log });
    expect(log).toBe(3);
  });

  it('P1: holds all that is not its own, and no symbolic link is followed', async () => {
    const cellar = await Cellar.make();
    const foreign = cellar.addForeign();
    const report = await cellar.gc({ at: now + 365 * DAY });
    expect(report).toMatchObject({ attic: { files: 3 }, leftovers: { files: 0 } });
    expect(foreign.filter(path => !existsSync(path))).toEqual([]);
  });
});

describe('files in tmp', () => {
  it('MD-06: go when nobody touched them for 36 hours, of every mailbox', async () => {
    const cellar = await Cellar.make();
    await cellar.maildir
      .side()
      .createMailbox('Work' as Parameters<ReturnType<TemporaryMaildir['side']>['createMailbox']>[0]);
    writeFileSync(cellar.maildir.path('tmp', 'one'), 'half');
    writeFileSync(cellar.maildir.path('.Work', 'tmp', 'two'), 'half');
    expect((await cellar.gc({ at: now + 35 * HOUR })).leftovers.files).toBe(0);
    expect((await cellar.gc({ at: now + 37 * HOUR })).leftovers).toEqual({ files: 2, size: 8 });
    expect(cellar.maildir.names('tmp')).toEqual([]);
    expect(cellar.maildir.names('.Work/tmp')).toEqual([]);
  });

  it.each([
    ['read', 30, 0],
    ['written', 0, 30],
  ] as const)('stay when they were %s since', async (_what, accessed, modified) => {
    const cellar = await Cellar.make();
    const path = cellar.maildir.path('tmp', 'busy');
    writeFileSync(path, 'half');
    utimesSync(path, (now + accessed * HOUR) / 1000, (now + modified * HOUR) / 1000);
    expect((await cellar.gc({ at: now + 40 * HOUR })).leftovers.files).toBe(0);
  });

  it('stay when they are new and only carry an old date', async () => {
    const cellar = await Cellar.make();
    const path = cellar.maildir.path('tmp', 'arriving');
    writeFileSync(path, 'half');
    utimesSync(path, 1, 1);
    expect((await cellar.gc({ at: now + HOUR })).leftovers.files).toBe(0);
  });
});

describe('the state after gc', () => {
  it('has the last 1,000 operations in its log, and is sound', async () => {
    const cellar = await Cellar.make(1002);
    expect((await cellar.gc({ at: now })).log).toBe(2);
    const keys = await cellar.logKeys();
    expect(keys).toHaveLength(1000);
    expect(keys[0]).toBe('20260101T000000Z-00000002');
  });

  it('takes less room where much was written over', async () => {
    const cellar = await Cellar.make();
    const store = await openStore(cellar.state, { seam: openSeam });
    for (let round = 0; round < 20; round++) {
      const value = { started: round, counts: { done: round } };
      await store.write(
        Array.from({ length: 900 }, (_, key) => ({
          put: 'log' as const,
          mailbox: '',
          key: `20260101T000000Z-${String(key).padStart(8, '0')}`,
          value,
        })),
        { durable: false },
      );
    }
    await store.close();
    const { database } = await cellar.gc({ at: now });
    expect(database.after).toBeLessThan(database.before);
    expect(await cellar.logKeys()).toHaveLength(900);
  });

  it('is told of the damaged ones that are kept, which stay', async () => {
    const cellar = await Cellar.make();
    for (const name of ['state.damaged-20260101T000000Z', 'state.damaged-nonsense', 'state.other']) {
      mkdirSync(cellar.maildir.path('.postern', name));
    }
    const { damagedStates } = await cellar.gc({ at: now + 31 * DAY });
    const path = cellar.maildir.path('.postern', 'state.damaged-20260101T000000Z');
    expect(damagedStates).toEqual([{ path, since: Date.UTC(2026, 0, 1) }]);
    expect(existsSync(path)).toBe(true);
  });
});

describe('a gc that dies', () => {
  it.each(['before', 'after'] as const)(
    '%s any effect leaves what the next one ends, and nothing younger is lost',
    async when => {
      for (let at = 1; ; at++) {
        const cellar = await Cellar.make(1001);
        const foreign = cellar.addForeign();
        writeFileSync(cellar.maildir.path('tmp', 'old'), 'half');
        const seam = new CrashSeam(at, when);
        const died = await cellar.gc({ at: now + 31 * DAY }, seam).then(
          () => false,
          (error: unknown) => error instanceof Crash,
        );
        const report = await cellar.gc({ at: now + 31 * DAY });
        expect(report.kept.files, seam.where).toBe(0);
        expect(readdirSync(cellar.attic()).sort(), seam.where).toEqual([
          OPERATION,
          '20260102T030405Z-eeeeeeee',
          'note',
          'photos',
        ]);
        expect(await cellar.logKeys(), seam.where).toHaveLength(1000);
        expect(existsSync(cellar.maildir.path('tmp', 'old'))).toBe(false);
        expect(
          foreign.filter(path => !existsSync(path)),
          seam.where,
        ).toEqual([]);
        if (!died) {
          expect(at).toBeGreaterThan(6);
          return;
        }
      }
    },
  );
});
