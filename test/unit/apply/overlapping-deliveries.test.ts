import { sync } from '@postern/core/api/sync.js';
import { applyActions } from '@postern/core/apply/apply-actions.js';
import { CommitQueue } from '@postern/core/apply/commit-queue.js';
import type { SideName } from '@postern/core/model/by-side.js';
import { PosternError } from '@postern/core/model/error.js';
import type { Epoch, MessageKey } from '@postern/core/model/row.js';
import type { Repository } from '@postern/core/state/repository.js';
import { describe, expect, it } from 'vitest';
import { message } from '../../support/messages.js';
import { Rig } from '../../support/rig.js';

/** Six messages on one side: three batches for the other. */
async function sixOn(side: SideName): Promise<Rig> {
  const rig = await Rig.create();
  await rig.sync();
  for (let n = 0; n < 6; n++) rig[side].add('INBOX', message({ id: `m${n}` }));
  return rig;
}

interface Watch {
  /** Before the n-th batch is published, from 1. */
  readonly publish?: (batch: number) => Promise<void>;
  /** Before the n-th batch is read. */
  readonly read?: (batch: number) => Promise<void>;
}

/** Publishes none of the first batches before the next is being read. */
class Overlap {
  readonly #begun = new Map<number, () => void>();
  readonly #isRead = [2, 3].map(number => new Promise<void>(resolve => this.#begun.set(number, resolve)));

  /** Would wait for ever if the next were read afterwards. */
  readonly publish = async (number: number) => this.#isRead[number - 1];
  readonly read = async (number: number) => this.#begun.get(number)?.();
}

/** Tells of deliveries from one side to the other, and lets them be disturbed. */
function watch({ sides }: Repository, from: SideName, { publish, read }: Watch): string[] {
  const events: string[] = [];
  const [source, target] = from === 'remote' ? [sides.remote, sides.local] : [sides.local, sides.remote];
  const [readFrom, deliverTo] = [source.read.bind(source), target.deliver.bind(target)];
  let reads = 0;
  let batches = 0;
  source.read = async (...given) => {
    const number = ++reads;
    events.push(`read ${number}`);
    await read?.(number);
    return readFrom(...given);
  };
  target.deliver = async mailbox => {
    const number = ++batches;
    const batch = await deliverTo(mailbox);
    const publishAll = batch.publish.bind(batch);
    batch.publish = async () => {
      await publish?.(number);
      const outcomes = await publishAll();
      events.push(`published ${number}`);
      return outcomes;
    };
    return batch;
  };
  return events;
}

const dead = () => new PosternError('unreachable', 'the line is dead');

function expectOnce(rig: Rig): void {
  expect(rig.local.contents('INBOX')).toHaveLength(6);
  expect(rig.local.allContents()).toEqual(rig.remote.allContents());
  expect(rig.local.mailbox('INBOX').temporary.size).toBe(0);
}

