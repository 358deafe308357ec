import { INBOX, mailboxName } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { opened, type ScriptedAnswer } from '../../support/scripted-imap.js';
import { ok, row, scripted } from './scripted-side.js';

const open = (exists: number, uidNext = exists + 1): ScriptedAnswer => ({
  when: /^(EXAMINE|SELECT)/,
  say: opened({ exists, uidNext }),
});
const withFlags = (flags: string) => row(1).replace(/FLAGS \([^)]*\)/, `FLAGS (${flags})`);

async function flagsTold(flags: string): Promise<readonly string[]> {
  const { side } = await scripted({ answers: [open(1), { when: /^UID FETCH/, say: ok(withFlags(flags)) }] });
  return [...(await side.snapshot(INBOX, undefined)).rows.values()][0]!.flags;
}

describe('flags a server tells', () => {
  it('MG-25: are the same with and without \\Recent', async () => {
    expect(await flagsTold('\\Recent \\Seen')).toEqual(['\\Seen']);
    expect(await flagsTold('\\Seen \\recent')).toEqual(['\\Seen']);
  });

  it('MG-26: are the same in any case of their letters, where they are known ones', async () => {
    expect(await flagsTold('\\flagged \\SEEN $forwarded')).toEqual(
      await flagsTold('\\Flagged \\Seen $Forwarded'),
    );
    expect(await flagsTold('\\Seen \\SEEN')).toEqual(['\\Seen']);
  });
});

describe('status answers between others', () => {
  const odd = [
    '* OK [HIGHESTMODSEQ 5]',
    '* OK',
    '* OK []',
    '* NO [ALERT]',
    '* NO [X-WHAT "a (b" c] gone wrong somewhere else',
    '* BAD [CLIENTBUG] you did something',
    '* BAD',
    '* OK [UNKNOWN-CODE (1 2 ("x"))] text',
    '* OK [NOMODSEQ] x',
    '* NO [OVERQUOTA] nearly full',
  ];

  it.each(odd)('SE-09: %s changes nothing, wherever it stands', async line => {
    const say = opened({ exists: 2, more: [line] });
    const { side } = await scripted({
      capabilities: 'IMAP4rev1 NAMESPACE CONDSTORE',
      answers: [
        { when: /^LIST/, say: ok(line, '* LIST () "/" INBOX', line) },
        { when: /^(EXAMINE|SELECT)/, say: `${line}\r\n${say}` },
        { when: /^UID FETCH/, say: ok(line, row(1), line, row(2), line) },
      ],
    });
    expect((await side.list()).entries.map(({ mailbox }) => mailbox)).toEqual([INBOX]);
    const { rows, cursor } = await side.snapshot(INBOX, undefined);
    expect([[...rows.keys()], cursor.count, cursor.epoch]).toEqual([['1', '2'], 2, '7']);
  });
});

describe('mailboxes a server lists', () => {
  const listed = async (...entries: readonly string[]) => {
    const say = ok(...entries.map(entry => `* LIST () ${entry}`));
    const { side } = await scripted({ answers: [{ when: /^LIST/, say }] });
    const { entries: found, problems } = await side.list();
    return { names: found.filter(({ selectable }) => selectable).map(({ mailbox }) => mailbox), problems };
  };

  it('FO-14: are one INBOX however it is written, and those below it once', async () => {
    const { names, problems } = await listed(
      '"/" INBOX',
      '"/" Inbox',
      '"/" inbox',
      '"/" INBOX/x',
      '"/" inbox/x',
    );
    expect(names).toEqual(['INBOX', 'INBOX/x']);
    expect(problems).toEqual([{ reason: expect.stringContaining('"inbox/x"') }]);
  });

  it('FO-22: have the same names when the server puts something else between levels', async () => {
    const slash = await listed('"/" INBOX', '"/" Work/Deep');
    expect((await listed('"." INBOX', '"." Work.Deep')).names).toEqual(slash.names);
  });

  it('FO-22: have names of one level, each its own, when the server has no levels any more', async () => {
    const { names } = await listed('NIL INBOX', 'NIL Work/Deep', 'NIL Work.Deep');
    expect(names).toEqual(['INBOX', 'Work\\2fDeep', 'Work.Deep'].map(mailboxName));
  });
});

describe('numbers a server tells', () => {
  it('UV-14: UIDNEXT may be far above the highest UID', async () => {
    const say = ok(row(7), row(9));
    const { side } = await scripted({ answers: [open(2, 400_000), { when: /^UID FETCH/, say }] });
    const { rows, cursor } = await side.snapshot(INBOX, undefined);
    expect([...rows.keys()]).toEqual(['7', '9']);
    expect(cursor).toMatchObject({ count: 2, uidNext: 400_000 });
  });

  it.each([
    ['MM-17', 'larger', 19_189],
    ['MM-18', 'smaller', 5],
  ])('%s: RFC822.SIZE may be %s than the message, which is read whole', async (_id, _what, size) => {
    const body = 'Subject: x\r\n\r\nall of it\r\n';
    const sized = row(1).replace(/RFC822\.SIZE \d+/, `RFC822.SIZE ${size}`);
    const { side } = await scripted({
      answers: [
        open(1),
        { when: /BODY\.PEEK\[\]/, say: ok(`* 1 FETCH (UID 1 FLAGS () BODY[] {${body.length}}\r\n${body})`) },
        { when: /^UID FETCH/, say: ok(sized) },
      ],
    });
    const { rows, cursor } = await side.snapshot(INBOX, undefined);
    const found: string[] = [];
    await side.read(INBOX, cursor.epoch, [...rows.values()], async letter => {
      let whole = '';
      for await (const chunk of letter.chunks) whole += Buffer.from(chunk).toString();
      found.push(whole);
    });
    expect(found).toEqual([body]);
  });
});
