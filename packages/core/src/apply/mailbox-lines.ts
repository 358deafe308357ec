import { type Action, sideWritten } from '../model/action.js';
import { otherSide, SIDES, type SideName } from '../model/by-side.js';
import { bug } from '../model/error.js';
import { hiddenAt, hides } from '../model/hidden.js';
import { compareText, type MailboxName } from '../model/mailbox.js';
import { isSameMailbox } from '../model/same-mailbox.js';
import { loadRecord, loadSnapshot } from '../observe/load-view.js';
import { observeMailbox } from '../observe/observe-mailbox.js';
import { witnessOf } from '../observe/went-back.js';
import type { Side } from '../side/side.js';
import { clearHints } from '../state/hints.js';
import type { MailboxRecord } from '../state/records.js';
import type { Repository } from '../state/repository.js';
import type { Change } from '../state/store.js';
import { already, type Refusal, type Report, skipped } from './judgement.js';

/** The side a line about a mailbox writes to. */
function writtenSide(action: Action): SideName {
  return sideWritten(action.op) ?? bug(`${action.op} writes to no side`);
}

export async function checkCreate(repository: Repository, action: Action): Promise<Refusal | undefined> {
  const on = writtenSide(action);
  const record = await loadRecord(repository.store, action.mailbox);
  if (record.sides[on] !== undefined) return already(`it is on the ${on} side`);
  if (record.sides[otherSide(on)] === undefined)
    return skipped(`it is not on the ${otherSide(on)} side (any more)`);
  return undefined;
}

/** Runs one `create-mailbox-*` line; "exists already" is success (RFC 4549 §5.1). */
export async function runCreate(repository: Repository, action: Action, report: Report): Promise<void> {
  const refusal = await checkCreate(repository, action);
  if (refusal !== undefined) return report(action, refusal);
  const on = writtenSide(action);
  const { mailbox } = action;
  const hidden = await besideHidden(repository, on, mailbox);
  if (hidden !== undefined) return report(action, hidden);
  const result = await repository.sides[on].createMailbox(mailbox);
  await observeMailbox(repository, on, mailbox);
  report(action, result === 'already' ? already(`it is on the ${on} side`) : undefined);
}

/** Where known mailboxes are out of sight, nothing is made beside them: it would hide them for good, and lie on another disk. */
async function besideHidden(
  { store, sides }: Repository,
  on: SideName,
  mailbox: MailboxName,
): Promise<Refusal | undefined> {
  if (sides[on].keys !== 'file') return undefined;
  const { entries, hidden } = await sides[on].list();
  const place = hidden?.find(one => hides(one, mailbox));
  if (place === undefined) return undefined;
  const listed = new Set(entries.map(entry => entry.mailbox));
  for (const record of (await store.all('mailbox', '')).values()) {
    if (
      record.agreed &&
      record.mailbox !== mailbox &&
      !listed.has(record.mailbox) &&
      hiddenAt([place], record) !== undefined
    ) {
      return skipped(`${record.mailbox} is out of sight there: ${place.reason}`);
    }
  }
  return undefined;
}

/** A rename stands while the other side still shows it: the old name gone, the new one there with the same messages. */
export async function checkRename(repository: Repository, action: Action): Promise<Refusal | undefined> {
  const on = writtenSide(action);
  const from = otherSide(on);
  const { store } = repository;
  const old = await loadRecord(store, action.mailbox);
  const now = await loadRecord(store, targetOf(action));
  if (now.agreed && old.sides[on] === undefined) return already(`it is called ${now.mailbox} on both sides`);
  if (old.sides[on] === undefined) return skipped(`it is not on the ${on} side`);
  if (old.sides[from] !== undefined) return skipped(`it is on the ${from} side (again)`);
  const snapshot = await loadSnapshot(store, now, from);
  if (snapshot === undefined) return skipped(`${now.mailbox} is not on the ${from} side`);
  if (now.sides[on] !== undefined) return skipped(`${now.mailbox} is on the ${on} side already`);
  if (old.rematch !== undefined) return skipped(`base proves nothing here in this round: ${old.rematch}`);
  const pairs = [...(await store.all('pair', action.mailbox)).values()];
  return isSameMailbox(pairs, from, snapshot) ? undefined : skipped(`${now.mailbox} is not the same mailbox`);
}

/**
 * Runs one `rename-mailbox-*` line; base moves along in one batch, no message travels. A server renames what is below as
 * well: a mailbox may have got its name already, and one that keeps its name on the other side gets it back.
 */
export async function runRename(repository: Repository, action: Action, report: Report): Promise<void> {
  const refusal = await checkRename(repository, action);
  if (refusal !== undefined) return report(action, refusal);
  const on = writtenSide(action);
  const to = targetOf(action);
  const hidden = await besideHidden(repository, on, to);
  if (hidden !== undefined) return report(action, hidden);
  if (!(await hasMoved(repository, on, { from: action.mailbox, to }))) {
    await repository.sides[on].renameMailbox(action.mailbox, to);
    await giveBackNames(repository, on, { from: action.mailbox, to });
  }
  await renameInState(repository, { from: action.mailbox, to, on });
  report(action);
}

