import { toMailboxName } from '../model/mailbox.js';
import type { MessageKey } from '../model/row.js';
import type { InspectedRecord } from './inspect.js';

/**
 * What is wrong with the names in a record that came from outside, or undefined. Names become paths: none of them may lead
 * out of its mailbox, whatever a record says.
 */
export function faultOfNames(record: InspectedRecord): string | undefined {
  const { mailboxes, keys } = namesIn(record);
  const mailbox = mailboxes.find(name => toMailboxName(name) !== name);
  if (mailbox !== undefined) return `no mailbox can be called ${JSON.stringify(mailbox)}`;
  const key = keys.find(name => !isKey(name));
  return key === undefined ? undefined : `no message can be called ${JSON.stringify(key)}`;
}

/** A UID or the base name of a file: no slash, no dot at the beginning, nothing but printable ASCII and `%XX`. */
function isKey(key: string): boolean {
  return /^(?!\.)(?:[!-$&-.0-~]|%[0-9A-F]{2})+$/.test(key) && !/%2F|%00/.test(key);
}

interface Names {
  readonly mailboxes: readonly string[];
  readonly keys: readonly MessageKey[];
}

function namesIn({ kind, mailbox, value }: InspectedRecord): Names {
  switch (kind) {
    case 'meta':
      return { mailboxes: value.leftOut ?? [], keys: [] };
    case 'mailbox':
      return { mailboxes: [value.mailbox], keys: [] };
    case 'pair':
      return { mailboxes: [mailbox], keys: [value.remote.key, value.local.key] };
    case 'remote':
    case 'local':
      return { mailboxes: [mailbox], keys: [value.key] };
    case 'intent': {
      const keys = [value.source.key, ...(value.key === undefined ? [] : [value.key])];
      const from = value.from === undefined ? [] : [value.from];
      return {
        mailboxes: [mailbox, value.mailbox, ...from.map(place => place.mailbox)],
        keys: [...keys, ...from.map(place => place.key)],
      };
    }
    default:
      return { mailboxes: mailbox === '' ? [] : [mailbox], keys: [] };
  }
}
