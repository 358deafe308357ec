import { printable } from '@postern/core/model/escape-text.js';

/** A line longer than this is shown in parts. */
const LONGEST = 64 * 1024;

/** The lines of a message in a form that a terminal shows and never obeys. */
export function* mailLines(chunks: Iterable<Uint8Array>): Generator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield printable(line.replace(/\r$/, ''));
    if (rest.length > LONGEST) {
      yield printable(rest);
      rest = '';
    }
  }
  rest += decoder.decode();
  if (rest !== '') yield printable(rest);
}
