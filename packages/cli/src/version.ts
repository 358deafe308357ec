import { readFileSync } from 'node:fs';

/** The version of this postern, as its package says. */
export function posternVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export function versionLine(): string {
  return `postern ${posternVersion()}\n`;
}
