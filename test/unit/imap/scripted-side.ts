import type { Clock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import { PosternError } from '@postern/core/model/error.js';
import type { ImapOptions } from '@postern/core/side/imap/imap-options.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { onTestFinished } from 'vitest';
import { lines, type Script, ScriptedImap } from '../../support/scripted-imap.js';

/** Time that passes at once. */
export const instantClock: Clock = { now: () => 0, sleep: async () => {} };

export const SECRET = 'correct horse';

/** A side on a server that follows a script; both end with the test. */
export async function scripted(
  script: Script,
  options: Partial<ImapOptions> = {},
): Promise<{ side: ImapSide; server: ScriptedImap }> {
  const server = await ScriptedImap.start(script);
  const side = new ImapSide({
    host: '127.0.0.1',
    port: server.port,
    user: 'me',
    password: async () => SECRET,
    tls: 'none',
    seam: openSeam,
    clock: instantClock,
    ...options,
  });
  onTestFinished(async () => {
    await side.close();
    await server.stop();
  });
  return { side, server };
}

/** The error of a call that has to fail with one of ours. */
export async function failure(call: Promise<unknown>): Promise<PosternError> {
  const outcome = await call.then(
    () => undefined,
    error => error as unknown,
  );
  if (outcome instanceof PosternError) return outcome;
  throw outcome ?? new RangeError('it did not fail');
}

const HEADER = 'BODY[HEADER.FIELDS (MESSAGE-ID DATE FROM TO CC SUBJECT)]';

export interface RowParts {
  readonly flags?: string;
  readonly id?: string;
  readonly size?: number;
  /** More header fields, with their line ends. */
  readonly header?: string;
  /** More items. */
  readonly more?: string;
}

/** A FETCH answer with everything a row is made of. */
export function row(uid: number | string, parts: RowParts = {}): string {
  const { flags = '', id = `m${uid}`, size = 100, more = '' } = parts;
  const header = `Message-ID: <${id}@example.org>\r\n${parts.header ?? ''}\r\n`;
  const items = `UID ${uid} FLAGS (${flags}) RFC822.SIZE ${size} INTERNALDATE " 1-Jan-2026 00:00:00 +0000"`;
  return `* 1 FETCH (${items} ${HEADER} {${header.length}}\r\n${header}${more})`;
}

/** A FETCH answer with a whole message. */
export function bodyRow(uid: number, body: string, size = body.length): string {
  const items = `UID ${uid} FLAGS () INTERNALDATE " 1-Jan-2026 00:00:00 +0000" RFC822.SIZE ${size}`;
  return `* 1 FETCH (${items} BODY[] {${body.length}}\r\n${body})`;
}

/** The answer to a command that lists these. */
export function ok(...untagged: readonly string[]): string {
  return lines(...untagged, 'TAG OK done');
}
