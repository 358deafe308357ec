import type { MailboxName } from '../../model/mailbox.js';
import type { Written } from './letter-file.js';
import type { Octets } from './octets.js';

/** Letters that become files together, and what came of it. Travels between threads. */
export interface Parcel {
  /** They all go to. */
  readonly mailbox: MailboxName;
  /** Wire form, one letter behind the other. */
  readonly octets: ArrayBuffer;
  readonly letters: readonly ParcelLetter[];
}

export interface ParcelLetter {
  /** Of the file. */
  readonly path: Octets;
  /** Of the file, in seconds since the epoch. */
  readonly time: number;
  /** Where its octets end. */
  readonly end: number;
}

/** Of one letter: the system's error where it could not be written, with its code, which an error loses on the way. */
export type ParcelResult = Written | { readonly error: Error; readonly code: string };

export interface ParcelAnswer {
  /** The same memory, to be used again. */
  readonly octets: ArrayBuffer;
  /** In the order of the letters. */
  readonly results: readonly ParcelResult[];
}
