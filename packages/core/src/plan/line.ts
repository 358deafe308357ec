import { type Action, type MessageNote, OPS, type Op } from '../model/action.js';
import type { BySide, SideName } from '../model/by-side.js';
import { PosternError } from '../model/error.js';
import { type Flags, flagsFrom } from '../model/flags.js';
import { mailboxName } from '../model/mailbox.js';
import type { End } from '../model/pair.js';
import { type Epoch, type MessageKey, NO_EPOCH } from '../model/row.js';
import { actionId } from './action-id.js';
import { issueWords } from './issue-words.js';
import { type ActionLine, actionLine } from './schema.js';
import { shown } from './shown.js';

/** Which ends and fields an op cannot do without. A missing precondition is an invalid action, never "always true". */
const REQUIRED: Partial<
  Record<Op, { readonly ends: readonly SideName[]; readonly flags?: true; readonly delta?: true }>
> = {
  pair: { ends: ['remote', 'local'] },
  'move-local': { ends: ['remote', 'local'] },
  'copy-local': { ends: ['remote', 'local'] },
  'copy-remote': { ends: ['remote', 'local'] },
  'move-remote': { ends: ['remote', 'local'] },
  unpair: { ends: ['remote', 'local'] },
  download: { ends: ['remote'] },
  upload: { ends: ['local'] },
  'flag-local': { ends: ['remote', 'local'], flags: true, delta: true },
  'flag-remote': { ends: ['remote', 'local'], flags: true, delta: true },
  'delete-local': { ends: ['remote', 'local'] },
  'delete-remote': { ends: ['remote', 'local'] },
};

/** An action as a plan line shows it; keys in a fixed order. */
export function lineOf(action: Action): Record<string, unknown> {
  const { op, id, mailbox, to, remote, local, keep, flags, add, remove, message, why, conflict } = action;
  return {
    op,
    id,
    mailbox,
    ...(to === undefined ? {} : { to }),
    ...(remote === undefined ? {} : endFields(remote, 'remote')),
    ...(local === undefined ? {} : endFields(local, 'local')),
    ...(keep === undefined ? {} : keptFields(keep)),
    ...(flags === undefined ? {} : { flags }),
    ...(add === undefined ? {} : { add }),
    ...(remove === undefined ? {} : { remove }),
    ...(message === undefined ? {} : { message }),
    why,
    ...(conflict === undefined ? {} : { conflict }),
  };
}

function endFields(end: End, side: SideName): Record<string, unknown> {
  if (end.epoch === NO_EPOCH) return side === 'remote' ? { remoteFile: end.key } : { file: end.key };
  const uid = Number(end.key);
  return side === 'remote' ? { uid, uidValidity: end.epoch } : { localUid: uid, localUidValidity: end.epoch };
}

/** The ends of what stays, under the names of ends with `keep` before them. */
function keptFields(keep: BySide<End>): Record<string, unknown> {
  const fields = { ...endFields(keep.remote, 'remote'), ...endFields(keep.local, 'local') };
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [`keep${name[0]!.toUpperCase()}${name.slice(1)}`, value]),
  );
}

/** Reads one line of a plan, as untrusted input. Throws `plan-invalid` with the reason. */
export function actionOf(value: unknown, repository: string): Action {
  const op = typeof value === 'object' && value !== null ? (value as { op?: unknown }).op : undefined;
  if (typeof op !== 'string') invalid('it has no "op"');
  if (!OPS.includes(op as Op)) invalid(`unknown op ${shown(op)}`);
  const parsed = actionLine.safeParse(value);
  if (!parsed.success) invalid(issueWords(parsed.error.issues[0]!, value));
  const action = toAction(parsed.data);
  const required = REQUIRED[action.op];
  for (const side of required?.ends ?? []) {
    if (action[side] === undefined)
      invalid(`"${action.op}" needs ${side === 'remote' ? '"uid" and "uidValidity"' : '"file"'}`);
  }
  if (required?.flags && action.flags === undefined) invalid(`"${action.op}" needs "flags"`);
  if (required?.delta && !action.add?.length && !action.remove?.length)
    invalid(`"${action.op}" needs "add" or "remove"`);
  if (action.to === action.mailbox) invalid('"to" is the mailbox it is in');
  if (action.add?.some(flag => action.remove?.includes(flag))) invalid('a flag is in "add" and in "remove"');
  if (actionId(repository, action) !== action.id) {
    invalid(
      'its "id" does not belong to what it says: the line was edited, or the plan is of another repository',
    );
  }
  return action;
}

function toAction(line: ActionLine): Action {
  const base = {
    op: line.op,
    id: line.id,
    mailbox: mailboxName(line.mailbox),
    ...('to' in line ? { to: mailboxName(line.to) } : {}),
    why: line.why ?? '',
    ...(line.conflict === undefined ? {} : { conflict: line.conflict }),
  };
  if (!('message' in line)) return base;
  const remote = endOf(line.uid, line.uidValidity, line.remoteFile);
  const local = endOf(line.localUid, line.localUidValidity, line.file);
  const keep = keptOf(line);
  const flags =
    'flags' in line
      ? {
          ...flagField('flags', line.flags),
          ...flagField('add', line.add),
          ...flagField('remove', line.remove),
        }
      : {};
  return {
    ...base,
    ...(remote === undefined ? {} : { remote }),
    ...(local === undefined ? {} : { local }),
    ...(keep === undefined ? {} : { keep }),
    ...flags,
    message: line.message as MessageNote,
  };
}

interface KeptFields {
  readonly keepUid?: number | undefined;
  readonly keepUidValidity?: string | undefined;
  readonly keepRemoteFile?: string | undefined;
  readonly keepFile?: string | undefined;
  readonly keepLocalUid?: number | undefined;
  readonly keepLocalUidValidity?: string | undefined;
}

/** What stays of a duplicate; half of it is as good as nothing, and refused. */
function keptOf(line: KeptFields & Pick<ActionLine, 'op'>): BySide<End> | undefined {
  const remote = endOf(line.keepUid, line.keepUidValidity, line.keepRemoteFile);
  const local = endOf(line.keepLocalUid, line.keepLocalUidValidity, line.keepFile);
  if (remote === undefined && local === undefined) return undefined;
  if (remote === undefined || local === undefined) invalid('what is kept needs both its ends');
  if (line.op !== 'delete-local') invalid(`"${line.op}" keeps nothing`);
  return { remote, local };
}

function flagField(
  name: 'flags' | 'add' | 'remove',
  flags: readonly string[] | undefined,
): { [name: string]: Flags } {
  return flags === undefined ? {} : { [name]: flagsFrom(flags) };
}

function endOf(
  uid: number | undefined,
  validity: string | undefined,
  file: string | undefined,
): End | undefined {
  if (file !== undefined) {
    if (uid !== undefined || validity !== undefined)
      invalid('a message is named by a UID or by a file, not by both');
    return { epoch: NO_EPOCH, key: file as MessageKey };
  }
  if (uid === undefined && validity === undefined) return undefined;
  if (uid === undefined || validity === undefined)
    invalid('a UID needs its UIDVALIDITY, and the other way round');
  return { epoch: validity as Epoch, key: String(uid) as MessageKey };
}

function invalid(reason: string): never {
  throw new PosternError('plan-invalid', reason);
}
