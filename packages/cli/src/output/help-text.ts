import type { Definition } from 'clipanion';
import type { Paint } from './terminal.js';

/** What the value of an option is called; clipanion has no word for it. */
const VALUES: Readonly<Record<string, string>> = {
  '-C': 'DIR',
  '--remote': 'URL',
  '--password-command': 'COMMAND',
  '--local': 'URL',
  '--local-password-command': 'COMMAND',
  '--local-tls': 'MODE',
  '--local-ca': 'FILE',
  '--tls': 'MODE',
  '--ca': 'FILE',
  '--layout': 'LAYOUT',
  '--separate-state-dir': 'DIR',
  '-o,--output': 'FILE',
  '--format': 'FORMAT',
  '--max-delete': 'N',
  '--side': 'SIDE',
  '--days': 'N',
  '--mailbox': 'MAILBOX',
  '--kind': 'KIND',
};
/** Options a command cannot do without. */
const NEEDED = ['--remote'];
const COMMON = ['-C', '--json', '--no-color', '-q,--quiet'];
/** In the order of help. */
export const CATEGORIES = ['Start', 'Everyday', 'Repair', 'Plumbing'];
const WIDTH = 100;

/** `postern --help`: every command in a line, by category. */
export function generalHelp(definitions: readonly Definition[], paint: Paint): string[] {
  const lines = [
    'postern keeps a local Maildir and an IMAP account the same.',
    '',
    'usage: postern COMMAND [OPTIONS]',
  ];
  for (const category of CATEGORIES) {
    lines.push('', paint.bold(category));
    for (const definition of definitions) {
      if (definition.category?.trim() !== category) continue;
      lines.push(`  ${commandName(definition).padEnd(14)}${oneLine(definition.description)}`);
    }
  }
  lines.push(
    '',
    'postern COMMAND --help tells more of a command. postern --version says which postern this is.',
  );
  return lines;
}

/** `postern COMMAND --help`. */
export function commandHelp(definition: Definition, paint: Paint): string[] {
  const lines = [`${commandName(definition)}: ${oneLine(definition.description)}`, '', usageLine(definition)];
  if (definition.details !== undefined) lines.push('', ...paragraphs(definition.details));
  for (const [title, options] of [
    ['Options', definition.options.filter(option => !COMMON.includes(optionNames(option.definition)))],
    [
      'Options of every command',
      definition.options.filter(option => COMMON.includes(optionNames(option.definition))),
    ],
  ] as const) {
    if (options.length === 0) continue;
    lines.push('', paint.bold(title));
    for (const option of options) {
      lines.push(`  ${optionWords(option.definition).padEnd(28)}  ${oneLine(option.description)}`);
    }
  }
  if (definition.examples?.length) lines.push('', paint.bold('Examples'));
  for (const [what, command] of definition.examples ?? [])
    lines.push(`  ${oneLine(what)}`, `    $ ${command}`);
  return lines;
}

/** `postern apply [OPTIONS] [FILE]`. */
export function usageLine(definition: Definition): string {
  const name = `postern ${commandName(definition)}`;
  const rest = definition.usage.slice(name.length).trim();
  const needed = definition.options
    .filter(option => NEEDED.includes(optionNames(option.definition)))
    .map(option => optionWords(option.definition));
  const positional = rest === '...' ? '[MAILBOX…]' : rest;
  return ['usage:', name, ...needed, '[OPTIONS]', positional].filter(word => word !== '').join(' ');
}

/** `fetch`, of clipanion's `postern fetch …`. */
export function commandName({ path }: Definition): string {
  return path.split(' ')[1] ?? path;
}

/** `--max-delete N`, of clipanion's `--max-delete #0`. */
export function optionWords(definition: string): string {
  const names = optionNames(definition);
  const value = definition.includes('#') ? ` ${VALUES[names] ?? 'VALUE'}` : '';
  return names.replace(',', ', ') + value;
}

function optionNames(definition: string): string {
  return definition.replace(/ #\d+$/, '');
}

export function oneLine(text: string | undefined): string {
  return (text ?? '').replace(/\s+/g, ' ').trim();
}

/** The paragraphs of a text, each on one line. */
export function textParagraphs(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .map(oneLine)
    .filter(paragraph => paragraph !== '');
}

/** Text in paragraphs, broken anew to lines of at most WIDTH characters. */
function paragraphs(text: string): string[] {
  return textParagraphs(text).flatMap((paragraph, index) => [
    ...(index === 0 ? [] : ['']),
    ...wrapped(paragraph),
  ]);
}

function wrapped(paragraph: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
