import { readVarint } from './varint.js';

/** What LevelDB is willing to write into one block, many times over. */
const LARGEST = 1 << 26;

/** The octets that were packed in Snappy's block format; undefined when they are not. */
export function unsnap(packed: Buffer): Buffer | undefined {
  const length = readVarint(packed, 0);
  if (length === undefined || length.value > LARGEST) return undefined;
  const out = Buffer.alloc(length.value);
  let from = length.next;
  let to = 0;
  while (from < packed.length) {
    const tag = packed[from++]!;
    const step = (tag & 3) === 0 ? literal(packed, from, tag) : copy(packed, from, tag);
    if (step === undefined || to + step.length > out.length) return undefined;
    if ('back' in step) {
      if (step.back === 0 || step.back > to) return undefined;
      // The two may overlap: what was just written is read again.
      for (let count = 0; count < step.length; count++, to++) out[to] = out[to - step.back]!;
    } else {
      packed.copy(out, to, step.start, step.start + step.length);
      to += step.length;
    }
    from = step.next;
  }
  return to === out.length ? out : undefined;
}

interface Step {
  readonly length: number;
  readonly next: number;
}

function literal(packed: Buffer, from: number, tag: number): (Step & { readonly start: number }) | undefined {
  const short = tag >> 2;
  const extra = short < 60 ? 0 : short - 59;
  if (from + extra > packed.length) return undefined;
  const length = (extra === 0 ? short : packed.readUIntLE(from, extra)) + 1;
  const start = from + extra;
  return start + length > packed.length ? undefined : { length, start, next: start + length };
}

function copy(packed: Buffer, from: number, tag: number): (Step & { readonly back: number }) | undefined {
  const octets = [0, 1, 2, 4][tag & 3]!;
  if (from + octets > packed.length) return undefined;
  const next = from + octets;
  if (octets === 1) return { length: ((tag >> 2) & 7) + 4, back: ((tag >> 5) << 8) | packed[from]!, next };
  return { length: (tag >> 2) + 1, back: packed.readUIntLE(from, octets), next };
}
