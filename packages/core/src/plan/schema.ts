import { z } from 'zod';
import { isFlag } from '../model/flags.js';
import { mailboxNameFault } from '../model/mailbox.js';

/** The version of the plan format this postern writes and reads. */
export const PLAN_VERSION = 1;

const noControls = (text: string) => !/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(text);

const mailbox = z.string().superRefine((text, context) => {
  const fault = mailboxNameFault(text);
  if (fault !== undefined) context.addIssue(`not a mailbox name: ${fault}`);
});
const uid = z.int().min(1).max(4294967295);
const uidValidity = z.string().regex(/^[1-9][0-9]{0,9}$/, 'a decimal number as a string');
const file = z
  .string()
  .regex(/^(?!\.)(?:[!-$&-.0-~]|%[0-9A-F]{2})+$/, 'a file name without directories; other octets as %XX')
  .max(1000)
  .refine(text => !/%2F|%00/.test(text), 'a file name holds no slash and no NUL');
const flag = z.string().refine(isFlag, 'not a flag');
const flags = z.array(flag).max(1000);
const text = z.string().max(20_000);
const digest = z.string().regex(/^[0-9a-f]{32}$/, '32 hex digits');

const message = z.strictObject({
  messageId: text.optional(),
  digest,
  size: z.int().min(0),
  date: text.optional(),
  from: text.optional(),
  subject: text.optional(),
});

const common = {
  id: z.string().regex(/^[0-9a-f]{24}$/, '24 hex digits'),
  mailbox,
  why: text.optional(),
  conflict: z.literal(true).optional(),
};

/** Remote end: a UID with its UIDVALIDITY, or a file where the remote is a Maildir. Local end: the other way round. */
const ends = {
  uid: uid.optional(),
  uidValidity: uidValidity.optional(),
  remoteFile: file.optional(),
  file: file.optional(),
  localUid: uid.optional(),
  localUidValidity: uidValidity.optional(),
};

/** Of a duplicate: both ends of the message that stays. */
const keptEnds = {
  keepUid: uid.optional(),
  keepUidValidity: uidValidity.optional(),
  keepRemoteFile: file.optional(),
  keepFile: file.optional(),
  keepLocalUid: uid.optional(),
  keepLocalUidValidity: uidValidity.optional(),
};

const mailboxOp = z.strictObject({
  op: z.enum([
    'create-mailbox-local',
    'create-mailbox-remote',
    'delete-mailbox-local',
    'delete-mailbox-remote',
  ]),
  ...common,
});

const renameOp = z.strictObject({
  op: z.enum(['rename-mailbox-local', 'rename-mailbox-remote']),
  ...common,
  to: mailbox,
});

const moveOp = z.strictObject({
  op: z.enum(['move-local', 'move-remote', 'copy-local', 'copy-remote']),
  ...common,
  to: mailbox,
  ...ends,
  message,
});

const messageOp = z.strictObject({
  op: z.enum([
    'pair',
    'download',
    'upload',
    'flag-local',
    'flag-remote',
    'delete-local',
    'delete-remote',
    'unpair',
  ]),
  ...common,
  ...ends,
  ...keptEnds,
  flags: flags.optional(),
  add: flags.optional(),
  remove: flags.optional(),
  message,
});

/** One action line of a plan. What each op requires beyond this stands in parse-line.ts. */
export const actionLine = z.discriminatedUnion('op', [mailboxOp, renameOp, moveOp, messageOp]);

/** The first line of a plan; a filter may have eaten it. */
export const headerLine = z.strictObject({
  op: z.literal('plan'),
  version: z.literal(PLAN_VERSION),
  repository: z.string().min(1).max(200).refine(noControls, 'holds control characters'),
  remote: text,
  local: text.optional(),
  created: z.string().max(40),
  actions: z.int().min(0),
  blocked: z.int().min(0).optional(),
});

export type ActionLine = z.infer<typeof actionLine>;
export type HeaderLine = z.infer<typeof headerLine>;
