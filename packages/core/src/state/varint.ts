/** A number as LevelDB and Snappy write it, seven bits an octet, and where it ends; undefined when it is none. */
export function readVarint(
  bytes: Uint8Array,
  start: number,
): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  let factor = 1;
  for (let at = start; at < bytes.length && at < start + 7; at++) {
    value += (bytes[at]! & 0x7f) * factor;
    if (bytes[at]! < 0x80) return { value, next: at + 1 };
    factor *= 128;
  }
  return undefined;
}
