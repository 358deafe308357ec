import { closeSync, fchmodSync, fstatSync, futimesSync, writeSync } from 'node:fs';
import type { Seam } from '../../model/effect.js';
import { DiskEncoder } from '../../model/line-ends.js';
import { MessageDigester } from '../../model/message-digester.js';
import type { StagedLetter } from '../side.js';
import { fileDate, fileStamp } from './mail-file.js';
import { type Octets, printable } from './octets.js';
import { createFile } from './write-file.js';

/** What a row says of a file, and of the letter in it. */
export interface Written {
  readonly facts: StagedLetter;
  /** Milliseconds since the epoch. */
  readonly date: number;
  readonly stamp: string;
}

/** Octets are written before the next are taken: one piece of memory serves all files. */
const scratch = Buffer.allocUnsafeSlow(256 * 1024);

/** A new file that takes a letter's octets, in the form a Maildir has them. For this user alone, whatever the umask. */
export class LetterFile {
  readonly fd: number;
  readonly #seam: Seam;
  readonly #path: Octets;
  readonly #digester = new MessageDigester();
  readonly #encoder = new DiskEncoder(scratch);

  /** Throws the system's error. */
  constructor(seam: Seam, path: Octets) {
    this.fd = createFile(seam, path);
    this.#seam = seam;
    this.#path = path;
  }

  /** Octets in wire form; they may be used again afterwards. */
  take(chunk: Uint8Array): void {
    this.#digester.update(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#write(this.#encoder.encode(chunk));
  }

  /** After the last octet. `time`: seconds since the epoch. */
  finish(time: number): Written {
    this.#write(this.#encoder.finish());
    fchmodSync(this.fd, 0o600);
    futimesSync(this.fd, time, time);
    const stats = fstatSync(this.fd, { bigint: true });
    return { facts: this.#digester.finish(), date: fileDate(stats), stamp: fileStamp(stats) };
  }

  close(): void {
    closeSync(this.fd);
  }

  #write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#seam.runSync({ surface: 'fs', name: 'write', target: printable(this.#path) }, () => {
      for (let written = 0; written < bytes.length; ) written += writeSync(this.fd, bytes, written);
    });
  }
}
