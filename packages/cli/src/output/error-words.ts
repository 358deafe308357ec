import { Bug, ERROR_EXITS, errnoOf, PosternError } from '@postern/core/model/error.js';
import { printable } from '@postern/core/model/escape-text.js';

/** The exit status a command ends with because of `error`. */
export function exitOfError(error: unknown): number {
  return ERROR_EXITS[error instanceof PosternError ? error.code : 'failed'];
}

/**
 * An error as lines for stderr: what happened, why, and what to do next. Every line is safe to print. `stack` adds where in
 * the program it happened.
 */
export function errorWords(error: unknown, options: { readonly stack: boolean }): string[] {
  const lines = [...wordsOf(error), ...(options.stack ? stackOf(error) : [])];
  return lines.map(printable);
}

function wordsOf(error: unknown): string[] {
  if (error instanceof PosternError) {
    const cause = causeOf(error);
    return [
      `postern: ${error.message}`,
      ...(cause === undefined || error.message.includes(cause) ? [] : [`  cause: ${cause}`]),
      ...(error.hint === undefined ? [] : [`  hint: ${error.hint}`]),
    ];
  }
  if (error instanceof Bug) {
    return [`postern: ${error.message}`, '  hint: this is a mistake in postern, not yours; please report it'];
  }
  return [`postern: ${error instanceof Error ? error.message : String(error)}`];
}

/** The innermost reason; system errors and libraries wrap theirs. */
function causeOf(error: Error): string | undefined {
  let cause = error.cause;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  if (cause === undefined) return undefined;
  if (!(cause instanceof Error)) return String(cause);
  const code = errnoOf(cause);
  return cause.message === '' ? code : cause.message;
}

function stackOf(error: unknown): string[] {
  const lines: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) lines.push(...(at.stack ?? '').split('\n'));
  return lines.map(line => `  ${line.trim()}`);
}
