import type { Writable } from 'node:stream';
import { printable } from '@postern/core/model/escape-text.js';

/** The part of a chalk that human output uses. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

export const PLAIN: Paint = {
  bold: text => text,
  dim: text => text,
  red: text => text,
  green: text => text,
  yellow: text => text,
};

/** Whether a stream shows a person what is written, and may be given escape codes. */
export function isTerminal(stream: unknown): boolean {
  return (stream as { isTTY?: boolean }).isTTY === true;
}

/** Colours where a person looks and wants them (https://no-color.org). */
export async function paintFor(
  stream: Writable,
  env: Readonly<Record<string, string | undefined>>,
  noColor: boolean,
): Promise<Paint> {
  if (noColor || env['NO_COLOR'] || env['TERM'] === 'dumb' || !isTerminal(stream)) return PLAIN;
  const { Chalk } = await import('chalk');
  return new Chalk({ level: 1 });
}

/** A text from outside in quotes, cut to what a line can bear. */
export function quoted(text: string, longest = 60): string {
  const characters = [...text];
  return `"${printable(characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : text)}"`;
}
