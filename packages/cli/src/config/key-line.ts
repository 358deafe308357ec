/**
 * The line of a TOML text, from 1, on which a key stands; undefined where it is written in a way this does not follow
 * (dotted keys, inline tables). A table's own path finds its header.
 */
export function keyLine(text: string, path: readonly string[]): number | undefined {
  const wanted = path.join('.');
  let table = '';
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\s*([^[\]]+?)\s*\]/.exec(line);
    const key = /^\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))\s*=/.exec(line);
    if (header !== null) {
      table = header[1]!.replaceAll('"', '');
      if (table === wanted) return index + 1;
    } else if (key !== null) {
      const name = key[1] ?? key[2] ?? key[3]!;
      if ((table === '' ? name : `${table}.${name}`) === wanted) return index + 1;
    }
  }
  return undefined;
}
