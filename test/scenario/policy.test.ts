import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { POLICY_KINDS, type Policy, TWO_WAY } from '@postern/core/merge/policy.js';
import { SIDES } from '@postern/core/model/by-side.js';
import type { MailboxName } from '@postern/core/model/mailbox.js';
import { WHOLE_ACCOUNT } from '@postern/core/side/scope.js';
import { afterAll, describe, expect, it } from 'vitest';
import { type Config, readConfig } from '../../packages/cli/src/config/config.js';
import { contentOf } from '../support/letters.js';
import type { MemoryWorld } from '../support/memory-world.js';
import { message } from '../support/messages.js';
import { Rig } from '../support/rig.js';

const EXAMPLES = fileURLToPath(new URL('../../docs/examples/', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'postern-examples-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** An example as the command line reads it. */
function example(name: string): Config {
  const root = join(directory, name);
  mkdirSync(join(root, '.postern'), { recursive: true });
  copyFileSync(join(EXAMPLES, `${name}.toml`), join(root, '.postern', 'config.toml'));
  return readConfig(root);
}

const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'x', 'y', 'p', 'q', 'r1', 'l1', 'n', 'm'];
const NAMES = new Map(IDS.map(id => [contentOf(message({ id })), id]));
/** Where these are in both accounts before anything happens. */
const START = { INBOX: 'abcdef', Work: '', GoneR: 'x', GoneL: 'y', RenR: 'p', RenL: 'q' };

/** What an account holds: `aS` is message a with \Seen. */
function holds(world: MemoryWorld): Record<string, string> {
  const seen = Object.entries(world.allContents()).map(([mailbox, messages]) => {
    const words = messages.map(({ content, flags }) => {
      const id = NAMES.get(content) ?? '?';
      return `${id}${flags.map(flag => flag.replace('\\', '').charAt(0)).join('')}`;
    });
    return [mailbox, words.sort().join(' ')];
  });
  return Object.fromEntries(seen);
}

/** Two equal accounts, and then everything that can happen happens on each side. */
async function eventful(policy: Policy): Promise<Rig> {
  const rig = await Rig.create();
  for (const [mailbox, ids] of Object.entries(START)) {
    if (mailbox !== 'INBOX') rig.remote.createMailbox(mailbox);
    for (const id of ids) rig.remote.add(mailbox, message({ id }));
  }
  await rig.sync();
  expect(holds(rig.local)).toEqual(holds(rig.remote));
  rig.configure({ policy });
  const happen = (
    world: MemoryWorld,
    [seen, gone, moved]: string,
    own: readonly string[],
    side: 'R' | 'L',
  ) => {
    const key = (id: string) =>
      [...world.mailbox('INBOX').messages.values()].find(
        ({ identity }) => NAMES.get(identity.content) === id,
      )!.key;
    world.flag('INBOX', key(seen!), { add: [side === 'R' ? '\\Seen' : '\\Draft'] });
    world.remove('INBOX', key(gone!));
    world.move('INBOX', key(moved!), 'Work');
    world.add('INBOX', message({ id: own[0]! }));
    world.createMailbox(`New${side}`);
    world.add(`New${side}`, message({ id: own[1]! }));
    world.deleteMailbox(`Gone${side}`);
    world.renameMailbox(`Ren${side}`, `Ren${side}2`);
  };
  happen(rig.remote, 'abc', ['r1', 'n'], 'R');
  happen(rig.local, 'def', ['l1', 'm'], 'L');
  return rig;
}

/** Syncs until nothing is left, which must be soon; then once more, which must do nothing. */
async function converge(rig: Rig): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const { apply } = await rig.sync();
    expect(apply.counts).toMatchObject({ failed: 0, held: 0 });
  }
  const traffic = [rig.remote.traffic.delivered, rig.local.traffic.delivered];
  const { plan } = await rig.sync();
  expect(plan.actions).toEqual([]);
  expect([rig.remote.traffic.delivered, rig.local.traffic.delivered]).toEqual(traffic);
}

const REMOTE_SAYS = {
  INBOX: 'aS d e f r1',
  Work: 'c',
  GoneL: 'y',
  NewR: 'n',
  RenL: 'q',
  RenR2: 'p',
};
const LOCAL_SAYS = {
  INBOX: 'a b c dD l1',
  Work: 'f',
  GoneR: 'x',
  NewL: 'm',
  RenL2: 'q',
  RenR: 'p',
};
const BOTH_SAY = {
  INBOX: 'aS dD l1 r1',
  Work: 'c f',
  NewL: 'm',
  NewR: 'n',
  RenL2: 'q',
  RenR2: 'p',
};

