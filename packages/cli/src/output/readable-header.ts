/**
 * Raw header text (Latin-1, as an envelope has it) as a person reads it: encoded words decoded (RFC 2047), raw octets taken
 * as UTF-8 where they are. For people only; what cannot be decoded stays as it is.
 */
export function readableHeader(raw: string): string {
  return asUtf8(raw)
    .replace(/(=\?[^?\s]+\?[bq]\?[^?\s]*\?=)\s+(?==\?[^?\s]+\?[bq]\?)/gi, '$1')
    .replace(
      /=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=/gi,
      (word: string, charset: string, encoding: string, text: string) =>
        decoded(charset, encoding.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : quotedOctets(text)) ??
        word,
    );
}

function asUtf8(raw: string): string {
  return decoded('utf-8', Buffer.from(raw, 'latin1')) ?? raw;
}

function quotedOctets(text: string): Buffer {
  const octets = text
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, 'latin1');
}

function decoded(charset: string, octets: Buffer): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(octets);
  } catch {
    return undefined;
  }
}
