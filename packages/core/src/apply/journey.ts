import type { Desk } from './desk.js';

/** The mailbox a message leaves, or is copied from, and the one it goes to. */
export interface Journey {
  readonly from: Desk;
  readonly to: Desk;
}
