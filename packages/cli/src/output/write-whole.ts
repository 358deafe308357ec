import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';

/** Writes a file (0600) so that its path shows either the old content or all of the new one, also after a crash. */
export async function writeWhole(
  path: string,
  parts: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  const file = await open(draft, 'wx', 0o600);
  try {
    for await (const part of parts) await file.write(part);
    await file.sync();
    await file.close();
    await rename(draft, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await unlink(draft).catch(() => undefined);
    throw error;
  }
}
