import { sync } from '@postern/core/api/sync.js';
import type { SideName } from '@postern/core/model/by-side.js';
import { PosternError } from '@postern/core/model/error.js';
import { INBOX } from '@postern/core/model/mailbox.js';
import type { Store } from '@postern/core/state/store.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig, type RigOptions } from '../../support/rig.js';
import { watchedStore } from '../../support/watched-store.js';
import { whenDone } from '../../support/when-done.js';

const MESSAGES: readonly string[] = ['pair', 'remote', 'local'];
const MANY = 60;
const AT_ONCE = 10;

/** A mailbox of sixty messages on one side, an empty one on the other. */
async function large(side: SideName): Promise<Rig> {
  const rig = await Rig.create();
  for (let n = 0; n < MANY; n++)
    rig[side].add('INBOX', message({ id: `m${n}` }), n % 3 === 0 ? ['\\Seen'] : []);
  return rig;
}

const plansOf = (rig: Rig) =>
  rig.run(async ({ store }) => [...(await store.all('log', '')).values()].map(({ actions }) => actions));

function expectOnce(rig: Rig, messages = MANY): void {
  expect(rig.remote.contents('INBOX')).toHaveLength(messages);
  expect(rig.local.allContents()).toEqual(rig.remote.allContents());
}

describe.each<[string, SideName]>([
  ['there', 'remote'],
  ['here', 'local'],
])('a mailbox that is too large for one plan and is new %s', (_where, side) => {
  it('is brought in parts, each held alone, and is at rest then', async () => {
    const rig = await large(side);
    let most = 0;
    const report = await rig.run(async repository => {
      const store = watchedStore(repository.store, (kind, size) => {
        if (['pair', 'remote', 'local'].includes(kind)) most = Math.max(most, size);
      });
      return sync({ ...repository, store }, { atOnce: AT_ONCE });
    });
    expect(report.apply.counts).toMatchObject({ done: MANY, skipped: 0, failed: 0 });
    expect((await plansOf(rig)).filter(actions => actions !== 0)).toEqual(
      Array(MANY / AT_ONCE).fill(AT_ONCE),
    );
    expect(most).toBe(0);
    expectOnce(rig);
    expect(await rig.run(async ({ store }) => store.get('mailbox', '', 'INBOX'))).toMatchObject({
      quiet: true,
      generation: MANY / AT_ONCE,
    });
    expect((await rig.plan()).actions).toEqual([]);
    expect((await rig.check()).findings).toEqual([]);
  });

  it('does not get twice what somebody puts on the other side meanwhile', async () => {
    const rig = await large(side);
    const other = side === 'remote' ? 'local' : 'remote';
    // Parts go on without another look for a minute.
    const progress = whenDone(15, () => {
      rig[other].add('INBOX', message({ id: 'm55' }));
      rig.clock.pass(60_000);
    });
    await rig.sync({ atOnce: AT_ONCE, progress });
    await rig.sync({ atOnce: AT_ONCE });
    expectOnce(rig);
  });

  it('loses on both sides what is deleted on the other side meanwhile', async () => {
    const rig = await large(side);
    const other = side === 'remote' ? 'local' : 'remote';
    const progress = whenDone(35, () => {
      for (const [key, { bytes }] of rig[other].mailbox('INBOX').messages)
        if (bytes.includes('<m1@') || bytes.includes('<m2@')) rig[other].remove('INBOX', key);
    });
    await rig.sync({ atOnce: AT_ONCE, progress });
    await rig.sync({ atOnce: AT_ONCE });
    expectOnce(rig, MANY - 2);
  });

  it('goes on where a sync that was stopped left off', async () => {
    const rig = await large(side);
    const stop = whenDone(25, () => {
      throw new PosternError('unreachable', 'the line is dead');
    });
    await rig.sync({ atOnce: AT_ONCE, progress: stop }).catch(() => undefined);
    const report = await rig.sync({ atOnce: AT_ONCE });
    expect(report.apply.counts.failed).toBe(0);
    expectOnce(rig);
    expect(rig.remote.traffic.delivered + rig.local.traffic.delivered).toBe(MANY);
  });

  it('comes in parts again after the line was lost', async () => {
    const rig = await large(side);
    await rig.run(async repository => {
      const from = repository.sides[side];
      const read = from.read.bind(from);
      let asked = 0;
      from.read = async (mailbox, epoch, rows, take) => {
        if (asked === 20) throw new PosternError('unreachable', 'the line is dead');
        asked += rows.length;
        return read(mailbox, epoch, rows, take);
      };
      await sync(repository, { atOnce: AT_ONCE });
    });
    const before = (await plansOf(rig)).length;
    let most = 0;
    const report = await rig.run(async repository => {
      const store = watchedStore(repository.store, (kind, size) => {
        if (['pair', 'remote', 'local'].includes(kind)) most = Math.max(most, size);
      });
      // Few records are read at once, to look at them, before the first part.
      const progress = whenDone(1, () => {
        most = 0;
      });
      return sync({ ...repository, store }, { atOnce: AT_ONCE, progress });
    });
    expect(report.apply.counts).toMatchObject({ done: MANY - 20, skipped: 0, failed: 0 });
    expect((await plansOf(rig)).slice(before)).toEqual([0, 10, 10, 10, 10]);
    expect(most).toBe(0);
    expectOnce(rig);
    expect((await rig.plan()).actions).toEqual([]);
    expect(rig.remote.traffic.delivered + rig.local.traffic.delivered).toBe(MANY);
  });

  it('does not come in parts where a pair lost its message meanwhile', async () => {
    const rig = await large(side);
    const other = side === 'remote' ? 'local' : 'remote';
    await rig.sync();
    for (let n = 0; n < 30; n++) rig[side].add('INBOX', message({ id: `n${n}` }));
    const [key] = rig[other].mailbox('INBOX').messages.keys();
    rig[other].remove('INBOX', key!);
    rig[other].add('INBOX', message({ id: 'n25' }));
    const { plan } = await rig.sync({ atOnce: AT_ONCE });
    expect(plan.later).toEqual([]);
    expectOnce(rig, MANY + 29);
  });

  it('tells once of a message that cannot be read, and brings the others', async () => {
    const rig = await large(side);
    const [key] = rig[side].mailbox('INBOX').messages.keys();
    rig[side].mailbox('INBOX').unreadable.set(key!, 'a bad disk');
    const { plan, apply } = await rig.sync({ atOnce: AT_ONCE });
    expect(plan.blocked).toHaveLength(1);
    expect(apply.counts).toMatchObject({ done: MANY - 1, failed: 0 });
  });
});

