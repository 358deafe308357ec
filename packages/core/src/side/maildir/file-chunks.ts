import { closeSync, fstatSync, readSync } from 'node:fs';
import { PosternError } from '../../model/error.js';
import { reasonOf } from './file-errors.js';
import { fileFault, openMailFile } from './mail-file.js';
import { type Octets, printable } from './octets.js';

const CHUNK = 256 * 1024;

/** The bytes of a mail file as they are. Throws `mailbox-unreadable` for what is no regular file, or cannot be read. */
export function* fileChunks(path: Octets): Generator<Uint8Array> {
  let fd: number | undefined;
  try {
    fd = openMailFile(path);
    const fault = fileFault(fstatSync(fd, { bigint: true }));
    if (fault !== undefined) {
      throw new PosternError('mailbox-unreadable', `${printable(path)} cannot be read: ${fault}`);
    }
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const read = readSync(fd, chunk);
      if (read === 0) return;
      yield chunk.subarray(0, read);
    }
  } catch (error) {
    if (error instanceof PosternError) throw error;
    throw new PosternError('mailbox-unreadable', `${printable(path)} cannot be read: ${reasonOf(error)}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
