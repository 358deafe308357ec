import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, unlinkSync, utimesSync } from 'node:fs';
import { sync } from '@postern/core/api/sync.js';
import type { Clock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import { observeMailbox } from '@postern/core/observe/observe-mailbox.js';
import { observeSide } from '@postern/core/observe/observe-side.js';
import { recordKey } from '@postern/core/state/keys.js';
import { type AnyLevel, ENCODING } from '@postern/core/state/level.js';
import { LevelStore } from '@postern/core/state/level-store.js';
import { initState, type Repository } from '@postern/core/state/repository.js';
import type { Store } from '@postern/core/state/store.js';
import { describe, expect, it } from 'vitest';
import { MemorySide } from '../../support/memory-side.js';
import { MemoryWorld } from '../../support/memory-world.js';
import { message } from '../../support/messages.js';
import { PowerLevel } from '../../support/power-level.js';
import { Random } from '../../support/random.js';
import { watchedStore } from '../../support/watched-store.js';
import { fileBytes, TemporaryMaildir } from '../maildir/temporary-maildir.js';

const HOUR = 3_600_000;
/** So many that a list of the files is kept. */
const MANY = 1_100;

/** A repository whose local side is a Maildir with many messages; its clock is ahead, so that no directory changed just now. */
class Rig {
  readonly maildir: TemporaryMaildir;
  readonly remote = new MemoryWorld('uid');
  readonly level = new PowerLevel();
  /** How often all rows of the Maildir were read. */
  whole = 0;
  onTime: (now: number) => void = () => {};
  ahead = 60_000;
  /** Milliseconds from one run to the next. */
  step = 60_000;
  #counter = 0;

  private constructor(maildir: TemporaryMaildir) {
    this.maildir = maildir;
  }

  static async make(): Promise<Rig> {
    const rig = new Rig(await TemporaryMaildir.make());
    const store = await LevelStore.create(rig.level as unknown as AnyLevel, { seam: openSeam, id: rig.id });
    await initState(rig.#repository(store));
    for (let n = 0; n < MANY; n++)
      rig.maildir.put('cur', `${n}.m.h:2,${n % 3 === 0 ? 'S' : ''}`, fileBytes(`m${n}`));
    return rig;
  }

  get id(): string {
    return '6f0c1d9e-0000-4000-8000-00000000f11e';
  }

  pass(milliseconds: number): void {
    this.ahead += milliseconds;
  }

  #repository(store: Store): Repository {
    // Two readings are never of the same millisecond.
    const now = () => {
      const time = Date.now() + this.ahead++;
      this.onTime(time);
      return time;
    };
    const clock: Clock = { now, sleep: async () => {} };
    return {
      id: this.id,
      sides: {
        remote: new MemorySide(this.remote, { seam: openSeam }),
        local: this.maildir.side({ clock }),
      },
      store,
      clock,
      random: () => (++this.#counter).toString(16).padStart(8, '0'),
    };
  }

  async run<T>(work: (repository: Repository) => Promise<T>): Promise<T> {
    this.pass(this.step);
    const store = await LevelStore.open(this.level as unknown as AnyLevel, { seam: openSeam });
    const watched = watchedStore(
      store,
      () => {},
      kind => {
        if (kind === 'local') this.whole++;
      },
    );
    return work(this.#repository(watched));
  }

  /** What the state has of the Maildir after a look at it. `seen` is told how many files were looked at. */
  look(seen?: (files: number) => void) {
    return this.run(async repository => {
      if (seen === undefined) await observeSide(repository, 'local', {});
      else await observeMailbox(repository, 'local', INBOX, seen);
      return this.#known(repository);
    });
  }

  async #known({ store }: Repository) {
    const { cursor, permanentFlags, unreadable = {} } = (await store.get('mailbox', '', INBOX))!.sides.local!;
    return {
      rows: new Map(await store.all('local', INBOX)),
      count: cursor.count,
      permanentFlags,
      unreadable: Object.keys(unreadable).sort(),
      stamp: cursor.stamp,
    };
  }

  /** Looks, and finds what is there. */
  async lookIsRight(): Promise<void> {
    const { stamp: _stamp, ...known } = await this.look();
    expect({ ...known, rows: sorted(known.rows) }).toEqual(await this.truth());
  }

  /** What a look says, read anew. */
  async truth() {
    const clock: Clock = { now: () => Date.now() + this.ahead, sleep: async () => {} };
    const { rows, cursor, permanentFlags, unreadable } = await this.maildir
      .side({ clock })
      .snapshot(INBOX, undefined);
    return {
      rows: sorted(rows),
      count: cursor.count,
      permanentFlags,
      unreadable: [...unreadable.keys()].sort(),
    };
  }

  sync() {
    return this.run(repository => sync(repository, { allowEmpty: true }));
  }

  /** Whether the list of the files fits the rows. */
  listFits(): Promise<boolean> {
    return this.run(
      async ({ store }) =>
        (await store.get('files', INBOX, 'since'))?.stamp === (await store.fingerprint('local', INBOX)),
    );
  }

  /** Names of all files, with their directories. */
  files(): string[] {
    return ['new', 'cur'].flatMap(part => this.maildir.names(part).map(name => `${part}/${name}`));
  }

  path(file: string): string {
    return this.maildir.path(...file.split('/'));
  }
}

const sorted = <T>(rows: ReadonlyMap<string, T>) => new Map([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));

/** What mail programs and people do to files. */
class Hand {
  readonly #rig: Rig;
  readonly #random: Random;
  #serial = 0;

  constructor(rig: Rig, random: Random) {
    this.#rig = rig;
    this.#random = random;
  }

  act(): void {
    const rig = this.#rig;
    const random = this.#random;
    const file = random.pick(rig.files().filter(name => !readsAsDirectory(rig, name)));
    const [base = '', letters = ''] = file.split('/')[1]!.split(':2,');
    const name = `${++this.#serial}.new.h`;
    const other = file.startsWith('new/') ? 'cur' : 'new';
    const acts = [
      () => rig.maildir.put('new', name, fileBytes(name)),
      () => rig.maildir.put('cur', `${name}:2,F`, fileBytes(name)),
      () => unlinkSync(rig.path(file)),
      () => renameSync(rig.path(file), rig.path(`cur/${base}:2,${letters.includes('S') ? 'F' : 'S'}`)),
      () => renameSync(rig.path(file), rig.path(`cur/${base}:2,${letters}T`)),
      () => renameSync(rig.path(file), rig.path(`${other}/${file.split('/')[1]}`)),
      () => linkSync(rig.path(file), rig.path(`new/${base}:2,RT`)),
      () => rig.maildir.put('new', `${base}:2,D`, fileBytes(name)),
      () => mkdirSync(rig.path(`cur/${name}:2,`)),
    ];
    random.pick(acts)();
  }

  /** Away with what cannot be read: as long as it is there, every file is looked at. */
  tidy(): void {
    const rig = this.#rig;
    const seen = new Set<string>();
    for (const file of rig.files()) {
      const base = file.split('/')[1]!.split(':2,')[0]!;
      if (readsAsDirectory(rig, file)) renameSync(rig.path(file), rig.maildir.path(`away${++this.#serial}`));
      else if (seen.has(base)) unlinkSync(rig.path(file));
      seen.add(base);
    }
  }
}

function readsAsDirectory(rig: Rig, file: string): boolean {
  try {
    readdirSync(rig.path(file));
    return true;
  } catch {
    return false;
  }
}

describe('files under familiar names', () => {
  it.each([1, 2])('tell the same as a look at all of them, whatever happened (%i)', async seed => {
    const rig = await Rig.make();
    const random = new Random(seed);
    const hand = new Hand(rig, random);
    await rig.look();
    rig.whole = 0;
    for (let round = 0; round < 20; round++) {
      if (round % 3 === 0) hand.tidy();
      for (let n = random.below(6); n > 0; n--) hand.act();
      await rig.lookIsRight();
    }
    expect(rig.whole).toBeLessThan(16);
  });

  it('are not looked at, but once an hour', async () => {
    const rig = await Rig.make();
    await rig.look();
    rig.whole = 0;
    rig.maildir.put('cur', '5.m.h:2,', fileBytes('m5', 'another text\n'));
    utimesSync(rig.path('cur/5.m.h:2,'), 1_600_000_000, 1_600_000_000);
    const edited = (await rig.truth()).rows.get('5.m.h' as never);
    rig.maildir.put('new', 'one.more', fileBytes('more'));
    expect((await rig.look()).rows.get('5.m.h')).not.toEqual(edited);
    expect(rig.whole).toBe(0);
    rig.pass(HOUR);
    rig.maildir.put('new', 'two.more', fileBytes('two'));
    expect((await rig.look()).rows.get('5.m.h')).toEqual(edited);
    expect(rig.whole).toBe(1);
  });

  it('are looked at once a day where nothing else changes, though names were read meanwhile', async () => {
    const rig = await Rig.make();
    await rig.look();
    rig.pass(HOUR / 2);
    rig.maildir.put('new', 'one.more', fileBytes('more'));
    await rig.look();
    rig.maildir.put('cur', '5.m.h:2,', fileBytes('m5', 'another text\n'));
    rig.pass(23.75 * HOUR);
    rig.whole = 0;
    expect((await rig.look()).rows.get('5.m.h')).toEqual((await rig.truth()).rows.get('5.m.h' as never));
    expect(rig.whole).toBe(1);
  });

  it.each(['all of them', 'those that are not familiar'])(
    'are remembered as they were met, in a look at %s',
    async which => {
      const rig = await Rig.make();
      await rig.look();
      for (const name of ['a', 'b', 'c']) rig.maildir.put('new', name, fileBytes(name));
      if (which === 'all of them') rig.pass(HOUR);
      const names = rig.maildir.names('new');
      let done = false;
      // All three are renamed after the first was met: the others are looked for once more, it is not.
      await rig.look(met => {
        if (done || met < 2) return;
        done = true;
        for (const name of names) renameSync(rig.path(`new/${name}`), rig.path(`cur/${name}:2,S`));
      });
      rig.maildir.put('new', 'd', fileBytes('d'));
      const { rows } = await rig.look();
      expect(names.map(name => rows.get(name as never)?.flags)).toEqual(names.map(() => ['\\Seen']));
    },
  );

  it('were read when the first reading of their names began, whatever was read again', async () => {
    const rig = await Rig.make();
    await rig.look();
    unlinkSync(rig.path('cur/7.m.h:2,'));
    const times: number[] = [];
    rig.onTime = now => times.push(now);
    const { stamp } = await rig.look();
    const [, at] = /^2 ([0-9]+) /.exec(stamp ?? '') ?? [];
    expect(times).toContain(Number(at));
    expect(Number(at)).toBeLessThan(times.at(-1)!);
  });

  it('are not compared where most of them are called otherwise now', async () => {
    const rig = await Rig.make();
    await rig.look();
    rig.whole = 0;
    for (const file of rig.files())
      renameSync(rig.path(file), rig.path(`cur/${file.split('/')[1]!.split(':2,')[0]}:2,F`));
    await rig.lookIsRight();
    expect(rig.whole).toBe(1);
  });

  it('are looked at again while somebody may still be writing', async () => {
    const rig = await Rig.make();
    await rig.look();
    rig.whole = 0;
    const writing = (Date.now() + rig.ahead) / 1000;
    for (const [text, seconds] of [
      ['half of ', 30],
      ['half of it\n', 90],
    ] as const) {
      rig.maildir.put('cur', 'slow.h:2,', fileBytes('slow', text));
      utimesSync(rig.path('cur/slow.h:2,'), writing + seconds, writing + seconds);
      rig.maildir.put('new', `${seconds}`, fileBytes(`${seconds}`));
      expect((await rig.look()).rows.get('slow.h')).toEqual((await rig.truth()).rows.get('slow.h' as never));
    }
    expect(rig.whole).toBe(0);
  });

  it('are not familiar again because a look at those in use says nothing of the others', async () => {
    const rig = await Rig.make();
    await rig.look();
    rig.step = 10_000;
    renameSync(rig.path('cur/5.m.h:2,'), rig.path('cur/5.m.h:2,S'));
    rig.maildir.put('new', 'fresh', fileBytes('fresh'));
    const soon = (Date.now() + rig.ahead) / 1000;
    utimesSync(rig.path('new/fresh'), soon, soon);
    // Killed after its rows were written, and before the list of names was.
    const killed = rig.run(async repository => {
      const write: Store['write'] = (changes, options) =>
        changes.some(change => 'put' in change && change.put === 'files')
          ? Promise.reject(new Error('killed'))
          : repository.store.write(changes, options);
      const store = new Proxy(repository.store, {
        get: (target, name) => {
          if (name === 'write') return write;
          const member: unknown = Reflect.get(target, name, target);
          return typeof member === 'function' ? member.bind(target) : member;
        },
      });
      await observeSide({ ...repository, store }, 'local', {});
    });
    await expect(killed).rejects.toThrow('killed');
    await rig.look();
    renameSync(rig.path('cur/5.m.h:2,S'), rig.path('cur/5.m.h:2,'));
    expect((await rig.look()).rows.get('5.m.h')?.flags).toEqual([]);
  });

  it('are familiar no more in other directories', async () => {
    const rig = await Rig.make();
    await rig.look();
    rig.whole = 0;
    renameSync(rig.maildir.path('cur'), rig.maildir.path('old'));
    mkdirSync(rig.maildir.path('cur'));
    for (const name of rig.maildir.names('old'))
      renameSync(rig.maildir.path('old', name), rig.maildir.path('cur', name));
    await rig.look();
    expect(rig.whole).toBe(1);
  });

  it('stay familiar while applies change some of them, in both directions', { timeout: 60_000 }, async () => {
    const rig = await Rig.make();
    await rig.sync();
    await rig.sync();
    rig.whole = 0;
    const random = new Random(7);
    for (let round = 0; round < 8; round++) {
      for (let n = 0; n < 6; n++) {
        const key = random.pick([...rig.remote.mailbox(INBOX).messages.keys()]);
        const file = random.pick(rig.files());
        const [base = ''] = file.split('/')[1]!.split(':2,');
        if (n === 0) rig.remote.remove(INBOX, key);
        if (n === 1) rig.remote.flag(INBOX, key, { add: ['\\Answered'] });
        if (n === 2) rig.remote.add(INBOX, message({ id: `r${round}` }));
        if (n === 3) unlinkSync(rig.path(file));
        if (n === 4) renameSync(rig.path(file), rig.path(`cur/${base}:2,FS`));
        if (n === 5) rig.maildir.put('new', `l${round}.h`, fileBytes(`l${round}`));
      }
      await rig.sync();
      expect(await rig.listFits()).toBe(true);
      const { rows } = await rig.run(async ({ store }) => ({ rows: await store.all('local', INBOX) }));
      const truth = await rig.truth();
      expect([...rows.keys()].sort()).toEqual([...truth.rows.keys()]);
      for (const [key, row] of truth.rows) expect(rows.get(key)?.flags).toEqual(row.flags);
    }
    const { apply } = await rig.sync();
    expect(apply.counts).toMatchObject({ done: 0, failed: 0, skipped: 0 });
    const flagsOf = (all: Iterable<{ readonly flags: readonly string[] }>) =>
      [...all].map(({ flags }) => flags.join(' ')).sort();
    expect(flagsOf((await rig.truth()).rows.values())).toEqual(flagsOf(rig.remote.contents(INBOX)));
    expect(rig.whole).toBe(0);
  });

  it('a message that an apply removed and somebody puts back under its name is there again', async () => {
    const rig = await Rig.make();
    await rig.sync();
    await rig.sync();
    const [first] = rig.remote.mailbox(INBOX).messages.keys();
    const before = new Map(rig.files().map(file => [file, readFileSync(rig.path(file))]));
    rig.remote.remove(INBOX, first!);
    await rig.sync();
    const [gone, ...others] = [...before.keys()].filter(file => !rig.files().includes(file));
    expect(others).toEqual([]);
    rig.whole = 0;
    rig.maildir.put('cur', gone!.slice('cur/'.length), before.get(gone!)!);
    await rig.sync();
    expect(rig.remote.mailbox(INBOX).messages.size).toBe(MANY);
    expect(rig.whole).toBe(0);
  });

  it('a message that was edited in place and deleted there stays, and goes up the next time', async () => {
    const rig = await Rig.make();
    await rig.sync();
    await rig.sync();
    const [first] = rig.remote.mailbox(INBOX).messages.values();
    const edited = rig
      .files()
      .find(file => readFileSync(rig.path(file)).toString().includes(first!.identity.messageId!))!;
    rig.maildir.put('cur', edited.slice('cur/'.length), fileBytes('edited'));
    rig.remote.remove(INBOX, first!.key);
    rig.whole = 0;
    const { apply } = await rig.sync();
    expect(apply.counts).toMatchObject({ done: 0, skipped: 1 });
    expect(rig.files()).toContain(edited);
    await rig.sync();
    expect(rig.remote.mailbox(INBOX).messages.size).toBe(MANY);
    expect(rig.whole).toBe(0);
  });

  it('a row that went missing is noticed, and its message not taken for a new one', async () => {
    const rig = await Rig.make();
    await rig.sync();
    await rig.sync();
    rig.remote.add(INBOX, message({ id: 'fresh' }));
    await rig.sync();
    const [fresh] = rig.files().filter(file => !/[0-9]+\.m\.h/.test(file));
    const key = fresh!.split('/')[1]!.split(':2,')[0]!;
    await rig.level.del(recordKey('local', INBOX, key), ENCODING as never);
    rig.maildir.put('new', 'another.h', fileBytes('another'));
    await expect(rig.sync()).rejects.toMatchObject({ code: 'state-damaged' });
    expect(rig.remote.mailbox(INBOX).messages.size).toBe(MANY + 1);
  });
});
