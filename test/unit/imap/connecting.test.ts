import { INBOX } from '@postern/core/model/mailbox.js';
import { describe, expect, it } from 'vitest';
import { lines, opened } from '../../support/scripted-imap.js';
import { failure, ok, row, SECRET, scripted } from './scripted-side.js';

describe('connecting', () => {
  it('waits until something is asked', async () => {
    const { side, server } = await scripted({});
    expect(side.address).toMatch(/^imap:\/\/me@127\.0\.0\.1:\d+$/);
    expect(server.commands).toEqual([]);
    await side.list();
    expect(server.commands[0]).toBe('LOGIN');
  });

  it('names a refused login, and never the password, even if the server repeats it', async () => {
    const refusal = `TAG NO [AUTHENTICATIONFAILED] no user me with "${SECRET}"\x07`;
    const { side } = await scripted({ answers: [{ when: /^LOGIN/, say: lines(refusal) }] });
    const error = await failure(side.list());
    expect(error.code).toBe('login-refused');
    expect(error.message).toContain('no user me with');
    expect(JSON.stringify([error.message, error.hint, error.stack, error.cause])).not.toContain(SECRET);
    expect(error.message).not.toContain('\x07');
  });

  it.each([
    ['NO [ALERT] Too many simultaneous connections. (Failure)', 'try-later'],
    ['NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)', 'try-later'],
    ['NO [SERVERBUG] Internal error', 'try-later'],
    ['BAD Request is throttled. Suggested Backoff Time: 20 milliseconds', 'try-later'],
    ['NO [EXPIRED] the password has expired', 'login-refused'],
    ['NO [UNAVAILABLE] the user database is away', 'try-later'],
    ['NO [INUSE] somebody else is here', 'try-later'],
    ['NO [PRIVACYREQUIRED] not in clear text', 'tls-refused'],
  ])('RF-15, RF-16: answers %s with %s', async (answer, code) => {
    const { side } = await scripted({ answers: [{ when: /^LOGIN/, say: lines(`TAG ${answer}`) }] });
    expect((await failure(side.list())).code).toBe(code);
  });

  it('RF-16: comes back later when the server has let us in without a mailbox behind it', async () => {
    const say = lines('TAG BAD User is authenticated but not connected.');
    const { side } = await scripted({
      capabilities: 'IMAP4rev1 NAMESPACE',
      answers: [{ when: /^NAMESPACE/, say }],
    });
    expect((await failure(side.list())).code).toBe('try-later');
  });

  it('RF-14, RF-17: says why the server said BYE instead of hello', async () => {
    const { side } = await scripted({ greeting: '* BYE Too many connections\r\n' });
    const error = await failure(side.list());
    expect([error.code, error.message]).toEqual(['try-later', expect.stringContaining('Too many')]);
  });

  it.each(['NO [LIMIT] too many connections', 'NO [AUTHENTICATIONFAILED] Maximum number of connections'])(
    'RF-17: goes on with the connection it has when the server answers a second one with %s',
    async words => {
      const { side, server } = await scripted({
        answers: [
          {
            when: /^LOGIN/,
            say: ({ connection }) => lines(connection === 1 ? 'TAG OK welcome' : `TAG ${words}`),
          },
        ],
      });
      await side.list();
      expect(await side.another()).toBeUndefined();
      expect((await side.snapshot(INBOX, undefined)).rows.size).toBe(0);
      expect(server.commands.filter(text => text === 'LOGIN')).toHaveLength(2);
    },
  );

  it('RF-18: does not wait for ever for a greeting or an answer', async () => {
    const mute = await scripted({ greeting: '' }, { timeouts: { greeting: 50 } });
    expect((await failure(mute.side.list())).message).toContain('no greeting within 50 ms');
    const deaf = await scripted({ answers: [{ when: /^LIST/, say: '' }] }, { timeouts: { silence: 50 } });
    expect((await failure(deaf.side.list())).message).toBe(
      'the connection to 127.0.0.1 was lost during LIST (no answer for 50 ms)',
    );
  });

  it('SE-05: gives up a server that only says that it is still there', async () => {
    const { side } = await scripted(
      { answers: [{ when: /^LIST/, say: '* OK still here\r\n' }] },
      { timeouts: { stall: 50 } },
    );
    const error = await failure(side.list());
    expect([error.code, error.message]).toEqual(['unreachable', expect.stringContaining('no progress')]);
  });

  describe('with TLS required', () => {
    it.each([
      ['a server that does not offer it', '* OK [CAPABILITY IMAP4rev1] hello\r\n'],
      ['a server that lets us in before it', '* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hello\r\n'],
    ])('SE-10: refuses %s, before the password is sent', async (_name, greeting) => {
      const { side, server } = await scripted({ greeting }, { tls: 'starttls' });
      expect((await failure(side.list())).code).toBe('tls-refused');
      expect(server.count(/LOGIN|AUTHENTICATE/)).toBe(0);
    });

    it('SE-10: refuses what was slipped in before the handshake', async () => {
      const { side, server } = await scripted(
        {
          capabilities: 'IMAP4rev1 STARTTLS',
          answers: [{ when: /^STARTTLS/, say: lines('TAG OK go', '* CAPABILITY IMAP4rev1 AUTH=PLAIN') }],
        },
        { tls: 'starttls' },
      );
      expect((await failure(side.list())).code).toBe('tls-refused');
      expect(server.count(/LOGIN|AUTHENTICATE/)).toBe(0);
    });
  });

  it('SE-12: is done again after a lost connection, with the capabilities of that time', async () => {
    const { side, server } = await scripted({
      answers: [
        { when: /^LOGIN/, say: lines('TAG OK [CAPABILITY IMAP4rev1 UIDPLUS CONDSTORE] hi'), times: 1 },
        { when: /^EXAMINE/, say: opened({ exists: 1 }) },
        { when: /^UID FETCH/, say: lines(row(1)), close: true, times: 1 },
        { when: /^UID FETCH/, say: ok(row(1)) },
      ],
    });
    expect((await failure(side.snapshot(INBOX, undefined))).code).toBe('unreachable');
    expect((await side.snapshot(INBOX, undefined)).rows.size).toBe(1);
    const [first, second] = server.commands.filter(command => command.startsWith('UID FETCH'));
    expect(first).toContain('MODSEQ');
    expect(second).not.toContain('MODSEQ');
  });

  it('PV-12, PV-15: is done again where the server says BYE over what it is asked for, which is asked for in parts', async () => {
    const say = lines(row(1), '* BYE FETCH failed');
    const { side, server } = await scripted({
      answers: [
        { when: /^EXAMINE/, say: opened({ exists: 3 }) },
        {
          when: /^UID FETCH 1:\* \(UID FLAGS\)/,
          say: ok(...[1, 2, 3].map(uid => `* 1 FETCH (UID ${uid} FLAGS ())`)),
        },
        { when: /^UID FETCH (1:\*|2:3|2) .*HEADER/, say, close: true },
        { when: /^UID FETCH .*HEADER/, say: ok(row(3)) },
      ],
    });
    const { rows, unreadable } = await side.snapshot(INBOX, undefined);
    expect([[...rows.keys()], [...unreadable]]).toEqual([['1', '3'], [['2', 'FETCH failed']]]);
    expect(server.count(/^LOGIN/)).toBe(4);
  });

  it('is done again without a word when the connection died between two calls', async () => {
    const { side, server } = await scripted({
      answers: [{ when: /^LIST/, say: lines('* LIST () "/" INBOX', 'TAG OK done'), close: true, times: 1 }],
    });
    await side.list();
    expect((await side.list()).entries).toHaveLength(1);
    expect(server.count(/^LOGIN/)).toBe(2);
  });

  it('SE-15: shows what the server wants people to see, on one harmless line', async () => {
    const alerts: string[] = [];
    const say = lines('* OK [ALERT] down at \x1b[31mnoon', '* LIST () "/" INBOX', 'TAG OK done');
    const { side } = await scripted(
      { answers: [{ when: /^LIST/, say }] },
      { onAlert: text => void alerts.push(text) },
    );
    await side.list();
    expect(alerts).toEqual(['down at \\x1b[31mnoon']);
  });

  it('does not connect to say goodbye, and closing never fails', async () => {
    const { side, server } = await scripted(
      { answers: [{ when: /^LOGOUT/, say: '' }] },
      { timeouts: { logout: 20 } },
    );
    await side.close();
    expect(server.commands).toEqual([]);
    await side.list();
    await side.close();
    await side.close();
    expect(server.count(/^LOGOUT/)).toBe(1);
  });
});
