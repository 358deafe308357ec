import { describe, expect, it } from 'vitest';
import { type Import, type SourceFile, sourceFiles } from './source-file.js';

/** The folders of core: an import points to the same folder or to one further left. */
const LAYERS = ['model', 'side', 'match', 'merge', 'plan', 'state', 'observe', 'apply', 'api'];
/** A package may use what stands further left. */
const PACKAGES = ['core', 'fsck', 'cli'];
const LONGEST = 350;

const files = sourceFiles();
const core = files.filter(file => file.package === 'core');
const inFolders = (...folders: string[]) => core.filter(({ folder }) => folders.includes(folder));

/** `path: what is wrong`, for every finding in these files. */
function findings(among: readonly SourceFile[], faults: (file: SourceFile) => readonly string[]): string[] {
  return among.flatMap(file => faults(file).map(fault => `${file.path}: ${fault}`));
}

function importFaults(
  among: readonly SourceFile[],
  isFault: (imported: Import, file: SourceFile) => boolean,
): string[] {
  return findings(among, file =>
    file.imports
      .filter(imported => isFault(imported, file))
      .map(imported => `imports ${imported.kind === 'module' ? imported.name : imported.path}`),
  );
}

const isModule = (imported: Import, name: string) =>
  imported.kind === 'module' && (imported.name === name || imported.name.startsWith(`${name}/`));

describe('the layers', () => {
  it('are the folders of core, and each has files with imports', () => {
    expect([...new Set(core.map(({ folder }) => folder))].filter(name => !LAYERS.includes(name))).toEqual([]);
    for (const folder of LAYERS) expect(inFolders(folder).length, folder).toBeGreaterThan(0);
    expect(core.flatMap(({ imports }) => imports).length).toBeGreaterThan(100);
  });

  it('import only downwards', () => {
    const level = (folder: string) => LAYERS.indexOf(folder);
    expect(
      importFaults(core, (imported, file) => {
        if (imported.kind !== 'ours') return false;
        return imported.package !== 'core' || level(imported.folder) > level(file.folder);
      }),
    ).toEqual([]);
  });

  it('let no package use one that is built on it', () => {
    const level = (name: string) => PACKAGES.indexOf(name);
    expect(files.filter(file => !PACKAGES.includes(file.package))).toEqual([]);
    expect(
      importFaults(
        files,
        (imported, file) => imported.kind === 'ours' && level(imported.package) > level(file.package),
      ),
    ).toEqual([]);
  });

  it('keep apply from deciding: it imports neither match nor merge nor what builds plans', () => {
    expect(
      importFaults(inFolders('apply'), imported => {
        if (imported.kind !== 'ours') return false;
        return ['match', 'merge'].includes(imported.folder) || imported.path.startsWith('plan/build');
      }),
    ).toEqual([]);
  });

  it('keep the two sides apart', () => {
    expect(
      importFaults(inFolders('side'), (imported, file) => {
        const [other] = ['imap/', 'maildir/'].filter(name => !file.rest.startsWith(name));
        return imported.kind === 'ours' && imported.path.startsWith(`side/${other}`);
      }),
    ).toEqual([]);
  });
});

describe('input and output', () => {
  it('go through imapflow in side/imap only', () => {
    const users = files.filter(file => file.imports.some(imported => isModule(imported, 'imapflow')));
    expect(users.length).toBeGreaterThan(0);
    expect(users.filter(({ path }) => !path.startsWith('packages/core/src/side/imap/'))).toEqual([]);
  });

  it('reach the file system from side/maildir and state only, in core and fsck', () => {
    const users = files
      .filter(file => file.package !== 'cli')
      .filter(file => file.imports.some(imported => isModule(imported, 'node:fs')))
      .map(({ path }) => path);
    expect(users.length).toBeGreaterThan(0);
    expect(users.filter(path => !/^packages\/core\/src\/(side\/maildir|state)\//.test(path))).toEqual([]);
  });

  it('are unknown to model, match, merge and plan', () => {
    const pure = inFolders('model', 'match', 'merge', 'plan');
    const allowed = ['node:crypto', 'zod'];
    expect(
      importFaults(pure, imported => imported.kind === 'module' && !allowed.includes(imported.name)),
    ).toEqual([]);
    const impure = /\b(?:Date\.now|new Date\(\)|Math\.random|setTimeout|setImmediate|process\.)\b/;
    const clockless = pure.filter(({ path }) => !path.endsWith('/model/clock.ts'));
    expect(
      findings(clockless, ({ code }) => (impure.test(code) ? [`uses ${impure.exec(code)?.[0]}`] : [])),
    ).toEqual([]);
  });
});

describe('the house rules', () => {
  it('keep console, process.exit and bare errors out of core and fsck', () => {
    const rules = [/\bconsole\./, /\bprocess\.exit\(/, /\bnew Error\(/];
    expect(
      findings(
        files.filter(file => file.package !== 'cli'),
        ({ code }) => rules.filter(rule => rule.test(code)).map(rule => `uses ${rule.exec(code)?.[0]}`),
      ),
    ).toEqual([]);
  });

  it(`keep every file at ${LONGEST} lines or below`, () => {
    expect(
      findings(files, ({ lines }) => (lines.length > LONGEST ? [`has ${lines.length} lines`] : [])),
    ).toEqual([]);
  });

  it('name every file in kebab-case, and none after what it is not', () => {
    const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\/[a-z0-9]+(?:-[a-z0-9]+)*)*\.ts$/;
    const vague = /(?:^|[/-])(?:utils?|helpers?|common|manager|misc)\.ts$/;
    expect(
      findings(files, ({ path }) => {
        const name = path.replace(/^packages\/[a-z]+\/src\//, '');
        return [
          ...(kebab.test(name) ? [] : ['is not kebab-case']),
          ...(vague.test(name) ? ['says nothing'] : []),
        ];
      }),
    ).toEqual([]);
  });

  it('leave no reminders behind', () => {
    const reminder = /\b(?:TODO|FIXME|XXX)\b/;
    expect(
      findings(files, ({ lines }) => lines.filter(line => reminder.test(line)).map(line => line.trim())),
    ).toEqual([]);
  });
});
