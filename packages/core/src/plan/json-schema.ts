import { z } from 'zod';
import { actionLine, headerLine } from './schema.js';

/**
 * The JSON Schema (draft 2020-12) of one line of a plan: the header or an action. What an op requires beyond it (its ends,
 * flags, a right id) is checked by `readPlan`.
 */
export function planJsonSchema(): object {
  return {
    ...z.toJSONSchema(z.union([headerLine, actionLine]), { io: 'input' }),
    title: 'A line of a postern plan',
  };
}
