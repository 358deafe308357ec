import { DiskEncoder, WireEncoder } from '@postern/core/model/line-ends.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

type Encoder = { encode(chunk: Uint8Array): Buffer; finish?(): Buffer };

function through(encoder: Encoder, chunks: readonly Buffer[]): Buffer {
  const parts = chunks.map(chunk => Buffer.from(encoder.encode(chunk)));
  return Buffer.concat([...parts, encoder.finish?.() ?? Buffer.alloc(0)]);
}

const text = (latin1: string) => Buffer.from(latin1, 'latin1');

/** Octets that matter to line ends, and how they arrive in chunks. */
const chunked = fc.array(
  fc.string({ unit: fc.constantFrom('\r', '\n', 'x', '\r\n'), maxLength: 6 }).map(text),
  { maxLength: 6 },
);

describe('wire form', () => {
  it('has CRLF for a bare LF and keeps CRLF and bare CR', () => {
    expect(through(new WireEncoder(), [text('a\nb\r\nc\rd\n')]).toString()).toBe('a\r\nb\r\nc\rd\r\n');
  });

  it('does not depend on how the octets are cut into chunks', () => {
    fc.assert(
      fc.property(chunked, chunks => {
        const whole = through(new WireEncoder(), [Buffer.concat(chunks)]);
        expect(through(new WireEncoder(), chunks)).toEqual(whole);
      }),
    );
  });
});

describe('disk form', () => {
  it('has LF for CRLF and keeps a bare CR', () => {
    expect(through(new DiskEncoder(), [text('a\r\nb\rc\r')]).toString()).toBe('a\nb\rc\r');
  });

  it('gives back the very octets of the wire, whatever CRs they hold and however they are cut', () => {
    fc.assert(
      fc.property(chunked, chunked, (chunks, others) => {
        const wire = through(new WireEncoder(), chunks);
        const disk = through(new DiskEncoder(), [wire]);
        expect(through(new WireEncoder(), [disk])).toEqual(wire);
        // The same octets in other chunks: cut where the other list's lengths say.
        const cuts: Buffer[] = [];
        let at = 0;
        for (const { length } of others) {
          cuts.push(wire.subarray(at, at + length));
          at += length;
        }
        cuts.push(wire.subarray(at));
        expect(through(new DiskEncoder(), cuts)).toEqual(disk);
      }),
      { numRuns: 2000 },
    );
  });
});
