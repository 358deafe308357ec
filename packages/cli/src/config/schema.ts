import { z } from 'zod';

/** The version of the configuration format this postern writes and reads. */
export const CONFIG_VERSION = 1;

const text = z.string().min(1).max(4000);
const plainText = text.refine(value => !/[\u0000-\u001f\u007f]/.test(value), 'it holds control characters');

/** `config.toml` as parsed; what the keys mean stands in docs/reference/configuration.md. */
export const configFile = z.strictObject({
  version: z.literal(CONFIG_VERSION, `this postern reads version ${CONFIG_VERSION}`),
  id: z.uuid('not a UUID'),
  remote: z.strictObject({
    url: text,
    user: plainText.optional(),
    tls: z.enum(['implicit', 'starttls', 'none']).optional(),
    ca: plainText.optional(),
    'password-command': z
      .union([text, z.array(text).min(1)], 'a command line, or a list of words')
      .optional(),
    layout: z.enum(['maildir++', 'fs']).optional(),
  }),
  local: z.strictObject({ layout: z.enum(['maildir++', 'fs']) }),
  apply: z.strictObject({ trash: z.enum(['auto', 'never']).optional() }).optional(),
  state: z.strictObject({ dir: plainText }).optional(),
});

export type ConfigFile = z.infer<typeof configFile>;

/** Every key by the table it stands in; '' is the top. For "did you mean". */
export const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(configFile.shape),
  remote: Object.keys(configFile.shape.remote.shape),
  local: Object.keys(configFile.shape.local.shape),
  apply: Object.keys(configFile.shape.apply.unwrap().shape),
  state: Object.keys(configFile.shape.state.unwrap().shape),
};
