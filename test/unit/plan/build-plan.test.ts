import { type Action, OPS } from '@postern/core/model/action.js';
import type { Epoch, MessageKey } from '@postern/core/model/row.js';
import { actionId } from '@postern/core/plan/action-id.js';
import { sortActions } from '@postern/core/plan/build-plan.js';
import { lineOf } from '@postern/core/plan/line.js';
import { planLines } from '@postern/core/plan/write-plan.js';
import { describe, expect, it } from 'vitest';
import { Random } from '../../support/random.js';
import { ACTIONS, action, HEADER, local, REPOSITORY, remote } from './lines.js';

const all = Object.values(ACTIONS);

describe('the id of an action', () => {
  it('is 24 hex digits and does not depend on what may change between two plans', () => {
    const { flag } = ACTIONS;
    expect(flag!.id).toMatch(/^[0-9a-f]{24}$/);
    const later = {
      ...flag!,
      why: 'other words',
      flags: ['\\Flagged'],
      add: ['\\Flagged'],
      conflict: true as const,
    };
    expect(actionId(REPOSITORY, later)).toBe(flag!.id);
  });

  it('is another one for every other op, mailbox, end, digest and repository', () => {
    const { pair } = ACTIONS;
    const others = [
      pair!,
      { ...pair!, op: 'unpair' as const },
      { ...pair!, mailbox: 'Work' as Action['mailbox'] },
      { ...pair!, to: 'Work' as Action['mailbox'] },
      { ...pair!, remote: { ...remote, key: '43' as MessageKey } },
      { ...pair!, remote: { ...remote, epoch: '1' as Epoch } },
      { ...pair!, local: { ...local, key: 'x' as MessageKey } },
      { ...pair!, message: { ...pair!.message!, digest: '1'.repeat(32) } },
    ].map(one => actionId(REPOSITORY, one));
    expect(new Set([...others, actionId('r2', pair!)]).size).toBe(others.length + 1);
  });
});

describe('the order of a plan', () => {
  it('is that of execution, whatever order the actions came in', () => {
    const random = new Random(3);
    const sorted = sortActions([...all]);
    const ranks = sorted.map(({ op }) => OPS.indexOf(op));
    expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
    for (let turn = 0; turn < 20; turn++) expect(sortActions(random.shuffled(all))).toEqual(sorted);
  });

  it('is by mailbox and then by UID as a number', () => {
    const at = (mailbox: string, key: string) =>
      action({
        op: 'download',
        mailbox: mailbox as (typeof all)[number]['mailbox'],
        remote: { ...remote, key: key as MessageKey },
        message: all.find(one => one.message)!.message!,
      });
    const sorted = sortActions([at('Work', '1'), at('INBOX', '10'), at('INBOX', '9'), at('INBOX', '100')]);
    expect(sorted.map(({ mailbox, remote: end }) => `${mailbox} ${end?.key}`)).toEqual([
      'INBOX 9',
      'INBOX 10',
      'INBOX 100',
      'Work 1',
    ]);
  });

  it('puts pairs before what needs them, and deletions behind what keeps mail', () => {
    const rank = (op: (typeof OPS)[number]) => OPS.indexOf(op);
    expect(rank('create-mailbox-local')).toBeLessThan(rank('pair'));
    expect(rank('pair')).toBeLessThan(rank('download'));
    for (const deletion of ['delete-local', 'delete-remote'] as const)
      for (const keeps of [
        'move-local',
        'move-remote',
        'copy-local',
        'copy-remote',
        'download',
        'upload',
      ] as const)
        expect(rank(keeps)).toBeLessThan(rank(deletion));
    expect(rank('unpair')).toBe(OPS.length - 1);
  });
});

describe('the lines of a plan', () => {
  it('hold no character that a terminal obeys, and stay the same JSON', () => {
    const subject = 'a\u009b31m\u202etxt\u2066\u007f\u2028';
    const evil = action({
      op: 'download',
      remote,
      flags: [],
      message: { ...ACTIONS['download']!.message!, subject },
    });
    const [, line] = [...planLines({ ...HEADER, blocked: 0 }, [evil])];
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
    expect((JSON.parse(line!) as { message: { subject: string } }).message.subject).toBe(subject);
  });

  it('name a message of either side by UID or by file, as that side has it', () => {
    const { download, pair, upload } = ACTIONS;
    expect(lineOf(pair!)).toMatchObject({ uid: 42, uidValidity: '1795323186', file: local.key });
    expect(lineOf(download!)).not.toHaveProperty('file');
    expect(lineOf(upload!)).not.toHaveProperty('uid');
    const exchanged = action({ op: 'pair', remote: local, local: remote, message: pair!.message! });
    expect(lineOf(exchanged)).toMatchObject({
      remoteFile: local.key,
      localUid: 42,
      localUidValidity: '1795323186',
    });
  });
});
