/**
 * Modified UTF-7, the form of mailbox names on the wire and on disk (RFC 3501 §5.1.3): printable ASCII stands for itself,
 * `&` is `&-`, everything else is UTF-16 in base64 with `,` for `/` between `&` and `-`.
 */
export function encodeModifiedUtf7(text: string): string {
  return text.replace(/&|[^ -~]+/g, run => {
    if (run === '&') return '&-';
    const units = Buffer.from(run, 'utf16le').swap16();
    return `&${units.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

/**
 * The text of an encoded name; undefined where the name is not valid, or not the one encoding the text has. So two
 * encodings of one text never become one name.
 */
export function decodeModifiedUtf7(encoded: string): string | undefined {
  if (!/^(?:[ -%'-~]|&[A-Za-z0-9+,]*-)*$/.test(encoded)) return undefined;
  const text = encoded.replace(/&([A-Za-z0-9+,]*)-/g, (_run, base64: string) => {
    if (base64 === '') return '&';
    const units = Buffer.from(base64.replaceAll(',', '/'), 'base64');
    return units
      .subarray(0, units.length & ~1)
      .swap16()
      .toString('utf16le');
  });
  return text.isWellFormed() && encodeModifiedUtf7(text) === encoded ? text : undefined;
}
