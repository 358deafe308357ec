import { PosternError } from '@postern/core/model/error.js';

/** A line number from 1 and why; thrown as one sentence that begins with `file:line`. */
export function wrong(file: string, line: number | undefined, reason: string, hint?: string): never {
  const place = line === undefined ? file : `${file}:${line}`;
  throw new PosternError('config-wrong', `${place}: ${reason}`, {
    hint: hint ?? 'docs/reference/configuration.md lists every key',
  });
}
