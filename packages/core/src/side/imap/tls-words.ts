import { printable } from '../../model/escape-text.js';

/** Why no trusted TLS connection came about, in words, and what a person can do about it. */
export interface TlsWords {
  readonly why: string;
  readonly hint: string;
}

const UNSENT = 'the password was not sent';
const CA = '"ca" in .postern/config.toml (init: --ca FILE)';

/**
 * The words for a code of OpenSSL or Node (`DEPTH_ZERO_SELF_SIGNED_CERT`). The code stays in the text, for those who look
 * it up; `message` is what the library says, for codes nobody knows.
 */
export function tlsWords(code: string, message: string, host: string): TlsWords {
  const found = CASES.find(({ codes }) => codes.test(code));
  if (found === undefined) {
    return {
      why: code === '' || message.includes(code) ? message : `${message} (${code})`,
      hint: `${UNSENT}; check the host name, the port, the certificate (${CA}) and the --tls setting`,
    };
  }
  const names = /altnames: ((?:DNS|IP Address|URI):.+)$/.exec(message)?.[1];
  const also = found.names && names !== undefined ? `, only for ${printable(names)}` : '';
  return { why: `${found.why(host)}${also} (${code})`, hint: `${UNSENT}; ${found.hint}` };
}

interface Case {
  readonly codes: RegExp;
  readonly why: (host: string) => string;
  readonly hint: string;
  /** The library's message ends with the names the certificate is for. */
  readonly names?: true;
}

const CASES: readonly Case[] = [
  {
    codes: /^(DEPTH_ZERO_)?SELF_SIGNED_CERT$/,
    why: host => `the certificate of ${host} is signed by itself, so nothing vouches for it`,
    hint: `if it is the server's own, get it in a way you trust and name its PEM file as ${CA}`,
  },
  {
    codes: /^SELF_SIGNED_CERT_IN_CHAIN$|^UNABLE_TO_/,
    why: host => `the certificate of ${host} is signed by an authority that is not trusted here`,
    hint: `if the authority is your own, name the PEM file of its certificate as ${CA}`,
  },
  {
    codes: /^CERT_HAS_EXPIRED$/,
    why: host => `the certificate of ${host} has expired`,
    hint: "check this machine's clock; else the server needs a new certificate",
  },
  {
    codes: /^CERT_NOT_YET_VALID$/,
    why: host => `the certificate of ${host} is not valid yet`,
    hint: "check this machine's clock",
  },
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$|^HOSTNAME_/,
    why: host => `the certificate is not for ${host}`,
    hint: 'use a host name the certificate is for; if that name is right, somebody else answers',
    names: true,
  },
  {
    codes: /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNKNOWN_PROTOCOL)$|^EPROTO$/,
    why: host => `${host} does not speak TLS on this port`,
    hint: 'imaps:// is for ports with TLS from the first octet (993); for STARTTLS write imap:// (143)',
  },
  {
    codes: /^ERR_SSL_(UNSUPPORTED_PROTOCOL|TLSV1_ALERT_PROTOCOL_VERSION|VERSION_TOO_LOW)$/,
    why: host => `${host} only speaks a TLS version that is no longer safe`,
    hint: 'the server needs TLS 1.2 or newer',
  },
];
