import { bug } from '../../../model/error.js';
import type { Attribute } from '../tokens.js';

/**
 * A command as it goes on the wire, without tag and CRLF. Only what needs no literal can be said: names of items, numbers, sets, and
 * what `quotedText` takes.
 */
export function commandText(command: string, attributes: readonly Attribute[]): string {
  return [command, ...attributes.map(textOf)].join(' ');
}

function textOf(attribute: Attribute): string {
  if (Array.isArray(attribute)) return `(${attribute.map(textOf).join(' ')})`;
  const { type, value, section, partial } = attribute as Exclude<Attribute, readonly Attribute[]>;
  if (type === 'STRING') return quotedText(String(value)) ?? bug('a text the bulk lane cannot say');
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) bug('a command the bulk lane cannot say');
  const inside = section === undefined ? '' : `[${section.map(textOf).join(' ')}]`;
  return `${value}${inside}${partial === undefined ? '' : `<${partial.join('.')}>`}`;
}

/** Whether `commandText` takes it: names of mailboxes may have octets that need a literal. */
export function isSayable(attribute: Attribute): boolean {
  if (Array.isArray(attribute)) return attribute.every(isSayable);
  const { type, value } = attribute as Exclude<Attribute, readonly Attribute[]>;
  return type !== 'STRING' || quotedText(String(value)) !== undefined;
}

/** A quoted string (RFC 3501 §4.3); undefined for what cannot be one. */
export function quotedText(text: string): string | undefined {
  return /^[\x20-\x7e]*$/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : undefined;
}
