/** A message in which every CR stands before an LF and every LF after a CR: octets that servers keep as they are. */
export function plainLines(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replace(/\r+(?!\n)|\r+(?=\r\n)/g, '');
  return Buffer.from(text.replace(/(?<!\r)\n/g, '\r\n'), 'latin1');
}
