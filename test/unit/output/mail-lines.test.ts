import { describe, expect, it } from 'vitest';
import { mailLines } from '../../../packages/cli/src/output/mail-lines.js';

const lines = (...chunks: (string | Uint8Array)[]) => [...mailLines(chunks.map(chunk => Buffer.from(chunk)))];

describe('a message on a terminal', () => {
  it('is its lines, whichever way they end', () => {
    expect(lines('Subject: a\r\n\r\nb\nend')).toEqual(['Subject: a', '', 'b', 'end']);
    expect(lines()).toEqual([]);
  });

  it('holds nothing that a terminal obeys', () => {
    expect(lines('\u001b[2J\u0007\u202e\u009b1m\n')).toEqual(['\\x1b[2J\\x07\\u202e\\u009b1m']);
    expect(lines(Buffer.from([0x9b, 0x31, 0x6d]))).toEqual(['\ufffd1m']);
  });

  it('is the same however its bytes are cut into chunks', () => {
    const bytes = Buffer.from('Grüße\r\n– über\r\n');
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(lines(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(['Grüße', '– über']);
    }
  });

  it('is shown in parts where a line has no end', () => {
    const shown = lines(...Array.from({ length: 4 }, () => 'x'.repeat(100_000)));
    expect(shown.length).toBeGreaterThan(1);
    expect(shown.join('')).toBe('x'.repeat(400_000));
  });
});
