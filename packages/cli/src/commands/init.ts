import { PosternError } from '@postern/core/model/error.js';
import { printable } from '@postern/core/model/escape-text.js';
import { Option } from 'clipanion';
import { choiceOption } from '../arguments.js';
import { URL_FORMS } from '../config/end-url.js';
import type { InitOptions } from '../init-repository.js';
import { PosternCommand } from '../postern-command.js';

export class InitCommand extends PosternCommand {
  static override paths = [['init']];
  static override usage = PosternCommand.Usage({
    category: 'Start',
    description: 'make a Maildir and an account a repository',
    details: `
      Makes DIR (the current directory unless given) a repository: \`.postern\` with the configuration and an empty state. A
      Maildir that is there is taken as it is; where DIR is empty or not there yet, one is made. Nothing is connected to and
      no mail is touched.

      URL is \`imaps://user@host[:port]\` (TLS), \`imap://user@host[:port]\` (STARTTLS, required to succeed) or \`maildir:/path\`.
      It never holds a password: that comes from \`--password-command\`, or POSTERN_PASSWORD, or a prompt.

      \`--local\` names another local side than the Maildir in DIR, by a URL of the same forms: then DIR holds the configuration
      and the state only. Its password may come from POSTERN_LOCAL_PASSWORD.

      Exit status: 0 done, 64 the options or the directory will not do.
    `,
    examples: [
      [
        'An account over TLS',
        '$0 init ~/Mail --remote imaps://me@imap.example.org --password-command "pass mail"',
      ],
      ['Two Maildirs', '$0 init ~/Mail --remote maildir:/mnt/backup/Mail'],
      [
        'Two servers: only the state is kept here',
        '$0 init ~/move --local imaps://me@new.example.net --remote imaps://me@old.example.org',
      ],
    ],
  });

  remote = Option.String('--remote', { description: 'The account: imaps://user@host' });
  passwordCommand = Option.String('--password-command', {
    description: 'Command line that prints the password',
  });
  tls = Option.String('--tls', { description: 'implicit, starttls or none' });
  ca = Option.String('--ca', {
    description: 'Certificates to trust instead of those of the system: a PEM file',
  });
  layout = Option.String('--layout', { description: 'maildir++ or fs, for a new Maildir' });
  separateStateDir = Option.String('--separate-state-dir', {
    description: 'Keep the state and the lock here',
  });
  local = Option.String('--local', { description: 'The local side, where it is not the Maildir in DIR' });
  localPasswordCommand = Option.String('--local-password-command', {
    description: 'Like --password-command, for --local',
  });
  localTls = Option.String('--local-tls', { description: 'Like --tls, for --local' });
  localCa = Option.String('--local-ca', { description: 'Like --ca, for --local' });
  target = Option.String({ name: 'DIR', required: false });

  async execute(): Promise<number> {
    const tls = choiceOption('--tls', this.tls, ['implicit', 'starttls', 'none']);
    const layout = choiceOption('--layout', this.layout, ['maildir++', 'fs']);
    if (this.remote === undefined) throw new PosternError('usage', `--remote is missing: ${URL_FORMS}`);
    const { initRepository } = await import('../init-repository.js');
    const made = await initRepository({
      directory: this.target ?? this.named ?? '.',
      remote: this.remote,
      ...(tls === undefined ? {} : { tls }),
      ...(layout === undefined ? {} : { layout }),
      ...(this.ca === undefined ? {} : { ca: this.ca }),
      ...(this.passwordCommand === undefined ? {} : { passwordCommand: this.passwordCommand }),
      ...this.#localOptions(),
      ...(this.separateStateDir === undefined ? {} : { separateStateDir: this.separateStateDir }),
    });
    if (tls === 'none' || this.localTls === 'none') {
      this.warn(
        'postern: TLS mode none: the password and all mail travel in the clear, for anyone on the way to read',
      );
    }
    if (this.json) {
      await this.jsonLine(made);
    } else if (!this.quiet) {
      const here = made.layout === undefined ? `, with ${printable(made.local)}` : ` (${made.layout})`;
      await this.out.line(
        `Made a repository in ${printable(made.root)}${here} for ${printable(made.remote)}`,
      );
      await this.out.line('Next: postern fetch, then postern status');
    }
    return 0;
  }

  #localOptions(): Partial<InitOptions> {
    const { local, localCa, localPasswordCommand } = this;
    const localTls = choiceOption('--local-tls', this.localTls, ['implicit', 'starttls', 'none']);
    const given = localTls !== undefined || localCa !== undefined || localPasswordCommand !== undefined;
    if (local === undefined && given) throw new PosternError('usage', '--local is missing');
    return {
      ...(local === undefined ? {} : { local }),
      ...(localTls === undefined ? {} : { localTls }),
      ...(localCa === undefined ? {} : { localCa }),
      ...(localPasswordCommand === undefined ? {} : { localPasswordCommand }),
    };
  }
}
