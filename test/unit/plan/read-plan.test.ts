import { readPlan } from '@postern/core/plan/read-plan.js';
import { planDocument, planLines } from '@postern/core/plan/write-plan.js';
import { describe, expect, it } from 'vitest';
import { ACTIONS, HEADER, lineText, readText, refusal } from './lines.js';

const all = Object.values(ACTIONS);
const { download, pair, flag, delete: deletion, create } = ACTIONS as Required<typeof ACTIONS>;
const header = JSON.stringify(HEADER);
const planHeader = {
  repository: HEADER.repository,
  remote: HEADER.remote,
  local: HEADER.local,
  created: HEADER.created,
  blocked: 0,
};

describe('a plan that is read back', () => {
  it('is what was written, line by line and as one document', async () => {
    const lines = [...planLines(planHeader, all)].join('\n');
    expect((await readText(`${lines}\n`)).actions).toEqual(all);
    const document = [...planDocument(planHeader, all)].join('\n');
    expect((await readText(document)).actions).toEqual(all);
    expect(JSON.parse(document)).toMatchObject({ op: 'plan', version: 1 });
  });

  it('may have lost its header to a filter', async () => {
    expect(await readText(lineText(download!))).toEqual({ header: undefined, actions: [download] });
  });

  it('may hold a header alone', async () => {
    expect(await refusal(header)).toBe('0 actions');
  });

  it('may be of no line at all only where the caller says so', async () => {
    async function* nothing() {
      yield ' \n';
    }
    expect(await readPlan(nothing(), HEADER.repository, { mayBeEmpty: true })).toEqual({
      header: undefined,
      actions: [],
    });
  });

  it('may be a document of any length, whose actions are parsed one by one', async () => {
    const why = 'x'.repeat(19_000);
    const many = Array.from({ length: 400 }, (_, index) => ({ ...flag!, why: `${index}${why}` }));
    const document = [...planDocument(planHeader, many)].join('\n');
    expect(document.length).toBeGreaterThan(4 * 1024 * 1024);
    const { actions, header: read } = await readText(document.match(/.{1,65536}/gs)!);
    expect(actions).toEqual(many);
    expect(read).toMatchObject({ actions: 400, repository: HEADER.repository });
  });

  it('may be a document whose keys jq sorted', async () => {
    const document = JSON.parse([...planDocument(planHeader, all)].join('\n')) as object;
    const sorted = Object.fromEntries(Object.entries(document).sort(([a], [b]) => (a < b ? -1 : 1)));
    expect((await readText(JSON.stringify(sorted, undefined, 2))).actions).toEqual(all);
  });

  it('may be pretty-printed, with keys in another order (PL-15)', async () => {
    const entries = Object.entries(JSON.parse(lineText(flag!)) as object).reverse();
    const pretty = JSON.stringify(Object.fromEntries(entries), undefined, 2);
    expect((await readText(`${header}\n${pretty}\n`)).actions).toEqual([flag]);
  });

  it('may have a BOM and CRLF line ends (PL-11)', async () => {
    expect(await refusal(`\ufeff${header}\r\n${lineText(download!)}\r\n`)).toBe('1 actions');
  });

  it('may come in chunks of any size, cut inside characters', async () => {
    const bytes = Buffer.from(`${header}\n${lineText({ ...download!, why: 'new – Grüße 🎉' })}\n`);
    for (const size of [1, 2, 3, 7]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_one, at) =>
        bytes.subarray(at * size, at * size + size),
      );
      expect((await readText(chunks)).actions[0]?.why).toBe('new – Grüße 🎉');
    }
  });

  it('keeps UIDVALIDITY as text, however large (PL-14)', async () => {
    const { actions } = await readText(lineText(download!));
    expect(actions[0]?.remote?.epoch).toBe('1795323186');
    expect(await refusal(lineText(download!, { uidValidity: 1795323186 }))).toMatch(
      /^plan-invalid: .*uidValidity/,
    );
  });
});

