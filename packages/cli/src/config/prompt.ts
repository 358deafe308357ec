import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';

const CONTROL_C = '\u0003';
const CONTROL_D = '\u0004';
const BACKSPACES = ['\u0008', '\u007f'];

/** Asks on the terminal itself, whatever stdin is, without showing what is typed; undefined where there is no terminal. */
export async function promptOnTerminal(question: string): Promise<string | undefined> {
  let descriptor: number;
  try {
    descriptor = openSync('/dev/tty', 'r+');
  } catch {
    return undefined;
  }
  const input = new ReadStream(descriptor);
  const output = new WriteStream(descriptor);
  output.write(question);
  input.setRawMode(true);
  try {
    return await typedLine(input);
  } finally {
    input.setRawMode(false);
    output.write('\n');
    input.destroy();
  }
}

function typedLine(input: ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = '';
    input.setEncoding('utf8');
    input.on('error', reject);
    input.on('end', () => resolve(line));
    input.on('data', (text: string) => {
      for (const character of text) {
        if (character === '\r' || character === '\n' || character === CONTROL_D) return resolve(line);
        if (character === CONTROL_C) {
          // In raw mode the terminal makes no signal of it. It ends the process; nobody waits for an answer then.
          input.setRawMode(false);
          return void process.kill(process.pid, 'SIGINT');
        }
        if (BACKSPACES.includes(character)) line = [...line].slice(0, -1).join('');
        else line += character;
      }
    });
  });
}
