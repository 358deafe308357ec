import { expect } from 'vitest';
import { DiskRig, type DiskRigOptions } from '../../support/disk-rig.js';
import { falseTwins, message, twins } from '../../support/messages.js';

/**
 * Forty messages in two mailboxes that both sides have, with flags: twins, false twins, messages without Message-ID. Half
 * of them came from each side, and everything is in sync.
 */
export async function pairedMail(options: DiskRigOptions = {}): Promise<DiskRig> {
  const rig = await DiskRig.create(options);
  for (const world of [rig.remote, rig.local]) world.createMailbox('Work');
  const flags = [[], ['\\Seen'], ['\\Flagged', '\\Seen'], ['\\Answered'], ['\\Draft']];
  const letters = [
    ...twins({ subject: 'Twins' }),
    ...falseTwins(),
    ...twins({ id: false, subject: 'No id, twice' }),
    message({ id: false, subject: 'No id, once' }),
    message({ id: false, subject: 'No id, another' }),
    ...Array.from({ length: 32 }, (_, at) =>
      message({ subject: `Message ${at}`, body: `${at}\r\n`.repeat(at) }),
    ),
  ];
  for (const [at, bytes] of letters.entries()) {
    const world = at % 4 < 2 ? rig.remote : rig.local;
    world.add(at % 3 === 2 ? 'Work' : 'INBOX', bytes, flags[at % flags.length]);
  }
  await rig.sync();
  return rig;
}

/** What a repair must leave alone: both worlds as people see them, and the messages they took in. */
export function mailOf(rig: DiskRig) {
  return {
    remote: rig.remote.allContents(),
    local: rig.local.allContents(),
    delivered: [rig.remote.traffic.delivered, rig.local.traffic.delivered],
  };
}

/** Every message is an end of exactly one pair, and the two ends have the same content. */
export async function expectRightPairs(rig: DiskRig, count = 40): Promise<void> {
  const pairs = [...(await rig.pairs())];
  expect(pairs).toHaveLength(count);
  expect(new Set(pairs.map(([name]) => name)).size).toBe(count);
  expect(new Set(pairs.map(([name, { local }]) => `${name.split(' ')[0]} ${local.key}`)).size).toBe(count);
  for (const [name, { remote, local }] of pairs) {
    const mailbox = name.split(' ')[0]!;
    const contents = [rig.remote.message(mailbox, remote.key), rig.local.message(mailbox, local.key)];
    expect(contents[0]?.identity.content).toBe(contents[1]?.identity.content);
  }
}

/** Both sides are as they were, nothing is left to do, and a second repair finds nothing to repair. */
export async function expectRepaired(rig: DiskRig, mail: ReturnType<typeof mailOf>): Promise<void> {
  const { actions, blocked } = await rig.plan();
  expect(actions).toEqual([]);
  expect(blocked).toEqual([]);
  await expectRightPairs(rig);
  expect(mailOf(rig)).toEqual(mail);
  const again = await rig.repair();
  expect(again.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
  expect([again.repaired, again.blocked]).toEqual([undefined, []]);
}
