/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight octets a step. */
const POLYNOMIAL = 0x82f63b78;
const TABLES = makeTables();

export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as Tables;
  let crc = 0xffffffff;
  let at = 0;
  for (const whole = bytes.length - (bytes.length % 8); at < whole; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = t0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const MASK_DELTA = 0xa282ead8;

/** As LevelDB stores it: the checksum of octets that hold a checksum must not be an accident. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

type Table = Int32Array;
type Tables = [Table, Table, Table, Table, Table, Table, Table, Table];

function makeTables(): Table[] {
  const first = new Int32Array(256);
  for (let octet = 0; octet < 256; octet++) {
    let crc = octet;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[octet] = crc;
  }
  const tables = [first];
  while (tables.length < 8) {
    const before = tables.at(-1)!;
    tables.push(before.map(crc => first[crc & 0xff]! ^ (crc >>> 8)));
  }
  return tables;
}
