/**
 * Escapes what JSON.stringify leaves raw and a terminal would obey: DEL and C1 controls, bidirectional controls, line and
 * paragraph separators. JSON text stays the same JSON value; in other text the escapes are what a person sees.
 */
export function escapeText(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Makes a text from a server, a message or the system safe to print on one line of a terminal. */
export function printable(text: string): string {
  return escapeText(
    text.replace(/[\u0000-\u001f]/g, character =>
      character === '\t' ? ' ' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
    ),
  );
}
