import { commandText } from './bulk/command-text.js';
import type { Done } from './bulk/pipeline.js';
import { readStatusLine } from './bulk/status-line.js';
import type { Command, Session } from './session.js';
import { type Attribute, type ResponseCode, responseCode } from './tokens.js';

/** A command to do something with messages. */
export interface Order extends Omit<Command, 'attributes' | 'untagged'> {
  readonly attributes: readonly Attribute[];
}

/** Sends it past imapflow where that is possible. `hear` sees the codes of untagged OKs, and at last that of the tagged one. */
export async function order(
  session: Session,
  request: Order,
  hear: (code: ResponseCode | undefined) => void = () => {},
): Promise<Done> {
  const done =
    (await orderOnLane(session, request, hear)) ??
    (await session.command({ ...request, untagged: { OK: answer => hear(responseCode(answer)) } }));
  hear(done.code);
  return done;
}

async function orderOnLane(
  session: Session,
  { command, attributes, ...request }: Order,
  hear: (code: ResponseCode | undefined) => void,
): Promise<Done | undefined> {
  const text = commandText(command, attributes);
  if (text === undefined) return undefined;
  const line = (said: string) => {
    const status = readStatusLine(said);
    if (status?.status === 'OK') hear(status.code);
  };
  return session.bulk({ ...request, text, line });
}
