import { bug } from '../../../model/error.js';
import type { Attribute } from '../tokens.js';

/**
 * A command as it goes on the wire, without tag and CRLF; undefined where a string in it needs a literal, as the name of a mailbox
 * may. Names of items, numbers and sets never do.
 */
export function commandText(command: string, attributes: readonly Attribute[]): string | undefined {
  const words = wordsOf(attributes);
  return words === undefined ? undefined : `${command} ${words}`;
}

function wordsOf(attributes: readonly Attribute[]): string | undefined {
  const words = attributes.map(textOf);
  return words.includes(undefined) ? undefined : words.join(' ');
}

function textOf(attribute: Attribute): string | undefined {
  if (Array.isArray(attribute)) {
    const words = wordsOf(attribute);
    return words === undefined ? undefined : `(${words})`;
  }
  const { type, value, section, partial } = attribute as Exclude<Attribute, readonly Attribute[]>;
  if (typeof value !== 'string') bug('a command the bulk lane cannot say');
  if (type === 'STRING') return quotedText(value);
  if (!/^[\x21-\x7e]+$/.test(value)) bug('a command the bulk lane cannot say');
  const inside = section === undefined ? '' : `[${wordsOf(section)}]`;
  return `${value}${inside}${partial === undefined ? '' : `<${partial.join('.')}>`}`;
}

/** A quoted string (RFC 3501 §4.3); undefined for what cannot be one. */
export function quotedText(text: string): string | undefined {
  return /^[\x20-\x7e]*$/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : undefined;
}