/** How many records of each kind were read by the partition or peeked at, by mailbox. */
function counting(store: Store): { readonly counted: Store; readonly most: () => number } {
  const totals = new Map<string, number>();
  const note = (what: string, size: number) => void totals.set(what, (totals.get(what) ?? 0) + size);
  const counted = watchedStore(
    store,
    (kind, size, mailbox) => MESSAGES.includes(kind) && note(`${kind} ${mailbox}`, size),
    (kind, size, mailbox) => note(`peek ${kind} ${mailbox}`, size),
  );
  return { counted, most: () => Math.max(0, ...totals.values()) };
}

describe('many parts', () => {
  it.each<SideName>(['remote', 'local'])(
    'cost what they bring, not what was brought before: new on %s',
    async side => {
      const rig = await Rig.create();
      for (let n = 0; n < 400; n++) rig[side].add('INBOX', message({ id: `m${n}` }));
      let looks = 0;
      const read = await rig.run(async repository => {
        const { remote } = repository.sides;
        const changes = remote.changes.bind(remote);
        remote.changes = (...given) => {
          looks++;
          return changes(...given);
        };
        const { counted, most } = counting(repository.store);
        await sync({ ...repository, store: counted }, { atOnce: AT_ONCE });
        return most();
      });
      expectOnce(rig, 400);
      expect(read).toBeLessThanOrEqual(800);
      expect(looks).toBe(1);
    },
  );

  it.each<[string, RigOptions, (rig: Rig) => void]>([
    [
      'was refused',
      { local: { refuse: (_mailbox, bytes) => (bytes.includes('<A7@') ? 'too large' : undefined) } },
      () => undefined,
    ],
    [
      'cannot be read',
      {},
      rig => {
        const [key] = rig.remote.mailbox('A').messages.keys();
        rig.remote.mailbox('A').unreadable.set(key!, 'a bad disk');
      },
    ],
  ])(
    'of one mailbox do not read or wait for another one, of which a message %s',
    async (_what, options, change) => {
      const rig = await Rig.create(options);
      for (const name of ['A', 'B', 'C']) {
        rig.remote.createMailbox(name);
        for (let n = 0; n < 200; n++) rig.remote.add(name, message({ id: `${name}${n}` }));
      }
      change(rig);
      const read = await rig.run(async repository => {
        const { counted, most } = counting(repository.store);
        const { apply } = await sync({ ...repository, store: counted }, { atOnce: AT_ONCE });
        expect(apply.counts.done).toBe(599 + 3);
        return most();
      });
      expect(Math.max(...(await plansOf(rig)).map(Number))).toBeLessThanOrEqual(AT_ONCE + 1);
      expect(read).toBeLessThanOrEqual(1600);
    },
  );
});

