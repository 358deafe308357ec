import { readFileSync } from 'node:fs';
import { OPS } from '@postern/core/model/action.js';
import { planJsonSchema } from '@postern/core/plan/json-schema.js';
import { describe, expect, it } from 'vitest';

const file = new URL('../../../docs/plan.schema.json', import.meta.url);

describe('docs/plan.schema.json', () => {
  it('is what scripts/plan-schema.mjs makes of the schema that plans are read with', () => {
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(planJsonSchema())));
  });

  it('knows no op that the model does not have', () => {
    const known = new Set<string>([...OPS, 'plan']);
    const ops = [
      ...JSON.stringify(planJsonSchema()).matchAll(
        /"op":\{"type":"string","(?:enum":\[([^\]]*)\]|const":("[^"]*"))/g,
      ),
    ];
    expect(ops.length).toBeGreaterThan(2);
    for (const [, several, one] of ops)
      for (const op of JSON.parse(`[${several ?? one}]`) as string[]) expect(known).toContain(op);
  });
});
