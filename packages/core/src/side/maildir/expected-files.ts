import type { Clock } from '../../model/clock.js';
import type { Row } from '../../model/row.js';
import { Breather } from './breather.js';
import { Census } from './census.js';
import { baseOf } from './file-name.js';
import { digestFile, type Found, fileStamp } from './mail-file.js';
import type { Octets } from './octets.js';
import type { MailDirectories } from './scan-pass.js';

/** A file that is the message a row tells of, and what its bytes are. */
export interface ExpectedFile extends Extract<Found, { kind: 'file' }> {
  readonly facts: Pick<Row, 'identity' | 'envelope'>;
}

/** Why a row's message was not met. */
export type Unmet =
  | { readonly kind: 'gone' }
  | { readonly kind: 'changed'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Looks for the file of each row, whatever its flags are now, and acts on it while its bytes are those of the row. An act
 * that answers undefined did not find the file under that name any more: it is looked for again. Answers in order.
 */
export async function eachExpected<T>(
  { directories, clock }: { readonly directories: MailDirectories; readonly clock: Clock },
  rows: readonly Row[],
  act: (file: ExpectedFile) => Promise<T | undefined>,
): Promise<(T | Unmet)[]> {
  const bases = rows.map(({ key }) => baseOf(key));
  const wanted = bases.filter(base => base !== undefined);
  const census = await Census.take({ directories, clock, wanted, stableNeeded: 2 });
  const breather = new Breather();
  const answers: (T | Unmet)[] = [];
  for (const [index, row] of rows.entries()) {
    const base = bases[index];
    let answer: T | Unmet | undefined;
    if (base !== undefined) {
      await census.settle([base], async (_base, found) => {
        const file = await verify(found, row, breather);
        answer = file === undefined || file.kind !== 'file' ? file : await act(file);
        return answer === undefined ? 'vanished' : 'settled';
      });
    }
    answers.push(answer ?? missing(census, base));
  }
  return answers;
}

function missing(census: Census, base: Octets | undefined): Unmet {
  if (base === undefined || census.isGone(base)) return { kind: 'gone' };
  return { kind: 'refused', reason: 'it is renamed by someone else all the time' };
}

/** Reads the file only where size and mtime are not those of the row. */
async function verify(
  found: Exclude<Found, { kind: 'vanished' }>,
  { identity, envelope, stamp }: Row,
  breather: Breather,
): Promise<ExpectedFile | Unmet | undefined> {
  if (found.kind === 'unreadable') return { kind: 'refused', reason: found.reason };
  if (stamp === fileStamp(found.stats)) return { ...found, facts: { identity, envelope } };
  const breathe = async () => {
    if (breather.isDue) await breather.breath();
  };
  await breathe();
  const file = await digestFile(found.path, breathe);
  if (file.kind === 'vanished') return undefined;
  if (file.kind === 'unreadable') return { kind: 'refused', reason: file.reason };
  const now = file.facts.identity;
  const isSame =
    identity.content === undefined ? identity.digest === now.digest : identity.content === now.content;
  if (!isSame) return { kind: 'changed', reason: 'its content is another one now' };
  return { ...found, stats: file.stats, facts: file.facts };
}
