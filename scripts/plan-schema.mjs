// Writes docs/plan.schema.json from the schema that plans are read with. Build first.
import { writeFileSync } from 'node:fs';
import { planJsonSchema } from '../packages/core/dist/plan/json-schema.js';

const text = `${JSON.stringify(planJsonSchema(), undefined, 2)}\n`;
writeFileSync(new URL('../docs/plan.schema.json', import.meta.url), text);
