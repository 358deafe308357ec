import { applyDelta, flagsFrom } from '@postern/core/model/flags.js';
import { mailboxName } from '@postern/core/model/mailbox.js';
import type { MessageKey } from '@postern/core/model/row.js';
import type { MemoryMailbox, MemoryWorld, StoredMessage } from './memory-world.js';
import { lines, type Script, type ScriptedAnswer, type ScriptedCommand } from './scripted-imap.js';

/** May be changed while the server runs, except for the capabilities. */
export interface WorldImapOptions {
  /** Default: what a good server has (UIDPLUS, MOVE, CONDSTORE, UNSELECT, ESEARCH). */
  readonly capabilities?: string;
  /** The answer instead of the usual one; undefined leaves it. The world is as it was before the command. */
  instead?: ((command: ScriptedCommand) => string | undefined) | undefined;
  /** Changes the answer; the command has had its effect. */
  twist?: ((answer: string, command: ScriptedCommand) => string) | undefined;
  /** Whether the connection ends after the answer. */
  hangUp?: ((command: ScriptedCommand) => boolean) | undefined;
  /** What the server says of one message's items, by name; undefined leaves it (`NIL` and whole literals are possible). */
  describe?: ((item: string, message: StoredMessage, mailbox: string) => string | undefined) | undefined;
  /** LIST attributes of mailboxes, e.g. `\\Trash`. */
  readonly attributes?: Readonly<Record<string, string>>;
}

const GOOD = 'IMAP4rev1 NAMESPACE UIDPLUS MOVE CONDSTORE UNSELECT ESEARCH';

/** The session's own view: the UIDs it was told of, in order. */
interface View {
  readonly name: string;
  readonly mailbox: MemoryMailbox;
  readonly uids: number[];
}

/**
 * An IMAP server on a memory world, for `ScriptedImap`: a good one by default, and as bad as the options make it. Speaks
 * what the product speaks, and no more; what it does not know is BAD.
 */
export class WorldImap {
  readonly #world: MemoryWorld;
  readonly #options: WorldImapOptions;
  readonly #views = new Map<number, View>();

  constructor(world: MemoryWorld, options: WorldImapOptions = {}) {
    this.#world = world;
    this.#options = options;
  }

  get script(): Script {
    const answer: ScriptedAnswer = {
      when: /^(?!LOGIN)/,
      say: command => {
        const said = this.#options.instead?.(command) ?? this.#answer(command);
        return this.#options.twist?.(said, command) ?? said;
      },
      close: command => /^LOGOUT/.test(command.text) || this.#options.hangUp?.(command) === true,
    };
    return { capabilities: this.capabilities, answers: [answer] };
  }

  get capabilities(): string {
    return this.#options.capabilities ?? GOOD;
  }

