import type { Plan } from '@postern/core/api/plan.js';
import { message } from './messages.js';
import { Rig } from './rig.js';

/** A repository and its plan. */
export interface PlannedRig {
  readonly rig: Rig;
  readonly plan: Plan;
}

/**
 * A repository in memory at a point where its plan holds every op there is, and beside what is to be done, mail at rest,
 * twins, false twins, a conflict and mailboxes that a forged line could aim at.
 */
export async function everyOp(): Promise<PlannedRig> {
  const rig = await Rig.create();
  const { remote, local } = rig;
  for (const name of ['Work', 'Archive', 'Old here', 'Old there', 'Gone here', 'Gone there'])
    remote.createMailbox(name);
  const keys = new Map<string, string>();
  for (const name of [
    'rest1',
    'rest2',
    'moved here',
    'moved there',
    'copied here',
    'copied there',
    'deleted here',
    'deleted there',
    'flagged here',
    'flagged there',
    'forgotten',
    'kept',
  ])
    keys.set(name, remote.add('INBOX', letter(name)));
  remote.add('Work', letter('work'));
  remote.add('INBOX', letter('twin'));
  remote.add('INBOX', letter('twin'));
  for (const mailbox of ['Old here', 'Old there', 'Gone here', 'Gone there'])
    for (const number of [1, 2]) remote.add(mailbox, letter(`${mailbox} ${number}`));
  await rig.sync();

  const at = (name: string) => keys.get(name)!;
  const file = (name: string) => {
    const { content } = remote.message('INBOX', at(name)).identity;
    const found = [...local.mailbox('INBOX').messages.values()].find(one => one.identity.content === content);
    return found!.key;
  };
  local.deleteMailbox('Gone here');
  remote.deleteMailbox('Gone there');
  await rig.plan();
  local.renameMailbox('Old here', 'New here');
  remote.renameMailbox('Old there', 'New there');
  local.createMailbox('Made here');
  remote.createMailbox('Made there');
  local.add('Made here', letter('made here'));
  remote.add('Made there', letter('made there'));
  local.move('INBOX', file('moved here'), 'Work');
  remote.move('INBOX', at('moved there'), 'Work');
  local.copy('INBOX', file('copied here'), 'Archive');
  remote.copy('INBOX', at('copied there'), 'Archive');
  for (const name of ['deleted here', 'forgotten', 'kept']) local.remove('INBOX', file(name));
  for (const name of ['deleted there', 'forgotten']) remote.remove('INBOX', at(name));
  local.flag('INBOX', file('flagged here'), { add: ['\\Flagged'] });
  remote.flag('INBOX', at('flagged there'), { add: ['\\Seen', '$Label1'] });
  remote.flag('INBOX', at('kept'), { add: ['\\Flagged'] });
  remote.add('INBOX', letter('both'), ['\\Seen']);
  local.add('INBOX', letter('both'), ['\\Flagged']);
  remote.add('INBOX', letter('new there'));
  local.add('INBOX', letter('new here'));
  remote.add('INBOX', message({ id: 'false', body: 'One.\r\n' }));
  local.add('INBOX', message({ id: 'false', body: 'Another.\r\n' }));
  await rig.plan();
  return { rig, plan: await rig.plan() };
}

function letter(name: string): Buffer {
  return message({ id: name.replaceAll(' ', '-'), subject: name, body: `This is ${name}.\r\n` });
}
