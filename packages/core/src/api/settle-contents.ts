import { matchRows } from '../match/match-rows.js';
import { rowsToMatch, sortPairs } from '../match/sort-pairs.js';
import { SIDES, type SideName } from '../model/by-side.js';
import { contentOfChunks } from '../model/identity.js';
import type { MailboxName } from '../model/mailbox.js';
import type { Row } from '../model/row.js';
import type { MailboxView } from '../model/view.js';
import { loadRecord, loadUnsettled, loadView } from '../observe/load-view.js';
import type { Repository } from '../state/repository.js';
import type { Change } from '../state/store.js';
import { mergeAccount } from './merge-account.js';
import { AT_ONCE, newsIn } from './what-can-wait.js';

/**
 * Reads the contents of those few messages that only their content can tell apart, until matching asks for nothing new, and
 * notes them in the snapshots. Returns how many messages were read.
 */
export async function settleContents(
  repository: Repository,
  only: readonly MailboxName[] | undefined,
): Promise<number> {
  const { store } = repository;
  let read = 0;
  for (const record of (await store.all('mailbox', '')).values()) {
    if (record.quiet || (only !== undefined && !only.includes(record.mailbox))) continue;
    if ((await newsIn(store, record, AT_ONCE)) !== undefined) continue;
    for (let pass = 0; pass < 3; pass++) {
      const view = await loadUnsettled(store, record);
      const wanted = wantedRows(view);
      let learned = 0;
      for (const side of SIDES) {
        const rows = wanted?.[side] ?? [];
        if (rows.length > 0) learned += await readContents(repository, view, side, rows);
      }
      read += learned;
      if (learned === 0) break;
    }
  }
  return read + (await settleMoves(repository, only));
}

/** The same for messages that may have moved from one mailbox to another. */
async function settleMoves(
  repository: Repository,
  only: readonly MailboxName[] | undefined,
): Promise<number> {
  const records = [...(await repository.store.all('mailbox', '')).values()];
  const isEmpty = (side: SideName) => !records.some(record => (record.sides[side]?.cursor.count ?? 0) > 0);
  if (isEmpty('remote') || isEmpty('local')) return 0;
  const { wanted } = await mergeAccount(repository, {
    most: AT_ONCE,
    ...(only === undefined ? {} : { mailboxes: only }),
  });
  let read = 0;
  const places = new Set(wanted.map(({ side, mailbox }) => JSON.stringify([side, mailbox])));
  for (const place of places) {
    const [side, mailbox] = JSON.parse(place) as [SideName, MailboxName];
    const rows = wanted
      .filter(entry => entry.side === side && entry.mailbox === mailbox)
      .map(({ row }) => row);
    const view = await loadView(repository.store, await loadRecord(repository.store, mailbox));
    // Under the name it is about to get there: its messages wait until it was renamed.
    if (view.sides[side] === undefined) continue;
    read += await readContents(repository, view, side, rows);
  }
  return read;
}

function wantedRows(view: MailboxView) {
  const { remote, local } = view.sides;
  if (remote === undefined || local === undefined) return undefined;
  const snapshots = { remote, local };
  return matchRows(rowsToMatch(sortPairs(view, snapshots), snapshots)).wanted;
}

const ROWS_A_BATCH = 200;

async function readContents(
  repository: Repository,
  view: MailboxView,
  side: SideName,
  rows: readonly Row[],
): Promise<number> {
  const epoch = view.sides[side]!.cursor.epoch;
  const { mailbox } = view;
  let learned = 0;
  for (let from = 0; from < rows.length; from += ROWS_A_BATCH) {
    const batch = new Map(rows.slice(from, from + ROWS_A_BATCH).map(row => [row.key, row]));
    const changes: Change[] = [];
    await repository.sides[side].read(mailbox, epoch, [...batch.values()], async letter => {
      const row = batch.get(letter.key);
      if (row === undefined) return;
      const content = await contentOfChunks(letter.chunks);
      changes.push({
        put: side,
        mailbox,
        key: row.key,
        value: { ...row, identity: { ...row.identity, content } },
      });
    });
    learned += changes.length;
    await repository.store.write(changes, { durable: false });
  }
  return learned;
}
