import type { RawClient } from './client.js';
import type { Attribute, Token } from './tokens.js';

/** Octets of literals that go out without being asked for; larger commands wait for the server's word each time. */
const UNASKED = 16 * 1024 * 1024;

/** What imapflow hands to its own `send`. */
export interface SentCommand {
  readonly tag: string;
  readonly command: string;
  readonly attributes?: readonly Attribute[] | false;
}

export type Compile = (command: SentCommand, options: object) => Buffer[];

/**
 * Lets APPEND use LITERAL+ (RFC 7888) where the server has it: one round trip for a command instead of one for each
 * message. imapflow itself only does so up to 4 KB.
 */
export function appendWithoutAsking(client: RawClient, compile: Compile): void {
  const send = client.send.bind(client);
  client.send = async command => {
    const plus = command.command === 'APPEND' && client.capabilities.has('LITERAL+');
    if (!plus || octetsOf(command) > UNASKED) return send(command);
    const [whole] = compile(command, { asArray: true, literalPlus: true });
    client.rawSensitiveCommand = false;
    client.commandParts = [];
    client.write(whole!);
    if (client.currentRequest && client.currentRequest.tag === command.tag) client.currentRequest.sent = true;
  };
}

function octetsOf({ attributes }: SentCommand): number {
  let octets = 0;
  for (const attribute of attributes || []) {
    const token = attribute as Token;
    if (token.type === 'LITERAL') octets += token.value.length;
  }
  return octets;
}
