import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** One file of packages/<name>/src as the layer tests see it. */
export interface SourceFile {
  /** From the project's root, `/` between levels. */
  readonly path: string;
  readonly package: string;
  /** The folder below src, e.g. `side` or `''` for files in src itself. */
  readonly folder: string;
  /** Below that folder, e.g. `imap/session.ts`. */
  readonly rest: string;
  readonly lines: readonly string[];
  /** The code without comments; line ends stay. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** What is imported: a package or `node:` module by name, or a file of a package of ours. */
export type Import =
  | { readonly kind: 'module'; readonly name: string }
  | { readonly kind: 'ours'; readonly package: string; readonly folder: string; readonly path: string };

/** Every TypeScript file of every package. */
export function sourceFiles(): readonly SourceFile[] {
  return readdirSync(join(ROOT, 'packages')).flatMap(name => {
    const source = join(ROOT, 'packages', name, 'src');
    if (!existsSync(source)) return [];
    return readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter(path => path.endsWith('.ts'))
      .map(path => read(name, source, path));
  });
}

function read(name: string, source: string, path: string): SourceFile {
  const text = readFileSync(join(source, path), 'utf8');
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, comment => comment.replace(/[^\n]/g, ''))
    .replace(/(^|\s)\/\/.*/g, '');
  const slashed = path.split(sep).join('/');
  const [folder, rest] = splitFolder(slashed);
  return {
    path: relative(ROOT, join(source, path)).split(sep).join('/'),
    package: name,
    folder,
    rest,
    lines: text.split('\n'),
    code,
    imports: [...importedNames(code)].map(specifier => resolveImport(name, slashed, specifier)),
  };
}

function splitFolder(path: string): [string, string] {
  const slash = path.indexOf('/');
  return slash === -1 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)];
}

/** From `import … from`, `export … from`, `import '…'` and `import('…')`. */
function importedNames(code: string): Set<string> {
  const found = code.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)['"]([^'"]+)['"]/g);
  return new Set([...found].map(match => match[1]!));
}

function resolveImport(name: string, from: string, specifier: string): Import {
  const ours = /^@postern\/([a-z]+)\/(.*)$/.exec(specifier);
  if (ours !== null) return toOurs(ours[1]!, ours[2]!);
  if (!specifier.startsWith('.')) return { kind: 'module', name: specifier };
  return toOurs(
    name,
    normalize(join(dirname(from), specifier))
      .split(sep)
      .join('/'),
  );
}

function toOurs(name: string, path: string): Import {
  return { kind: 'ours', package: name, folder: splitFolder(path)[0], path };
}
