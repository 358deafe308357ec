import { type Action, isDeletion, isDelivery, type Op } from '../model/action.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Repository } from '../state/repository.js';
import { checkCopy } from './copying.js';
import { Desk } from './desk.js';
import { checkDuplicate, findOrigin } from './duplicating.js';
import { checkFlag } from './flagging.js';
import type { Refusal, Report } from './judgement.js';
import { checkCreate, checkDelete, checkRename } from './mailbox-lines.js';
import { checkMove } from './moving.js';
import { checkPair, checkUnpair } from './pairing.js';
import { checkRemoval } from './removing.js';

/** A dry run: every check that needs no effect. What a mailbox that is yet to be created will hold is taken on trust. */
export async function rehearse(
  repository: Repository,
  actions: readonly Action[],
  report: Report,
): Promise<void> {
  const desks = new Map<MailboxName, Desk>();
  const deskOf = async (mailbox: MailboxName) => {
    const desk = desks.get(mailbox) ?? (await Desk.open(repository, mailbox, 'dry-run'));
    desks.set(mailbox, desk);
    return desk;
  };
  const created = new Set<MailboxName>();
  for (const action of actions) {
    const { mailbox, to } = action;
    const checkMailbox = MAILBOX_CHECKS[action.op];
    if (checkMailbox !== undefined) {
      // Whether it will be empty at its turn is not known before the deletions ran.
      const refusal = action.op.startsWith('delete') ? undefined : await checkMailbox(repository, action);
      if (refusal === undefined) created.add(to ?? mailbox);
      report(action, refusal);
    } else if (created.has(to ?? mailbox)) report(action);
    else if (to !== undefined) {
      const target = await deskOf(to);
      const refusal = action.op.startsWith('move-')
        ? checkMove({ from: await deskOf(mailbox), to: target }, action)
        : checkDuplicate(target, await findOrigin(repository, action), action);
      report(action, refusal);
    } else report(action, checkAction(await deskOf(mailbox), action));
  }
}

const MAILBOX_CHECKS: Partial<Record<Op, typeof checkCreate>> = {
  'create-mailbox-local': checkCreate,
  'create-mailbox-remote': checkCreate,
  'rename-mailbox-local': checkRename,
  'rename-mailbox-remote': checkRename,
  'delete-mailbox-local': checkDelete,
  'delete-mailbox-remote': checkDelete,
};

function checkAction(desk: Desk, action: Action): Refusal | undefined {
  if (action.op === 'pair') return checkPair(desk, action);
  if (action.op === 'unpair') return checkUnpair(desk, action);
  if (isDelivery(action.op)) return checkCopy(desk, action);
  if (isDeletion(action.op)) return checkRemoval(desk, action);
  return checkFlag(desk, action);
}