/** What both accounts hold in the end, by example. */
const ENDS: Readonly<Record<string, Readonly<Record<'remote' | 'local', Readonly<Record<string, string>>>>>> =
  {
    'two-way': { remote: BOTH_SAY, local: BOTH_SAY },
    backup: {
      remote: REMOTE_SAYS,
      local: {
        INBOX: 'aS b dD l1 r1',
        Work: 'c f',
        GoneR: 'x',
        NewL: 'm',
        NewR: 'n',
        RenL2: 'q',
        RenR2: 'p',
      },
    },
    mirror: { remote: REMOTE_SAYS, local: BOTH_SAY },
    'read-only-remote': { remote: REMOTE_SAYS, local: { ...BOTH_SAY, INBOX: 'a dD l1 r1' } },
    'upload-only': {
      remote: {
        INBOX: 'aS dD e l1 r1',
        Work: 'c f',
        GoneL: 'y',
        NewL: 'm',
        NewR: 'n',
        RenL2: 'q',
        RenR2: 'p',
      },
      local: LOCAL_SAYS,
    },
  };

describe('the examples in docs', () => {
  it('are the ones whose ends are known here, and the page has each', () => {
    const files = readdirSync(EXAMPLES).filter(name => name.endsWith('.toml'));
    expect(files.sort()).toEqual(
      Object.keys(ENDS)
        .map(name => `${name}.toml`)
        .sort(),
    );
    const page = readFileSync(join(EXAMPLES, 'README.md'), 'utf8');
    for (const file of files) expect(page).toContain(`| [${file}](${file}) |`);
  });

  it.each(Object.keys(ENDS))('%s: both accounts come to rest as the page says', async name => {
    const rig = await eventful(example(name).policy);
    await converge(rig);
    expect({ remote: holds(rig.remote), local: holds(rig.local) }).toEqual(ENDS[name]);
  });

  it('say what they mean beside the policy', () => {
    expect(example('two-way')).toMatchObject({ policy: TWO_WAY, deletion: 'trash', atticDays: 30 });
    expect(example('two-way').scope.exclude).toEqual(['Trash', 'Spam', 'Lists/*/old']);
    expect(example('read-only-remote').scope.subscribed).toBe(true);
    expect(example('upload-only').scope.map).toEqual([{ remote: 'Archive/Home', local: 'INBOX/Home' }]);
    expect(example('mirror').scope).toEqual(WHOLE_ACCOUNT);
  });
});

describe('a policy without one kind in one direction', () => {
  it.each(SIDES.flatMap(on => POLICY_KINDS.map(kind => [on, kind] as const)))(
    'to the %s side, %s: comes to rest, loses and doubles nothing, and catches up when it is allowed',
    async (on, kind) => {
      const rig = await eventful({ ...TWO_WAY, [on]: { ...TWO_WAY[on], [kind]: false } });
      await converge(rig);
      const plan = await rig.plan();
      expect(plan.withheld).toBeGreaterThan(0);
      for (const side of SIDES) {
        const ids = Object.values(holds(rig[side]))
          .join(' ')
          .split(' ')
          .map(word => word.replace(/[A-Z].*/, ''));
        expect(new Set(ids).size, `${side}: ${ids}`).toBe(ids.length);
      }
      rig.configure({ policy: TWO_WAY });
      await converge(rig);
      expect({ remote: holds(rig.remote), local: holds(rig.local) }).toEqual(ENDS['two-way']);
    },
  );
});

describe('a deletion that may not be carried over', () => {
  it('leaves the pair as it is: the message is not copied back, and is forgotten when both are gone', async () => {
    const rig = await eventful(example('backup').policy);
    await converge(rig);
    const kept = [...rig.local.mailbox('INBOX').messages.values()].find(
      ({ identity }) => NAMES.get(identity.content) === 'b',
    )!;
    rig.local.remove('INBOX', kept.key);
    const { plan } = await rig.sync();
    expect(plan.actions.map(({ op }) => op)).toEqual(['unpair']);
    await converge(rig);
  });

  it('keeps every message of a mailbox that was emptied on the other side', async () => {
    const rig = await eventful(example('backup').policy);
    await converge(rig);
    const here = holds(rig.local);
    for (const key of [...rig.remote.mailbox('INBOX').messages.keys()]) rig.remote.remove('INBOX', key);
    await converge(rig);
    expect(holds(rig.local)).toEqual(here);
  });
});

describe('a mailbox that may not be made', () => {
  it('is reported once, with how many messages wait in it', async () => {
    const rig = await eventful({ ...TWO_WAY, local: { ...TWO_WAY.local, mailboxes: false } });
    await converge(rig);
    const { problems } = await rig.plan();
    expect(problems).toContainEqual({
      mailbox: 'NewR' as MailboxName,
      reason:
        'not on the local side, and [sync.remote-to-local] has mailboxes = false: 1 message waits in it',
    });
  });
});
