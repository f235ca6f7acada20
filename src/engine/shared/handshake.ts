/**
 * How both ends of a connection prove to each other that they may read the user's secret, without telling it: each answers
 * the other's random number with a keyed hash (HMAC, RFC 2104). On Unix the folder of the socket keeps other users out
 * already. On Windows anybody may create a pipe of any name, and Node.js cannot set who may open it.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isObject } from '../../matlm/json';

/** Changes when a message changes its meaning. */
export const PROTOCOL = 1;

const NONCE_BYTES = 32;

/** From the client. */
export interface Hello {
  readonly protocol: number;
  readonly nonce: string;
}

/** From the server. */
export interface Reply {
  readonly protocol: number;
  readonly nonce: string;
  readonly proof: string;
  /** The server's process. */
  readonly pid: number;
}

/** From the client. */
export interface Proof {
  readonly proof: string;
}

/** From the server, if it accepts the client. Everything that follows is `ToHost` and `FromHost`. */
export interface Welcome {
  readonly welcome: true;
}

/** From the server instead of a reply or a welcome. */
export interface Refusal {
  readonly refused: string;
}

export function newNonce(): string {
  return randomBytes(NONCE_BYTES).toString('hex');
}

/**
 * @param name of the socket or pipe, so that a proof is worth nothing elsewhere
 * @param nonces the client's, then the server's
 */
export function proofOf(
  secret: string,
  side: 'client' | 'server',
  name: string,
  nonces: readonly [string, string],
): string {
  return createHmac('sha256', secret)
    .update(JSON.stringify([side, PROTOCOL, name, ...nonces]))
    .digest('hex');
}

export function isProof(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export function isHello(message: unknown): message is Hello {
  return isObject(message) && typeof message.protocol === 'number' && isNonce(message.nonce);
}

export function isReply(message: unknown): message is Reply {
  if (!isObject(message)) return false;
  const { protocol, nonce, proof, pid } = message;
  return typeof protocol === 'number' && isNonce(nonce) && isProofText(proof) && Number.isInteger(pid);
}

export function isProofMessage(message: unknown): message is Proof {
  return isObject(message) && isProofText(message.proof);
}

export function isWelcome(message: unknown): message is Welcome {
  return isObject(message) && message.welcome === true;
}

export function isRefusal(message: unknown): message is Refusal {
  return isObject(message) && typeof message.refused === 'string';
}

function isNonce(value: unknown): value is string {
  return typeof value === 'string' && value.length === 2 * NONCE_BYTES;
}

function isProofText(value: unknown): value is string {
  return typeof value === 'string' && value.length === 64;
}
