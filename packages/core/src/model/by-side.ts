/** The two positions of a repository. Which class serves a position is the configuration's business. */
export type SideName = 'remote' | 'local';

export const SIDES: readonly SideName[] = ['remote', 'local'];

/** One value for each side, so that a rule is written once and applied to both. */
export type BySide<T> = Readonly<Record<SideName, T>>;

export function otherSide(side: SideName): SideName {
  return side === 'remote' ? 'local' : 'remote';
}

/** Builds the value of each side with the same function. */
export function bySide<T>(make: (side: SideName) => T): BySide<T> {
  return { remote: make('remote'), local: make('local') };
}
