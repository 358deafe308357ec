import { statfsSync } from 'node:fs';

/** A file system may count in steps of 2 s (FAT), and one of another machine has another clock. */
export const COARSE_MS = 2000n;
/** File systems of this machine take the kernel's time at its last tick: at most 10 ms ago. */
const FINE_MS = 100n;

/** Those that note nanoseconds, by the magic numbers of statfs(2): ext4, XFS, Btrfs, tmpfs, F2FS, ZFS, bcachefs. */
const FINE = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x2fc12fc1, 0xca451a4e]);

/**
 * How many milliseconds after a change another one may still get the same time stamp, in directories whose last change was
 * at `changed` (nanoseconds since the epoch). One that notes whole seconds only (ext3, ext4 with small inodes) shows it there.
 */
export function clockBlur(directories: readonly Buffer[], changed: bigint): bigint {
  if (changed % 1_000_000_000n === 0n) return COARSE_MS;
  return directories.every(isFine) ? FINE_MS : COARSE_MS;
}

function isFine(directory: Buffer): boolean {
  try {
    return FINE.has(statfsSync(directory).type);
  } catch {
    return false;
  }
}
