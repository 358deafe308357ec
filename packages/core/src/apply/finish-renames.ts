import { SIDES } from '../model/by-side.js';
import type { Problem } from '../model/row.js';
import type { Repository } from '../state/repository.js';

/** Ends renames of mailboxes that died in between, before anything is concluded from what the sides show. */
export async function finishRenames({ sides }: Repository): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const side of SIDES) problems.push(...(await sides[side].finishRenames()));
  return problems;
}
