import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '@postern/core/model/clock.js';
import { openSeam, type Seam } from '@postern/core/model/effect.js';
import type { MaildirLayout } from '@postern/core/side/maildir/layout.js';
import { MaildirSide } from '@postern/core/side/maildir/maildir-side.js';
import { createMaildir } from '@postern/core/side/maildir/make-mailbox.js';
import { Volume } from '@postern/core/side/maildir/volume.js';
import { afterEach } from 'vitest';

const roots: string[] = [];

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

/** An empty directory that is gone after the test. */
export function temporaryDirectory(): string {
  const root = mkdtempSync(join(tmpdir(), 'postern-maildir-'));
  roots.push(root);
  return root;
}

export interface SideParts {
  readonly layout?: MaildirLayout;
  readonly seam?: Seam;
  readonly clock?: Clock;
  readonly position?: 'local' | 'remote';
  readonly random?: () => string;
  readonly attic?: string;
  readonly keywords?: boolean;
  readonly copies?: 'files' | 'links';
  readonly volume?: Volume;
}

/** A side on a Maildir that is there. */
export function sideOn(root: string, parts: SideParts = {}): MaildirSide {
  return new MaildirSide({
    root,
    layout: parts.layout ?? 'maildir++',
    seam: parts.seam ?? openSeam,
    clock: parts.clock ?? systemClock,
    repository: '0123456789abcdef0123',
    position: parts.position ?? 'local',
    random: parts.random ?? (() => randomBytes(8).toString('hex')),
    ...(parts.attic === undefined ? {} : { attic: parts.attic }),
    ...(parts.keywords === undefined ? {} : { keywords: parts.keywords }),
    ...(parts.copies === undefined ? {} : { copies: parts.copies }),
    // Whatever file system the tests are on.
    volume: parts.volume ?? new Volume('all'),
  });
}

/** A fresh Maildir with an INBOX. */
export class TemporaryMaildir {
  readonly root = temporaryDirectory();
  readonly layout: MaildirLayout;

  private constructor(layout: MaildirLayout) {
    this.layout = layout;
  }

  static async make(layout: MaildirLayout = 'maildir++'): Promise<TemporaryMaildir> {
    const maildir = new TemporaryMaildir(layout);
    await createMaildir(maildir.root, layout);
    return maildir;
  }

  side(parts: SideParts = {}): MaildirSide {
    return sideOn(this.root, { layout: this.layout, ...parts });
  }

  /** A path in INBOX, or anywhere below the root. */
  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  /** What another program delivers; names are given as they are. */
  put(directory: string, name: string | Buffer, bytes: string | Buffer): void {
    mkdirSync(this.path(directory), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${this.path(directory)}/`), Buffer.from(name)]), bytes);
  }

  names(directory: string): string[] {
    return readdirSync(this.path(directory)).sort();
  }

  read(...names: string[]): string {
    return readFileSync(this.path(...names), 'latin1');
  }
}

/** A small message with LF line ends, as a file has them. */
export function fileBytes(id: string, body = 'text\n'): string {
  return `From: a@example.org\nSubject: ${id}\nMessage-ID: <${id}@example.org>\n\n${body}`;
}

/**
 * Acts while these paths cannot be read. Root reads everything, so that the effective user is another one meanwhile.
 */
export async function asOrdinaryUser<T>(
  maildir: TemporaryMaildir,
  closed: readonly string[],
  act: () => Promise<T>,
): Promise<T> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) execFileSync('chmod', ['-R', 'go+rX', maildir.root]);
  for (const path of closed) chmodSync(maildir.path(path), 0);
  if (isRoot) process.seteuid?.(65_534);
  try {
    return await act();
  } finally {
    if (isRoot) process.seteuid?.(0);
    for (const path of closed) chmodSync(maildir.path(path), 0o700);
  }
}