  #has(capability: string): boolean {
    return this.capabilities.split(' ').includes(capability);
  }

  #answer(command: ScriptedCommand): string {
    const [, verb = '', rest = ''] = /^((?:UID )?[A-Z-]+) ?(.*)$/s.exec(command.text) ?? [];
    const view = this.#views.get(command.connection);
    const known: Readonly<Record<string, () => string>> = {
      NAMESPACE: () => lines('* NAMESPACE (("" "/")) NIL NIL', 'TAG OK done'),
      LIST: () => this.#list('LIST'),
      LSUB: () => this.#list('LSUB'),
      STATUS: () => this.#status(rest),
      SELECT: () => this.#open(rest, command.connection, 'READ-WRITE'),
      EXAMINE: () => this.#open(rest, command.connection, 'READ-ONLY'),
      UNSELECT: () => this.#leave(command.connection),
      NOOP: () => lines(...this.#news(view), 'TAG OK done'),
      APPEND: () => this.#append(rest, command.literals, view),
      CREATE: () => this.#change(() => this.#world.createMailbox(nameIn(rest))),
      DELETE: () => this.#change(() => this.#world.deleteMailbox(nameIn(rest))),
      RENAME: () => {
        const [from, to] = rest.split('" "');
        return this.#change(() => this.#world.renameMailbox(nameIn(`${from}"`), nameIn(`"${to}`)));
      },
      SUBSCRIBE: () => lines('TAG OK done'),
      UNSUBSCRIBE: () => lines('TAG OK done'),
      LOGOUT: () => lines('* BYE bye', 'TAG OK done'),
    };
    if (known[verb] !== undefined) return known[verb]();
    if (view === undefined) return lines('TAG BAD nothing is open');
    const inside: Readonly<Record<string, () => string>> = {
      'UID FETCH': () => this.#fetch(view, rest),
      'UID STORE': () => this.#store(view, rest),
      'UID EXPUNGE': () => this.#expunge(view, rest),
      'UID COPY': () => this.#transfer(view, rest, 'COPY'),
      'UID MOVE': () => this.#transfer(view, rest, 'MOVE'),
      'UID SEARCH': () => this.#search(view),
    };
    return inside[verb]?.() ?? lines('TAG BAD unknown command');
  }

  #list(verb: string): string {
    const names = [...this.#world.mailboxes.keys()];
    const { attributes } = this.#options;
    return lines(
      ...names.map(name => `* ${verb} (${attributes?.[name] ?? ''}) "/" "${name}"`),
      'TAG OK done',
    );
  }

  #mailbox(name: string): MemoryMailbox | undefined {
    return this.#world.mailboxes.get(mailboxName(name));
  }

  #status(rest: string): string {
    const name = nameIn(rest);
    const mailbox = this.#mailbox(name);
    if (mailbox === undefined) return lines('TAG NO [NONEXISTENT] no such mailbox');
    const told = `MESSAGES ${mailbox.messages.size} UIDVALIDITY ${mailbox.uidValidity} UIDNEXT ${mailbox.uidNext}`;
    return lines(`* STATUS "${name}" (${told})`, 'TAG OK done');
  }

  #open(rest: string, connection: number, access: string): string {
    const name = nameIn(rest);
    const mailbox = this.#mailbox(name);
    this.#views.delete(connection);
    if (mailbox === undefined) return lines('TAG NO [NONEXISTENT] no such mailbox');
    this.#views.set(connection, { name, mailbox, uids: uidsOf(mailbox) });
    const flags = '\\Answered \\Flagged \\Deleted \\Seen \\Draft';
    return lines(
      `* FLAGS (${flags})`,
      `* ${mailbox.messages.size} EXISTS`,
      `* OK [PERMANENTFLAGS (${flags} \\*)] x`,
      `* OK [UIDVALIDITY ${mailbox.uidValidity}] x`,
      `* OK [UIDNEXT ${mailbox.uidNext}] x`,
      ...(this.#has('CONDSTORE') ? [`* OK [HIGHESTMODSEQ ${mailbox.highestModseq}] x`] : []),
      `TAG OK [${access}] open`,
    );
  }

  #leave(connection: number): string {
    this.#views.delete(connection);
    return lines('TAG OK done');
  }

  /** What happened since the session was told last. */
  #news(view: View | undefined): string[] {
    if (view === undefined) return [];
    const now = uidsOf(view.mailbox);
    const told: string[] = [];
    for (let at = view.uids.length - 1; at >= 0; at--) {
      if (now.includes(view.uids[at]!)) continue;
      told.push(`* ${at + 1} EXPUNGE`);
      view.uids.splice(at, 1);
    }
    if (now.length > view.uids.length) told.push(`* ${now.length} EXISTS`);
    view.uids.splice(0, view.uids.length, ...now);
    return told;
  }

  #change(act: () => void): string {
    try {
      act();
      return lines('TAG OK done');
    } catch {
      return lines('TAG NO [NONEXISTENT] no such mailbox');
    }
  }

  #append(rest: string, literals: readonly Buffer[], view: View | undefined): string {
    const name = nameIn(rest);
    const mailbox = this.#mailbox(name);
    if (mailbox === undefined) return lines('TAG NO [TRYCREATE] no such mailbox');
    const flags = /^"[^"]*" \(([^)]*)\)/.exec(rest)?.[1]?.split(' ') ?? [];
    const date = Date.parse(/"([^"]*)" ~?\{\d+\+?\}$/.exec(rest)?.[1] ?? '') || 1_700_000_000_000;
    const uid = this.#world.store(mailbox, { bytes: literals[0]!, flags: flagsFrom(flags), date });
    const code = this.#has('UIDPLUS') ? `[APPENDUID ${mailbox.uidValidity} ${uid}] ` : '';
    return lines(...this.#news(view), `TAG OK ${code}stored`);
  }

  #fetch(view: View, rest: string): string {
    const [, set = '', asked = '', since] = /^(\S+) \((.*?)\)(?: \(CHANGEDSINCE (\d+)\))?$/s.exec(rest) ?? [];
    const rows = chosen(view, set)
      .filter(({ change }) => since === undefined || change > Number(since))
      .map(message => this.#row(view, message, asked));
    return `${rows.join('')}${lines('TAG OK done')}`;
  }

  #row(view: View, message: StoredMessage, asked: string): string {
    const items = asked.match(/BODY\.PEEK\[[^\]]*\](?:<\d+\.\d+>)?|[A-Z0-9.-]+/g) ?? [];
    const told = items.map(item => {
      const name = item.replace('.PEEK', '').replace(/<(\d+)\.\d+>/, '<$1>');
      const value = this.#options.describe?.(item, message, view.name) ?? itemOf(item, message);
      return `${name} ${value}`;
    });
    return `* ${view.uids.indexOf(Number(message.key)) + 1} FETCH (${told.join(' ')})\r\n`;
  }

  #store(view: View, rest: string): string {
    const [, set = '', since, sign, silent, flags = ''] =
      /^(\S+) (?:\(UNCHANGEDSINCE (\d+)\) )?([+-])FLAGS(\.SILENT)? \(([^)]*)\)$/.exec(rest) ?? [];
    const modified: string[] = [];
    for (const message of chosen(view, set)) {
      if (since !== undefined && message.change > Number(since)) {
        modified.push(message.key);
        continue;
      }
      const delta = { add: [] as string[], remove: [] as string[] };
      delta[sign === '+' ? 'add' : 'remove'] = flags.split(' ');
      this.#world.reflag(view.mailbox, message, applyDelta(message.flags, delta));
    }
    const rows = silent === undefined ? chosen(view, set).map(one => this.#row(view, one, 'UID FLAGS')) : [];
    const code = modified.length === 0 ? '' : `[MODIFIED ${modified.join(',')}] `;
    return `${rows.join('')}${lines(`TAG OK ${code}stored`)}`;
  }

  #expunge(view: View, rest: string): string {
    if (!this.#has('UIDPLUS')) return lines('TAG BAD unknown command');
    for (const { key, flags } of chosen(view, rest))
      if (flags.includes('\\Deleted')) this.#world.drop(view.mailbox, key);
    return lines(...this.#news(view), 'TAG OK done');
  }

  #transfer(view: View, rest: string, verb: 'COPY' | 'MOVE'): string {
    const [set = ''] = rest.split(' ');
    const name = nameIn(rest);
    const target = this.#mailbox(name);
    if (verb === 'MOVE' && !this.#has('MOVE')) return lines('TAG BAD unknown command');
    if (target === undefined) return lines('TAG NO [TRYCREATE] no such mailbox');
    const messages = chosen(view, set);
    const made = messages.map(({ bytes, flags, date }) => this.#world.store(target, { bytes, flags, date }));
    if (verb === 'MOVE') for (const { key } of messages) this.#world.drop(view.mailbox, key);
    const from = messages.map(({ key }) => key).join(',');
    const code =
      this.#has('UIDPLUS') && made.length > 0
        ? `[COPYUID ${target.uidValidity} ${from} ${made.join(',')}] `
        : '';
    return lines(`* OK ${code}copied`, ...this.#news(view), 'TAG OK done');
  }

  #search({ uids }: View): string {
    const all = uids.length === 0 ? '' : ` ALL ${uids.join(',')}`;
    return lines(`* ESEARCH (TAG "x") UID${all}`, 'TAG OK done');
  }
}

function nameIn(rest: string): string {
  return /"([^"]*)"/.exec(rest)?.[1] ?? '';
}

