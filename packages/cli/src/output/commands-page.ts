import type { Definition } from 'clipanion';
import { CATEGORIES, commandName, oneLine, optionWords, textParagraphs, usageLine } from './help-text.js';

/** docs/reference/commands.md: the same text as `postern COMMAND --help`. Written by scripts/write-docs.mjs. */
export function commandsPage(definitions: readonly Definition[]): string {
  const parts = [
    '# Commands',
    'Written by `node scripts/write-docs.mjs` from the commands themselves; `postern COMMAND --help` shows the same text.',
    'Exit statuses stand in [exit-codes.md](exit-codes.md), errors in [errors.md](errors.md).',
  ];
  for (const category of CATEGORIES) {
    const own = definitions.filter(definition => definition.category?.trim() === category);
    if (own.length > 0) parts.push(`## ${category}`, ...own.flatMap(section));
  }
  return `${parts.join('\n\n')}\n`;
}

function section(definition: Definition): string[] {
  const options = definition.options.map(
    option => `| \`${optionWords(option.definition)}\` | ${oneLine(option.description)} |`,
  );
  const examples = (definition.examples ?? []).map(([what, command]) => `# ${oneLine(what)}\n${command}`);
  return [
    `### postern ${commandName(definition)}`,
    `${capital(oneLine(definition.description))}.`,
    `    ${usageLine(definition).replace('usage: ', '')}`,
    ...textParagraphs(definition.details ?? ''),
    ['| option | |', '| --- | --- |', ...options].join('\n'),
    `\`\`\`sh\n${examples.join('\n')}\n\`\`\``,
  ];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
