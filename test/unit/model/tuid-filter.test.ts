import { createHash } from 'node:crypto';
import { ContentHasher, identityOf, isSurelySame } from '@postern/core/model/identity.js';
import { tuidOctets } from '@postern/core/model/tuid-filter.js';
import { describe as description } from '@postern/core/side/imap/describe.js';
import { describe, expect, it } from 'vitest';

const TUID = 'X-TUID: ETSHCX0a+/X5\r\n';
const HEADER = 'From: ann@example.org\r\nMessage-ID: <a@x>\r\nSubject: Lunch\r\n';
const BODY = '\r\nOn Friday\r\n';

const identity = (text: string) => identityOf(Buffer.from(text, 'latin1')).identity;

function inChunks(message: Buffer, length: number) {
  const hasher = new ContentHasher();
  for (let at = 0; at < message.length; at += length) {
    // A buffer that is used again, as readers do.
    const chunk = Buffer.from(message.subarray(at, at + length));
    hasher.update(chunk);
    chunk.fill(0);
  }
  return hasher.finish();
}

describe('The line that mbsync adds to a message', () => {
  const plain = identity(HEADER + BODY);

  it.each([
    ['last in the header', HEADER + TUID + BODY],
    ['first in the header', TUID + HEADER + BODY],
    ['between two fields', HEADER.replace('Subject', `${TUID}Subject`) + BODY],
    ['twice', TUID + HEADER + TUID + BODY],
    ['on disk, with bare line feeds', (HEADER + TUID + BODY).replaceAll('\r', '')],
  ])('counts neither for size nor for content: %s', (_, text) => {
    expect(identity(text)).toEqual(plain);
    expect(isSurelySame(identity(text), plain)).toBe(true);
  });

  it('is seen wherever a message is cut into chunks', () => {
    const message = Buffer.from(TUID + HEADER + TUID + BODY);
    const { size, content } = plain;
    for (let length = 1; length <= message.length; length++) {
      expect(inChunks(message, length)).toEqual({ size, content });
      expect(inChunks(Buffer.from(message.toString().replaceAll('\r', '')), length)).toEqual({
        size,
        content,
      });
    }
  });

  it('is left out of a message that ends in its header', () => {
    expect(identity(HEADER + TUID)).toEqual(identity(HEADER));
  });

  it.each([
    ['in the body', `${HEADER}${BODY}${TUID}`],
    ['in a body without header', `\r\n${TUID}`],
    ['with another number of characters', `${HEADER}X-TUID: ETSHCX0a+/X5a\r\n${BODY}`],
    ['with too few of them', `${HEADER}X-TUID: ETSHCX0a\r\n${BODY}`],
    ['with other characters', `${HEADER}X-TUID: ETSHCX0a-/X5\r\n${BODY}`],
    ['cut short by the end', `${HEADER}X-TUID: ETSH`],
    ['as the end of a longer line', `${HEADER}Comments: ${TUID}${BODY}`],
    ['folded into another field', `${HEADER} ${TUID}${BODY}`],
  ])('is part of the message %s', (_, text) => {
    const message = Buffer.from(text);
    const { size, content } = identity(text);
    expect(size).toBe(message.length);
    expect(content).toBe(createHash('sha256').update(message).digest('hex'));
    for (let length = 1; length <= message.length; length++) {
      expect(inChunks(message, length)).toEqual({ size, content });
    }
  });

  it('is counted in what a server returns of a header', () => {
    expect(tuidOctets(Buffer.from(HEADER + BODY))).toBe(0);
    expect(tuidOctets(Buffer.from(`${HEADER}${TUID}\r\n`))).toBe(TUID.length);
    expect(tuidOctets(Buffer.from(`${TUID}${HEADER}${TUID}\r\n${TUID}`))).toBe(2 * TUID.length);
  });

  it('does not count in what a server announces as the size', () => {
    const told = { uid: 7, date: 0, size: 1022 };
    const sizeWith = (header: string) => description({ ...told, header: Buffer.from(header) })?.identity.size;
    expect(sizeWith(`${HEADER}${TUID}\r\n`)).toBe(1000);
    expect(sizeWith(`${HEADER}\r\n`)).toBe(1022);
    expect(sizeWith(TUID.repeat(100))).toBe(0);
  });
});
