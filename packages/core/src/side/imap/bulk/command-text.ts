import { bug } from '../../../model/error.js';
import type { Attribute } from '../tokens.js';

/**
 * A command as it goes on the wire, without tag and CRLF. Only what needs neither quotes nor literals can be said: names of
 * items, numbers and sets.
 */
export function commandText(command: string, attributes: readonly Attribute[]): string {
  return [command, ...attributes.map(textOf)].join(' ');
}

function textOf(attribute: Attribute): string {
  if (Array.isArray(attribute)) return `(${attribute.map(textOf).join(' ')})`;
  const { value, section, partial } = attribute as Exclude<Attribute, readonly Attribute[]>;
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) bug('a command the bulk lane cannot say');
  const inside = section === undefined ? '' : `[${section.map(textOf).join(' ')}]`;
  return `${value}${inside}${partial === undefined ? '' : `<${partial.join('.')}>`}`;
}