describe('deliveries of one mailbox', () => {
  it('overlap where names are chosen beforehand: one is read while another is published', async () => {
    const rig = await sixOn('remote');
    await rig.run(async repository => {
      const events = watch(repository, 'remote', new Overlap());
      const { apply } = await sync(repository, {});
      expect(apply.counts).toMatchObject({ done: 6, failed: 0 });
      expect(events).toEqual(['read 1', 'read 2', 'published 1', 'read 3', 'published 2', 'published 3']);
    });
    expectOnce(rig);
    expect((await rig.plan()).actions).toEqual([]);
    expect((await rig.check()).findings).toEqual([]);
  });

  it('follow each other where UIDs tell which are new', async () => {
    const rig = await sixOn('local');
    await rig.run(async repository => {
      const events = watch(repository, 'local', {});
      await sync(repository, {});
      expect(events).toEqual([1, 2, 3].flatMap(n => [`read ${n}`, `published ${n}`]));
    });
    expectOnce(rig);
  });

  it('leave nothing of the next one where one fails, and come once later', async () => {
    const rig = await sixOn('remote');
    await rig.run(async repository => {
      const overlap = new Overlap();
      const publish = async (number: number) => {
        await overlap.publish(number);
        if (number === 2) throw new PosternError('disk-full', 'no space left', { mailbox: 'INBOX' });
      };
      const events = watch(repository, 'remote', { ...overlap, publish });
      const { apply } = await sync(repository, {});
      expect(apply.counts).toMatchObject({ done: 2, failed: 4 });
      expect(events).toEqual(['read 1', 'read 2', 'published 1', 'read 3']);
    });
    expect(rig.local.contents('INBOX')).toHaveLength(2);
    expect(rig.local.mailbox('INBOX').temporary.size).toBe(0);
    expect((await rig.sync()).apply.counts).toMatchObject({ done: 4, failed: 0 });
    expectOnce(rig);
    expect(rig.local.traffic.delivered).toBe(6);
  });

  it('keep what one brought while the next could not be read', async () => {
    const rig = await sixOn('remote');
    await rig.run(async repository => {
      const overlap = new Overlap();
      const read = async (number: number) => {
        await overlap.read(number);
        if (number === 2) throw dead();
      };
      const events = watch(repository, 'remote', { ...overlap, read });
      expect((await sync(repository, {})).apply.stopped).toMatchObject({ code: 'unreachable' });
      expect(events).toEqual(['read 1', 'read 2', 'published 1']);
    });
    const { apply } = await rig.sync();
    expect(apply.counts).toMatchObject({ done: 4, already: 0, failed: 0 });
    expectOnce(rig);
    expect(rig.local.traffic.delivered).toBe(6);
  });

  it.each([1, 2, 3])(
    'bring a message once that two lines are about, the other %i lines after it',
    async after => {
      const rig = await sixOn('remote');
      const { actions } = await rig.plan();
      const [first] = actions;
      const other = {
        ...first!,
        id: 'f'.repeat(24),
        local: { epoch: '' as Epoch, key: 'formerly' as MessageKey },
      };
      const given = [...actions.slice(0, after), other, ...actions.slice(after)];
      const report = await rig.run(repository => applyActions(repository, given));
      expect(report.counts).toMatchObject({ done: 6, failed: 0 });
      expectOnce(rig);
      expect((await rig.sync()).plan.actions).toEqual([]);
      expectOnce(rig);
    },
  );

  it('tell of the one that failed first where both fail', async () => {
    const rig = await sixOn('remote');
    await rig.run(async repository => {
      watch(repository, 'remote', {
        publish: async () => {
          throw new PosternError('failed', 'the disk is gone');
        },
        read: async number => {
          if (number === 2) throw dead();
        },
      });
      expect((await sync(repository, {})).apply.stopped?.message).toBe('the disk is gone');
    });
    await rig.sync();
    expectOnce(rig);
  });
});

describe('commits of one mailbox', () => {
  it('follow each other, and one takes along what is asked for before its turn', async () => {
    const written: string[] = [];
    let waiting = '';
    const queue = new CommitQueue(async ({ durable }) => {
      const batch = waiting;
      waiting = '';
      await Promise.resolve();
      if (batch !== '') written.push(`${batch}${durable ? ' durable' : ''}`);
    });
    const commit = (text: string, durable: boolean) => {
      waiting += text;
      return queue.commit({ durable });
    };
    await Promise.all([commit('a', false), commit('b', true), commit('c', false)]);
    expect(written).toEqual(['abc durable']);
    await commit('d', false);
    const e = commit('e', false);
    await Promise.resolve();
    await Promise.all([e, commit('f', true)]);
    expect(written.slice(1)).toEqual(['d', 'e', 'f durable']);
  });

  it('all fail after one that failed', async () => {
    let writes = 0;
    const queue = new CommitQueue(async () => {
      if (++writes === 2) throw dead();
    });
    await queue.commit({ durable: true });
    const both = await Promise.allSettled([1, 2].map(() => queue.commit({ durable: false })));
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(queue.commit({ durable: true })).rejects.toThrow('the line is dead');
    expect(writes).toBe(2);
  });
});
