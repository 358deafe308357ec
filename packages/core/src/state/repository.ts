import type { Policy } from '../merge/policy.js';
import { type BySide, SIDES, type SideName } from '../model/by-side.js';
import type { Clock } from '../model/clock.js';
import { PosternError } from '../model/error.js';
import type { Steps } from '../model/steps.js';
import type { Lanes } from '../side/lanes.js';
import type { Scope } from '../side/scope.js';
import type { Side } from '../side/side.js';
import type { RepositoryRecord } from './records.js';
import type { Store } from './store.js';

/** An open repository: two sides, the state between them, and the outside world as values. */
export interface Repository {
  /** The id in the configuration; the state and the witnesses carry it too. */
  readonly id: string;
  readonly sides: BySide<Side>;
  readonly store: Store;
  readonly clock: Clock;
  /** Eight hex digits nobody else has. */
  readonly random: () => string;
  /** The mailboxes `sides` shows; the whole account when absent. */
  readonly scope?: Scope;
  /** For work in several mailboxes at once; one follows the other when absent. */
  readonly lanes?: Lanes;
  /** What plans may hold; everything when absent. */
  readonly policy?: Policy;
  /** What an interruption waits for; nobody interrupts when absent. */
  readonly steps?: Steps;
  /** Who works here, for the log: the process, and what it was started as. */
  readonly worker?: { readonly pid: number; readonly command: string };
}

/** What a long run tells while it goes on. Counts are messages, or lines of a plan; `total` is 0 where nobody knows. */
export type Progress = (step: {
  readonly what: 'fetch' | 'scan' | 'compare' | 'apply';
  readonly mailbox: string;
  readonly done: number;
  readonly total: number;
}) => void;

/** Does every job, in lanes where there are some: each with a repository whose sides nobody else uses meanwhile. */
export async function eachInLanes<T>(
  repository: Repository,
  { jobs, uses }: { readonly jobs: readonly T[]; readonly uses: readonly SideName[] },
  work: (repository: Repository, job: T) => Promise<void>,
): Promise<void> {
  if (repository.lanes === undefined) for (const job of jobs) await work(repository, job);
  else await repository.lanes.each(jobs, uses, (sides, job) => work({ ...repository, sides }, job));
}

/** Writes what an empty state needs before anything else; refuses nothing, for the state was just created. */
export async function initState(repository: Repository): Promise<void> {
  await repository.store.write(
    [
      {
        put: 'meta',
        mailbox: '',
        key: 'repository',
        value: {
          repository: repository.id,
          addresses: { remote: repository.sides.remote.address, local: repository.sides.local.address },
          created: repository.clock.now(),
          ...scopeNote(repository),
        },
      },
    ],
    { durable: true },
  );
}

/** How the owner's record notes the scope. */
function scopeNote({ scope }: Pick<Repository, 'scope'>): { readonly scope?: string } {
  return scope === undefined || scope.isWhole ? {} : { scope: scope.text };
}

/** Refuses a state that belongs to another repository or another account. */
export async function checkOwner(repository: Repository): Promise<void> {
  const meta = await repository.store.get('meta', '', 'repository');
  if (meta === undefined) {
    throw new PosternError('state-damaged', 'the state does not say which repository it belongs to', {
      hint: 'run: postern fsck',
    });
  }
  if (meta.repository !== repository.id) {
    throw new PosternError('state-foreign', `the state belongs to another repository (${meta.repository})`, {
      hint: 'put back the state that belongs here, or rebuild it with: postern fsck --repair',
    });
  }
  const side = foreignSide(meta, repository.sides);
  if (side !== undefined) {
    throw new PosternError(
      'state-foreign',
      `the state was made with ${meta.addresses[side]}, the configuration names ${repository.sides[side].address}`,
      {
        hint: 'correct the configuration, or rebuild the state for the new account with: postern fsck --repair',
      },
    );
  }
}

/** The side that is another one than the state was made with. A local Maildir may be moved, with the state in it. */
export function foreignSide(
  { addresses }: Pick<RepositoryRecord, 'addresses'>,
  sides: BySide<Side>,
): SideName | undefined {
  return SIDES.find(side => {
    const { address, kind } = sides[side];
    return addresses[side] !== address && !(side === 'local' && kind === 'maildir');
  });
}
