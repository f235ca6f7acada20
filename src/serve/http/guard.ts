import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Refused } from './fields';

/** Names of this machine alone. Another name may be made to point here by whoever owns it (DNS rebinding). */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Refuse requests that no editor makes: those for another host, and those of a web page. Editors send neither `Origin` nor
 * `Sec-Fetch-Site`, and browsers send one of both with every request that a page makes.
 * @throws {Refused}
 */
export function checkCaller({ host, origin, ...others }: IncomingHttpHeaders): void {
  if (host === undefined || !LOOPBACK.test(host))
    throw new Refused(403, 'the Host header is not of this machine: use http://127.0.0.1 or http://localhost');
  const site = others['sec-fetch-site'];
  if (origin !== undefined || (site !== undefined && site !== 'none'))
    throw new Refused(403, 'requests of web pages are refused');
}

/** @throws {Refused} unless the request has the token, if one is wanted */
export function checkToken({ authorization = '' }: IncomingHttpHeaders, token: string | undefined): void {
  if (token === undefined) return;
  const given = /^Bearer +(.*)$/i.exec(authorization)?.[1] ?? '';
  if (!timingSafeEqual(digestOf(given.trim()), digestOf(token)))
    throw new Refused(401, 'the token is missing or wrong: send Authorization: Bearer TOKEN');
}

/** Digests are equally long, and comparing them does not tell how much of a token is right. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
