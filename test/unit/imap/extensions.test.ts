import { INBOX } from '@postern/core/model/mailbox.js';
import type { Extension } from '@postern/core/side/imap/extensions.js';
import { describe, expect, it } from 'vitest';
import { lines, opened } from '../../support/scripted-imap.js';
import { ok, row, scripted } from './scripted-side.js';

const ALL = 'IMAP4rev1 NAMESPACE LIST-STATUS LIST-EXTENDED SPECIAL-USE CONDSTORE QRESYNC ESEARCH OBJECTID';

/** What is sent for a listing and a first look at two messages, of which one is looked for later, in vain. */
async function sentFor(
  script: { greeting?: string; capabilities?: string },
  disabled: readonly Extension[] = [],
) {
  const { side, server } = await scripted(
    {
      capabilities: ALL,
      ...script,
      answers: [
        { when: /^LIST/, say: ok('* LIST () "/" INBOX') },
        { when: /^(EXAMINE|SELECT)/, say: opened({ exists: 2, more: ['* OK [HIGHESTMODSEQ 9] yes'] }) },
        {
          when: /^UID SEARCH RETURN/,
          say: command => lines(`* ESEARCH (TAG "${command.tag}") UID ALL 1:2`, 'TAG OK done'),
        },
        { when: /^UID FETCH (1:\*|1:2|1,2) \(UID\)/, say: ok('* 1 FETCH (UID 1)', '* 2 FETCH (UID 2)') },
        { when: /^UID FETCH 7 /, say: ok() },
        { when: /^UID FETCH/, say: ok(row(1, { more: ' MODSEQ (9)' }), row(2, { more: ' MODSEQ (9)' })) },
      ],
    },
    { disabled },
  );
  await side.list();
  const { rows, cursor } = await side.snapshot(INBOX, undefined);
  expect([...rows.keys()]).toEqual(['1', '2']);
  expect((await side.look(INBOX, cursor.epoch, ['7' as never])).gone).toEqual(new Set(['7']));
  return server.commands.join('\n');
}

describe('an extension that the server claims', () => {
  it.each<[Extension, RegExp]>([
    ['LIST-STATUS', /STATUS \(/],
    ['SPECIAL-USE', /SPECIAL-USE/],
    ['CONDSTORE', /MODSEQ/],
    ['ESEARCH', /SEARCH RETURN/],
    ['OBJECTID', /EMAILID/],
  ])('is not, where %s is switched off', async (extension, sign) => {
    expect(await sentFor({})).toMatch(sign);
    expect(await sentFor({}, [extension])).not.toMatch(sign);
  });

  it('is not, where servers of its kind are known not to have it', async () => {
    const apple = await sentFor({ capabilities: `${ALL} XAPPLELITERAL` });
    expect(apple).not.toMatch(/SEARCH RETURN/);
    expect(apple).toMatch(/MODSEQ/);
    const smarter = await sentFor({ greeting: `* OK [CAPABILITY ${ALL}] IMAP4rev1 SmarterMail\r\n` });
    expect(smarter).not.toMatch(/MODSEQ/);
    expect(smarter).toMatch(/SEARCH RETURN/);
  });
});
