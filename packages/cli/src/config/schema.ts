import { POLICY_KINDS, type PolicyKind } from '@postern/core/merge/policy.js';
import { mailboxPatternFault } from '@postern/core/model/mailbox-pattern.js';
import { EXTENSIONS } from '@postern/core/side/imap/extensions.js';
import { z } from 'zod';

/** The version of the configuration format this postern writes and reads. */
export const CONFIG_VERSION = 1;

const text = z.string().min(1).max(4000);
const plainText = text.refine(value => !/[\u0000-\u001f\u007f]/.test(value), 'it holds control characters');

const end = z.strictObject({
  url: text,
  user: plainText.optional(),
  tls: z.enum(['implicit', 'starttls', 'none']).optional(),
  ca: plainText.optional(),
  'password-command': z.union([text, z.array(text).min(1)], 'a command line, or a list of words').optional(),
  reader: z.enum(['bulk', 'imapflow']).optional(),
  'disable-extensions': z.array(z.enum(EXTENSIONS)).optional(),
  connections: z.int().min(1).max(10).optional(),
  layout: z.enum(['maildir++', 'fs']).optional(),
  copies: z.enum(['files', 'links']).optional(),
});

const pattern = text.superRefine((value, context) => {
  const fault = mailboxPatternFault(value);
  if (fault !== undefined) context.addIssue(`${JSON.stringify(value)} is no pattern: ${fault}`);
});

const permissions = z
  .strictObject({
    new: z.boolean(),
    flags: z.boolean(),
    deletes: z.boolean(),
    moves: z.boolean(),
    mailboxes: z.boolean(),
  } satisfies Record<PolicyKind, z.ZodBoolean>)
  .partial();

/** `config.toml` as parsed; what the keys mean stands in docs/reference/configuration.md. */
export const configFile = z.strictObject({
  version: z.literal(CONFIG_VERSION, `this postern reads version ${CONFIG_VERSION}`),
  id: z.uuid('not a UUID'),
  remote: end,
  local: end.partial({ url: true }),
  scope: z
    .strictObject({
      include: z.array(pattern).optional(),
      exclude: z.array(pattern).optional(),
      subscribed: z.boolean().optional(),
    })
    .optional(),
  map: z.record(text, text).optional(),
  sync: z
    .strictObject({
      'remote-to-local': permissions.optional(),
      'local-to-remote': permissions.optional(),
      delete: z.strictObject({ remote: z.enum(['trash', 'expunge', 'mark']).optional() }).optional(),
    })
    .optional(),
  attic: z.strictObject({ days: z.int().min(0).max(36_500).optional() }).optional(),
  state: z.strictObject({ dir: plainText }).optional(),
});

export type ConfigFile = z.infer<typeof configFile>;

/** Every key by the table it stands in; '' is the top. For "did you mean". */
export const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(configFile.shape),
  remote: Object.keys(configFile.shape.remote.shape),
  local: Object.keys(configFile.shape.local.shape),
  scope: Object.keys(configFile.shape.scope.unwrap().shape),
  sync: Object.keys(configFile.shape.sync.unwrap().shape),
  'sync.remote-to-local': POLICY_KINDS,
  'sync.local-to-remote': POLICY_KINDS,
  'sync.delete': Object.keys(configFile.shape.sync.unwrap().shape.delete.unwrap().shape),
  attic: Object.keys(configFile.shape.attic.unwrap().shape),
  state: Object.keys(configFile.shape.state.unwrap().shape),
};