describe('a first look that died', () => {
  it('does not keep new mail of the other side from a mailbox of that name', async () => {
    const rig = await Rig.create();
    rig.remote.add('INBOX', message({ id: 'x' }));
    await rig.sync();
    rig.remote.createMailbox('Large');
    for (let n = 0; n < MANY; n++) rig.remote.add('Large', message({ id: `r${n}` }));
    await rig
      .run(async repository => {
        const { remote } = repository.sides;
        const changes = remote.changes.bind(remote);
        let isDead = false;
        remote.changes = async (...given) => {
          await changes(...given);
          isDead = true;
          throw new RangeError('killed');
        };
        const write: Store['write'] = async (changes, options) => {
          if (isDead) throw new RangeError('killed');
          return repository.store.write(changes, options);
        };
        const store = new Proxy(repository.store, {
          get(target, name) {
            if (name === 'write') return write;
            const member: unknown = Reflect.get(target, name, target);
            return typeof member === 'function' ? member.bind(target) : member;
          },
        });
        await sync({ ...repository, store });
      })
      .catch(() => undefined);
    expect(await rig.run(({ store }) => store.count('remote', 'Large'))).toBeGreaterThan(0);
    rig.remote.deleteMailbox('Large');
    rig.local.createMailbox('Large');
    for (let n = 0; n < 25; n++) rig.local.add('Large', message({ id: `l${n}` }));
    await rig.sync({ atOnce: AT_ONCE });
    expect(rig.remote.contents('Large')).toHaveLength(25);
  });
});

describe('copies within a side, of a mailbox that comes in parts', () => {
  const DATE = Date.parse('2026-11-01T00:00:00Z');
  const one = message({ id: 'shared', body: 'The one body.\r\n' });
  const other = message({ id: 'shared', body: 'The two body.\r\n' });

  /** A message both have in Work, and a large INBOX that is new there with these in it, the first and the last. */
  async function withOriginal(first: Buffer, last: Buffer): Promise<Rig> {
    const rig = await Rig.create();
    rig.remote.createMailbox('Work');
    rig.remote.add('Work', one, [], DATE);
    await rig.sync();
    rig.remote.createMailbox('Large');
    rig.remote.add('Large', first, [], DATE);
    for (let n = 0; n < 30; n++) rig.remote.add('Large', message({ id: `m${n}` }));
    rig.remote.add('Large', last, [], DATE);
    return rig;
  }

  it('are made of what is there already', async () => {
    const rig = await withOriginal(message({ id: 'else' }), one);
    const before = rig.local.traffic.delivered;
    await rig.sync({ atOnce: AT_ONCE });
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
    expect(rig.local.traffic.delivered - before).toBe(31);
  });

  it('are not made where a later part has another message of the kind', async () => {
    const rig = await withOriginal(other, one);
    const before = rig.local.traffic.delivered;
    await rig.sync({ atOnce: AT_ONCE });
    expect(rig.local.allContents()).toEqual(rig.remote.allContents());
    expect(rig.local.traffic.delivered - before).toBe(32);
  });
});

describe('a first look that hands rows over and fails', () => {
  it('leaves nothing of them, and the next one sees all', async () => {
    const rig = await large('remote');
    await rig.run(async repository => {
      const { remote } = repository.sides;
      const changes = remote.changes.bind(remote);
      remote.changes = async (...given) => {
        await changes(...given);
        throw new PosternError('mailbox-unreadable', 'it broke off', { mailbox: INBOX });
      };
      await sync(repository);
      expect(await repository.store.count('remote', 'INBOX')).toBe(0);
    });
    await rig.sync();
    expectOnce(rig);
  });
});
