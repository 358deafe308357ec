/**
 * A file name or path with one character an octet (Latin-1): any name the file system has survives, and it can be a
 * map's key. It becomes a Buffer whenever it goes to the file system.
 */
export type Octets = string & { readonly __brand: 'Octets' };

export function octetsOf(bytes: Uint8Array): Octets {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as Octets;
}

/** The octets of ordinary text, as UTF-8. */
export function octetsOfText(text: string): Octets {
  return octetsOf(Buffer.from(text, 'utf8'));
}

/** What the file system calls take. */
export function pathBytes(path: Octets): Buffer {
  return Buffer.from(path, 'latin1');
}

export function join(directory: Octets, name: Octets | string): Octets {
  return `${directory}/${name}` as Octets;
}

/** A name as people and the seam see it: printable ASCII, anything else as `%XX`. */
export function printable(octets: Octets): string {
  if (/^[ -$&-~]*$/.test(octets)) return octets;
  return octets.replace(/[^ -$&-~]/g, octet => `%${hex(octet)}`);
}

function hex(octet: string): string {
  return octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}
