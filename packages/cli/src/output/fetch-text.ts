import type { FetchReport } from '@postern/core/api/fetch.js';
import { printable } from '@postern/core/model/escape-text.js';
import { count, counted } from './numbers.js';

/** What `fetch` found, a line for each mailbox that changed, and one line in sum. */
export function* fetchText(report: FetchReport): Generator<string> {
  for (const { mailbox, fresh, gone, flags, total } of report.changes) {
    const parts = [
      ...(fresh > 0 ? [`${count(fresh)} new`] : []),
      ...(gone > 0 ? [`${count(gone)} gone`] : []),
      ...(flags > 0 ? [counted(flags, 'flag change')] : []),
    ];
    yield `${printable(mailbox)}: ${parts.length === 0 ? 'new mailbox' : parts.join(', ')} (of ${count(total)})`;
  }
  const changed = report.changes.length;
  const scope = `${counted(report.messages, 'message')} in ${counted(report.mailboxes, 'mailbox', 'mailboxes')}`;
  yield changed === 0
    ? `Fetched: nothing changed, ${scope}`
    : `Fetched: ${counted(changed, 'mailbox', 'mailboxes')} changed, ${scope}`;
}