function uidsOf(mailbox: MemoryMailbox): number[] {
  return [...mailbox.messages.keys()].map(Number).sort((a, b) => a - b);
}

/** The messages of a set that the session knows and that are still there. */
function chosen(view: View, set: string): StoredMessage[] {
  const last = view.uids.at(-1) ?? 0;
  const ranges = set.split(',').map(part => {
    const ends = part.split(':').map(end => (end === '*' ? last : Number(end)));
    return [Math.min(...ends), Math.max(...ends)] as const;
  });
  return view.uids
    .filter(uid => ranges.some(([from, to]) => uid >= from && uid <= to))
    .flatMap(uid => view.mailbox.messages.get(String(uid) as MessageKey) ?? []);
}

/** A literal with these octets, as an answer carries it. */
export function literal(octets: Buffer): string {
  return `{${octets.length}}\r\n${octets.toString('latin1')}`;
}

function itemOf(item: string, { key, flags, bytes, date, change }: StoredMessage): string {
  switch (item) {
    case 'UID':
      return key;
    case 'FLAGS':
      return `(${flags.join(' ')})`;
    case 'MODSEQ':
      return `(${change})`;
    case 'RFC822.SIZE':
      return String(bytes.length);
    case 'INTERNALDATE':
      return `"${wireDate(date)}"`;
    case 'X-GM-MSGID':
      return String(1_000_000 + [...bytes].reduce((sum, octet) => (sum * 31 + octet) % 1_000_003, 7));
    case 'BODY.PEEK[]':
      return literal(bytes);
  }
  const piece = /^BODY\.PEEK\[\]<(\d+)\.(\d+)>$/.exec(item);
  if (piece !== null) {
    const from = Number(piece[1]);
    return literal(bytes.subarray(from, from + Number(piece[2])));
  }
  const fields = /^BODY\.PEEK\[HEADER\.FIELDS \(([^)]*)\)\]$/.exec(item)?.[1];
  return fields === undefined ? 'NIL' : literal(headerOf(bytes, fields.toLowerCase().split(' ')));
}

/** These fields of a message's header, with their folds, and the empty line. */
export function headerOf(bytes: Buffer, fields: readonly string[]): Buffer {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const header = end === -1 ? text : text.slice(0, end);
  const unfolded = header.split(/\r\n(?![ \t])/);
  const wanted = unfolded.filter(line => fields.includes(line.slice(0, line.indexOf(':')).toLowerCase()));
  return Buffer.from(`${wanted.map(line => `${line}\r\n`).join('')}\r\n`, 'latin1');
}

function wireDate(date: number): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(date).toUTCString())!;
  return `${day}-${month}-${year} ${time} +0000`;
}