interface Names {
  readonly from: MailboxName;
  readonly to: MailboxName;
}

/** Whether a side shows a mailbox under its new name already, with the messages of its pairs. */
async function hasMoved({ store, sides }: Repository, on: SideName, { from, to }: Names): Promise<boolean> {
  const there = await selectableOn(sides[on]);
  if (there.has(from) || !there.has(to)) return false;
  const snapshot = await sides[on].snapshot(to, undefined);
  return isSameMailbox([...(await store.all('pair', from)).values()], on, snapshot);
}

/** Mailboxes below that went along, although they have their old names on the other side. */
async function giveBackNames({ store, sides }: Repository, on: SideName, { from, to }: Names): Promise<void> {
  const records = [...(await store.all('mailbox', '')).values()];
  const staying = records.filter(
    ({ mailbox, sides: known }) =>
      mailbox.startsWith(`${from}/`) && known[on] !== undefined && known[otherSide(on)] !== undefined,
  );
  for (const { mailbox } of staying.sort((a, b) => compareText(a.mailbox, b.mailbox))) {
    const there = await selectableOn(sides[on]);
    const along = `${to}${mailbox.slice(from.length)}` as MailboxName;
    if (!there.has(mailbox) && there.has(along)) await sides[on].renameMailbox(along, mailbox);
  }
}

async function selectableOn(side: Side): Promise<ReadonlySet<MailboxName>> {
  const { entries } = await side.list();
  return new Set(entries.filter(entry => entry.selectable).map(entry => entry.mailbox));
}

async function renameInState(
  repository: Repository,
  { from, to, on }: { readonly from: MailboxName; readonly to: MailboxName; readonly on: SideName },
): Promise<void> {
  const { store, sides } = repository;
  const old = await loadRecord(store, from);
  const now = await loadRecord(store, to);
  const { generation } = old;
  const pending = generation + 1;
  const record: MailboxRecord = {
    mailbox: to,
    generation,
    pending,
    sides: { ...now.sides, [on]: old.sides[on] ?? bug('a rename without the mailbox') },
    agreed: true,
    formerly: from,
  };
  const changes: Change[] = [
    { clear: 'pair', mailbox: from },
    ...clearHints(from),
    ...clearHints(to),
    { clear: on, mailbox: from },
    { del: 'mailbox', mailbox: '', key: from },
    { put: 'mailbox', mailbox: '', key: to, value: record },
  ];
  for (const [key, value] of await store.all('pair', from))
    changes.push({ put: 'pair', mailbox: to, key, value });
  for (const [key, value] of await store.all(on, from)) changes.push({ put: on, mailbox: to, key, value });
  await store.write(changes, { durable: true });
  const witness = async (of: MailboxRecord) => {
    for (const side of SIDES) await sides[side].writeWitness(to, witnessOf(repository.id, of));
  };
  await witness(record);
  const { pending: _pending, formerly: _formerly, ...settled } = record;
  const value = { ...settled, generation: pending };
  await store.write([{ put: 'mailbox', mailbox: '', key: to, value }], { durable: true });
  await witness(value);
}

/** A mailbox is deleted when base has nothing in it any more, and the other side still does without it. */
export async function checkDelete(repository: Repository, action: Action): Promise<Refusal | undefined> {
  const on = writtenSide(action);
  const from = otherSide(on);
  const { store } = repository;
  const record = await loadRecord(store, action.mailbox);
  if (record.sides[on] === undefined) return already(`it is not on the ${on} side`);
  if (record.sides[from] !== undefined) return skipped(`it is on the ${from} side (again)`);
  if (!record.agreed) return skipped(`it was never on the ${from} side`);
  if (record.rematch !== undefined)
    return skipped(`base proves nothing here in this round: ${record.rematch}`);
  const left = await store.count(on, action.mailbox);
  return left === 0 ? undefined : skipped(`${left} messages are in it`);
}

/** Runs one `delete-mailbox-*` line. The side refuses when anything is in it at that moment. */
export async function runDelete(repository: Repository, action: Action, report: Report): Promise<void> {
  const refusal = await checkDelete(repository, action);
  if (refusal !== undefined) return report(action, refusal);
  const on = writtenSide(action);
  const { mailbox } = action;
  const result = await repository.sides[on].deleteMailbox(mailbox);
  await repository.store.write(
    [
      { clear: 'pair', mailbox },
      ...clearHints(mailbox),
      { clear: on, mailbox },
      { del: 'mailbox', mailbox: '', key: mailbox },
    ],
    { durable: true },
  );
  report(action, result === 'already' ? already(`it is not on the ${on} side`) : undefined);
}

function targetOf(action: Action): MailboxName {
  return action.to ?? bug('a rename without its new name');
}
