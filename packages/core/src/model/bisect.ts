/** The first place of so many, in order, that is not before what is sought; `count` where all are. */
export function bisect(count: number, isBefore: (at: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where in sorted names the first lies that is not before this one. */
export function firstFrom(names: readonly string[], name: string): number {
  return bisect(names.length, at => names[at]! < name);
}