describe('a plan is refused as a whole', () => {
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['is empty (PL-11)', '', /the plan is empty/],
    ['holds blanks alone', ' \n\n', /the plan is empty/],
    ['is of another version (PL-10)', JSON.stringify({ ...HEADER, version: 2 }), /line 1.*version 2/],
    ['has no version', JSON.stringify({ ...HEADER, version: undefined }), /line 1.*version/],
    [
      'is of another repository (PL-09)',
      JSON.stringify({ ...HEADER, repository: 'r2' }),
      /another repository/,
    ],
    ['has a header with an unknown field', JSON.stringify({ ...HEADER, extra: 1 }), /line 1/],
    ['has a second header', `${header}\n${header}`, /line 2.*header is the first line/],
    [
      'has an unknown op (PL-10)',
      `${header}\n${lineText(download!, { op: 'explode' })}`,
      /line 2.*unknown op "explode"/,
    ],
    ['has a line without op', lineText(download!, { op: undefined }), /line 1.*no "op"/],
    ['has an op that is no text', lineText(download!, { op: 7 }), /line 1.*no "op"/],
    ['has an unknown field (PL-10)', lineText(download!, { force: true }), /line 1/],
    ['lacks the message of a download (PL-12)', lineText(download!, { message: undefined }), /"message"/],
    ['lacks the UID of a download (PL-12)', lineText(download!, { uid: undefined }), /UID/],
    [
      'lacks the UIDVALIDITY of a download (PL-12)',
      lineText(download!, { uidValidity: undefined }),
      /UIDVALIDITY/,
    ],
    [
      'lacks both (PL-12)',
      lineText(download!, { uid: undefined, uidValidity: undefined }),
      /"uid" and "uidValidity"/,
    ],
    ['lacks the file of a deletion (PL-12)', lineText(deletion!, { file: undefined }), /needs "file"/],
    ['has an emptied precondition (PL-12)', lineText(deletion!, { file: '' }), /"file"/],
    ['has a null for a precondition (PL-12)', lineText(deletion!, { file: null }), /"file"/],
    ['lacks the flags of a flag line (PL-12)', lineText(flag!, { flags: undefined }), /needs "flags"/],
    ['changes no flag', lineText(flag!, { add: [] }), /needs "add" or "remove"/],
    ['adds and removes the same flag', lineText(flag!, { remove: ['\\seen'] }), /in "add" and in "remove"/],
    [
      'smuggles a command through a flag',
      lineText(flag!, { add: ['x) NOOP\r\na1 DELETE INBOX'] }),
      /not a flag/,
    ],
    ['names UID 0', lineText(download!, { uid: 0 }), /"uid"/],
    ['names a UID that is too large', lineText(download!, { uid: 4294967296 }), /"uid"/],
    ['names a UID that is no whole number (PL-14)', lineText(download!, { uid: 42.5 }), /"uid"/],
    ['names a file in another directory', lineText(pair!, { file: '../../etc/passwd' }), /"file"/],
    ['names a hidden file', lineText(pair!, { file: '.postern' }), /"file"/],
    ['names a file with an escaped slash', lineText(pair!, { file: 'a%2Fb' }), /"file"/],
    ['names a mailbox outside', lineText(create!, { mailbox: '../x' }), /"mailbox"/],
    ['names a mailbox with control characters', lineText(create!, { mailbox: 'a\r\nb' }), /"mailbox"/],
    ['has a line whose id is not its own', lineText(download!, { uid: 43 }), /"id" does not belong/],
    [
      'has a line with another digest',
      lineText(download!, { message: { ...download!.message, digest: '1'.repeat(32) } }),
      /"id" does not belong/,
    ],
    ['has a line moved to another mailbox', lineText(download!, { mailbox: 'Work' }), /"id" does not belong/],
    ['is cut inside a line (PL-21)', `${header}\n${lineText(download!).slice(0, -10)}`, /ends in the middle/],
    ['is no JSON (PL-11)', `${header}\n{"op":download}`, /line 2.*not JSON/],
    ['is an array', `[${lineText(download!)}]`, /expected a JSON object/],
    ['holds something between the lines', `${header}\nnull\n`, /line 2.*expected a JSON object/],
    [
      'has a key twice (PL-13)',
      lineText(download!).replace('{', '{"op":"upload",'),
      /"op" stands there twice/,
    ],
    [
      'has a key twice inside (PL-13)',
      lineText(download!).replace('"digest"', '"size":1,"digest"'),
      /"size" stands there twice/,
    ],
    [
      'has an escaped key twice (PL-13)',
      lineText(download!).replace('{', '{"\\u006fp":"upload",'),
      /stands there twice/,
    ],
    [
      'has a __proto__ key (PL-13)',
      lineText(download!).replace('{', '{"__proto__":{"conflict":true},'),
      /line 1/,
    ],
    ['has a constructor key (PL-13)', lineText(download!, { constructor: { prototype: {} } }), /line 1/],
    ['is nested without end (PL-13)', `{"op":${'['.repeat(100)}`, /nested too deeply/],
    [
      'is a document with a bad action',
      JSON.stringify({ ...HEADER, actions: [{ op: 'explode' }] }),
      /unknown op/,
    ],
    [
      'is a document after a line',
      `${lineText(download!)}\n${JSON.stringify({ ...HEADER, actions: [] })}`,
      /stands alone|first line/,
    ],
  ];
  it.each(bad)('when it %s', async (_what, text, reason) => {
    const words = await refusal(text);
    expect(words).toMatch(/^plan-invalid: /);
    expect(words).toMatch(reason);
  });

  const document = (actions: string, rest = '') =>
    `${JSON.stringify({ ...HEADER, actions: undefined }).slice(0, -1)},"actions":[${actions}]${rest}}`;
  it.each([
    [
      'is of another repository',
      document(lineText(download!)).replace('"r1"', '"r2"'),
      /^line 1 .*another repository/,
    ],
    [
      'has a bad action',
      document(`\n${lineText(download!)},\n${lineText(pair!, { uid: 0 })}`),
      /^line 3 .*"uid"/,
    ],
    [
      'lacks a comma',
      document(`${lineText(download!)} ${lineText(pair!)}`),
      /^line 1 .*a comma between two actions/,
    ],
    [
      'has a comma too many',
      document(`${lineText(download!)},`),
      /^line 1 .*expected a JSON object, found "\]"/,
    ],
    ['has text in the list', document('"x"'), /^line 1 .*expected a JSON object/],
    ['has a second list', document('', `,"actions":[]`), /"actions" stands there twice/],
    ['has no end', document('').slice(0, -2), /ends in the middle/],
    ['has a key nobody knows', document('', ',"force":1'), /unknown field "force"/],
    ['is followed by a line', `${document('')}\n${lineText(download!)}`, /^line 2 .*stands alone/],
    ['is of no op', `{"actions":[]}`, /"op" is missing/],
    ['is an action', lineText(download!, { actions: [] }), /"op" must be "plan"/],
  ])('when it is a document that %s', async (_what, text, reason) => {
    expect((await refusal(text)).replace(/^plan-invalid: /, '')).toMatch(reason);
  });

  it.each([
    [{ uid: 'x' }, '"uid" must be a number, not text'],
    [{ uid: null }, '"uid" must be a number, not null'],
    [{ uid: 1.5 }, '"uid" must be a whole number, not 1.5'],
    [{ uid: 0 }, '"uid" must be at least 1'],
    [{ uid: 2 ** 32 }, '"uid" must be at most 4294967295'],
    [{ uidValidity: '0' }, '"uidValidity": a decimal number as a string'],
    [{ conflict: false }, '"conflict" must be true'],
    [{ flags: ['\\Seen', 7] }, '"flags.1" must be text, not 7'],
    [{ flags: {} }, '"flags" must be a list, not an object'],
    [{ flags: Array.from({ length: 1001 }, () => 'x') }, '"flags" is longer than 1000 entries'],
    [{ why: 'x'.repeat(20_001) }, '"why" is longer than 20000 characters'],
    [{ mailbox: 'a/../b' }, '"mailbox": not a mailbox name: it has the level ".."'],
    [{ mailbox: undefined }, '"mailbox" is missing'],
    [{ message: [] }, '"message" must be an object, not a list'],
    [{ message: { ...download!.message, size: -1 } }, '"message.size" must be at least 0'],
    [{ message: { ...download!.message, extra: 1 } }, 'unknown field "message.extra"'],
    [{ 'a\u202eb': 1 }, 'unknown field "a\\u202eb"'],
    [{ id: 'x' }, '"id": 24 hex digits'],
  ])('in words, with the field: %j', async (changes, words) => {
    expect(await refusal(lineText(download!, changes))).toBe(`plan-invalid: line 1 of the plan: ${words}`);
  });

  it('when it is not valid UTF-8', async () => {
    expect(await refusal([Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])])).toMatch(
      /^plan-invalid: line 1.*UTF-8/,
    );
  });

  it('when it ends inside a character', async () => {
    const bytes = Buffer.from(`${header}\n{"op":"é`);
    expect(await refusal([bytes.subarray(0, bytes.length - 1)])).toMatch(/^plan-invalid: /);
  });

  it('when a value has no end', async () => {
    const much = 'x'.repeat(1024 * 1024);
    expect(await refusal(['{"op":"', ...Array.from({ length: 80 }, () => much)])).toMatch(
      /too long for a plan/,
    );
  });

  it('with the number of the line, however the lines before it are printed', async () => {
    const pretty = JSON.stringify(JSON.parse(lineText(download!)), undefined, 2);
    const lines = pretty.split('\n').length;
    const text = `${header}\n${pretty}\n${lineText(pair!, { op: 'explode' })}`;
    expect(await refusal(text)).toMatch(new RegExp(`line ${lines + 2} of the plan`));
  });

  it('and never changes a prototype (PL-13)', async () => {
    await refusal('{"__proto__":{"polluted":true},"op":"download"}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
