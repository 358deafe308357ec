import { PosternError } from '@postern/core/model/error.js';
import { printable } from '@postern/core/model/escape-text.js';
import { Cli, type Definition } from 'clipanion';
import { commandWord } from './command-word.js';
import { COMMANDS } from './commands.js';
import { nearest } from './config/nearest.js';
import { errorWords, exitOfError } from './output/error-words.js';
import { commandHelp, commandName, generalHelp, usageLine } from './output/help-text.js';
import { paintFor } from './output/terminal.js';

/** The command line with every command it has. */
export function makeCli(): Cli {
  return Cli.from([...COMMANDS], { binaryName: 'postern', enableColors: false });
}

/** Runs one command line on this process's streams; resolves to the exit status. */
export async function runCli(words: readonly string[]): Promise<number> {
  const cli = makeCli();
  const definitions = cli.definitions();
  const command = commandIn(words, definitions);
  if (wantsHelp(words)) {
    const paint = await paintFor(process.stdout, process.env, words.includes('--no-color'));
    const lines = command === undefined ? generalHelp(definitions, paint) : commandHelp(command, paint);
    process.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  }
  try {
    if (command === undefined) throw unknownCommand(words, definitions);
    return await cli.run(parsed(cli, words, command), undefined);
  } catch (error) {
    const stack = process.env['POSTERN_DEBUG'] === '1';
    for (const line of errorWords(error, { stack })) process.stderr.write(`${line}\n`);
    return exitOfError(error);
  }
}

/** `--help` asks for help wherever it stands, `help` in the place of the command. */
function wantsHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  const options = end === -1 ? words : words.slice(0, end);
  return options.includes('--help') || options.includes('-h') || words[0] === 'help';
}

function commandIn(words: readonly string[], definitions: readonly Definition[]): Definition | undefined {
  const word = commandWord(words);
  return definitions.find(definition => commandName(definition) === word);
}

function unknownCommand(words: readonly string[], definitions: readonly Definition[]): PosternError {
  const word = commandWord(words);
  const hint = 'postern --help lists the commands';
  if (word === undefined) return new PosternError('usage', 'no command was given', { hint });
  const near = nearest(word, definitions.map(commandName));
  return new PosternError('usage', `there is no command "${printable(word)}"`, {
    hint: near === undefined ? hint : `did you mean "${near}"? ${hint}`,
  });
}

/** The command with its options; a command line it does not take is `usage`. */
function parsed(cli: Cli, words: readonly string[], command: Definition) {
  try {
    return cli.process([...words], undefined);
  } catch (error) {
    if (!(error instanceof Error) || !('clipanion' in error)) throw error;
    const reason = error.message.split('\n')[0]!.replace(/\.$/, '');
    const said = reason.startsWith('Command not found')
      ? `${commandName(command)} does not take these words`
      : `${reason.charAt(0).toLowerCase()}${reason.slice(1)}`;
    throw new PosternError('usage', said, {
      hint: `${usageLine(command)}; postern ${commandName(command)} --help tells more`,
    });
  }
}
