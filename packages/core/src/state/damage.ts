import { PosternError } from '../model/error.js';

export const FSCK_HINT = 'run: postern fsck';

/** The state says something that cannot be so. */
export function damaged(what: string, cause?: unknown): PosternError {
  return new PosternError('state-damaged', `the state database is damaged: ${what}`, {
    hint: FSCK_HINT,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Written by a postern that is newer than this one. */
export function versionUnknown(what: string): PosternError {
  return new PosternError('state-version', `the state was written by another version of postern: ${what}`, {
    hint: 'use the postern that wrote it, or a newer one; nothing was changed',
  });
}
