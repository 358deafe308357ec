import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { systemClock } from '@postern/core/model/clock.js';
import { openSeam } from '@postern/core/model/effect.js';
import type { ImapOptions } from '@postern/core/side/imap/imap-options.js';
import { ImapSide } from '@postern/core/side/imap/imap-side.js';
import { tlsWords } from '@postern/core/side/imap/tls-words.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot, withDovecot } from '../../support/dovecot.js';
import { failure } from './scripted-side.js';

function sideOn(options: Pick<ImapOptions, 'port' | 'tls'> & Partial<ImapOptions>): ImapSide {
  const side = new ImapSide({
    host: '127.0.0.1',
    user: 'me',
    password: async () => 'secret',
    seam: openSeam,
    clock: systemClock,
    ...options,
  });
  onTestFinished(() => side.close());
  return side;
}

describe.skipIf(dovecotMissing())(withDovecot('TLS'), () => {
  let server: Dovecot;
  let ca: string;
  beforeAll(async () => {
    server = await startDovecot({ extra: 'auth_username_chars =' });
    ca = readFileSync(server.caFile, 'utf8');
  });
  afterAll(() => server.stop());
  const password = async () => server.password;

  it('is there from the first octet, or started on a plain connection', async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const implicit = sideOn({ host, port: server.tlsPort, tls: 'implicit', ca, password });
      expect((await implicit.list()).entries.map(entry => entry.mailbox)).toEqual(['INBOX']);
      const started = sideOn({ host, port: server.port, tls: 'starttls', ca, password });
      expect((await started.list()).entries.map(entry => entry.mailbox)).toEqual(['INBOX']);
    }
  });

  it('SE-11: is refused when nobody vouches for the certificate, and told what to do', async () => {
    for (const [port, tls] of [
      [server.tlsPort, 'implicit'],
      [server.port, 'starttls'],
    ] as const) {
      const error = await failure(sideOn({ port, tls, password }).list());
      expect(error.code).toBe('tls-refused');
      expect(error.message).toContain('the certificate of 127.0.0.1 is signed by itself');
      expect(error.hint).toMatch(
        /^the password was not sent; .*"ca" in \.postern\/config\.toml \(init: --ca FILE\)/,
      );
    }
    const plain = await failure(sideOn({ port: server.port, tls: 'implicit', ca, password }).list());
    expect([plain.code, plain.message]).toEqual([
      'tls-refused',
      expect.stringContaining('127.0.0.1 does not speak TLS on this port'),
    ]);
    expect(plain.hint).toContain('for STARTTLS write imap:// (143)');
  });

  it('SE-11: is refused when the certificate is for another host, before anything is sent', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-certificate-'));
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=mail.example.org',
    ];
    const names = ['-addext', 'subjectAltName=DNS:mail.example.org'];
    execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const pem = { key: readFileSync(key), cert: readFileSync(cert) };
    rmSync(directory, { recursive: true });
    let received = 0;
    const other = createServer(pem, socket => {
      socket.on('error', () => {});
      socket.on('data', data => {
        received += data.length;
      });
      socket.write('* OK [CAPABILITY IMAP4rev1] hello\r\n');
    });
    other.on('tlsClientError', () => {});
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const side = sideOn({ port, tls: 'implicit', ca: pem.cert.toString() });
    const error = await failure(side.list());
    expect([error.code, error.message]).toEqual([
      'tls-refused',
      expect.stringContaining('the certificate is not for 127.0.0.1 (ERR_TLS_CERT_ALTNAME_INVALID)'),
    ]);
    expect(received).toBe(0);
  });

  it('does not help a wrong password', async () => {
    const side = sideOn({ port: server.tlsPort, tls: 'implicit', ca });
    const error = await failure(side.list());
    expect(error.code).toBe('login-refused');
    expect(error.message).not.toContain('secret');
  });

  it('carries user names that have to be quoted, and those no quoted string could carry', async () => {
    for (const user of ['j "q" \\ m', 'jürgen']) {
      const side = sideOn({ port: server.tlsPort, tls: 'implicit', ca, password, user });
      expect((await side.list()).entries, user).toHaveLength(1);
      expect(side.address).toContain(encodeURIComponent(user));
    }
  });
});

describe('the words for a refused certificate', () => {
  it.each([
    ['CERT_HAS_EXPIRED', 'certificate has expired', 'the certificate of h has expired (CERT_HAS_EXPIRED)'],
    ['CERT_NOT_YET_VALID', 'not yet', 'the certificate of h is not valid yet (CERT_NOT_YET_VALID)'],
    [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'unable to verify the first certificate',
      'the certificate of h is signed by an authority that is not trusted here (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
    ],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      "Hostname/IP does not match certificate's altnames: Host: h. is not in the cert's altnames: DNS:\x1b[31mx",
      'the certificate is not for h, only for DNS:\\x1b[31mx (ERR_TLS_CERT_ALTNAME_INVALID)',
    ],
    [
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'alert',
      'h only speaks a TLS version that is no longer safe (ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION)',
    ],
    ['CERT_REVOKED', 'certificate revoked', 'certificate revoked (CERT_REVOKED)'],
    ['', 'something else', 'something else'],
  ])('%s', (code, message, why) => {
    const words = tlsWords(code, message, 'h');
    expect(words.why).toBe(why);
    expect(words.hint).toMatch(/^the password was not sent; /);
  });
});

describe('a server that cannot be reached', () => {
  it('is named, whether its name or its port is unknown', async () => {
    const dns = await failure(sideOn({ host: 'nowhere.invalid', port: 993, tls: 'implicit' }).list());
    expect([dns.code, dns.message]).toEqual(['unreachable', expect.stringContaining('nowhere.invalid')]);
    const port = await failure(sideOn({ port: 1, tls: 'none' }).list());
    expect([port.code, port.message]).toEqual([
      'unreachable',
      '127.0.0.1:1 cannot be reached: nothing listens on that port (ECONNREFUSED)',
    ]);
  });
});
