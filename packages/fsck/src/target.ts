import type { StoreRoom } from '@postern/core/api/gc.js';
import type { Policy } from '@postern/core/merge/policy.js';
import type { BySide } from '@postern/core/model/by-side.js';
import type { Clock } from '@postern/core/model/clock.js';
import type { Seam } from '@postern/core/model/effect.js';
import type { Scope } from '@postern/core/side/scope.js';
import type { Side } from '@postern/core/side/side.js';
import type { Progress } from '@postern/core/state/repository.js';

/** What can be had of a repository whose state does not open. The caller holds the repository's lock. */
export interface FsckTarget {
  /** The state directory: `db.id` and LevelDB's directory are in it, if they are anywhere. */
  readonly stateDirectory: string;
  /** The id in the configuration. */
  readonly id: string;
  readonly sides: BySide<Side>;
  readonly seam: Seam;
  readonly clock: Clock;
  /** Eight hex digits nobody else has. */
  readonly random: () => string;
  /** The mailboxes `sides` shows; the whole account when absent. */
  readonly scope?: Scope;
  /** What plans may hold; everything when absent. */
  readonly policy?: Policy;
  /** Where removed messages, and what deliveries left, are to be found; not looked at when absent. */
  readonly rooms?: readonly StoreRoom[];
}

export interface CheckOptions {
  /** Take the last fetch for the remote, and connect to nothing. */
  readonly offline?: boolean;
  readonly progress?: Progress;
}

export interface RepairOptions {
  /** Go on although a side is empty that had mail. */
  readonly allowEmpty?: boolean;
  readonly progress?: Progress;
}
