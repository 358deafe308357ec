import type { Seam } from '@postern/core/model/effect.js';
import type { Side } from '@postern/core/side/side.js';
import { afterEach, beforeEach, describe } from 'vitest';
import { describeAtOnce } from './side/at-once.js';
import { describeDelivery } from './side/delivery.js';
import { describeEpochs } from './side/epochs.js';
import { describeFlags } from './side/flags.js';
import { describeMailboxChanges } from './side/mailbox-changes.js';
import { describeMailboxes } from './side/mailboxes.js';
import type { OpenedSide, SideAbilities, Used } from './side/opened-side.js';
import { describeReading } from './side/reading.js';
import { describeRelocation } from './side/relocation.js';
import { describeRemoval } from './side/removal.js';
import { describeSnapshots } from './side/snapshots.js';
import { describeTraces } from './side/traces.js';

export type { OpenedSide, SideAbilities } from './side/opened-side.js';

/** The suite every implementation of `Side` passes. */
export function describeSide(
  name: string,
  abilities: SideAbilities,
  open: (seam?: Seam) => Promise<OpenedSide>,
): void {
  describe(name, () => {
    let opened: OpenedSide;
    let side: Side;
    beforeEach(async () => {
      opened = await open();
      side = opened.side;
    });
    afterEach(() => opened.cleanup());

    const use = (): Used => ({ side, opened, abilities, open });
    describeMailboxes(use);
    describeMailboxChanges(use);
    describeSnapshots(use);
    describeReading(use);
    describeDelivery(use);
    describeFlags(use);
    describeRemoval(use);
    describeRelocation(use);
    describeEpochs(use);
    describeTraces(use);
    describeAtOnce(use);
  });
}
