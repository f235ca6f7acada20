import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe } from '../../completion/outcome';
import { messageOf } from '../../matlm/errors';
import type { Log } from '../../session/parts';
import type { Answered } from '../typists';
import type { Wanted } from '../wanted';
import type { ModelFacts } from './answer';
import { BrokenOff, readBody } from './body';
import { completionsAnswer, parseCompletions } from './completions';
import { Fields, Refused } from './fields';
import { checkCaller, checkToken } from './guard';
import { infillAnswer, parseInfill } from './infill';

/** How the engine is: its model once it is ready, or why there is none. */
export type Readiness =
  | { readonly kind: 'ready'; readonly model: ModelFacts }
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface ServerParts {
  /** @returns undefined if the engine is not ready */
  readonly complete: (wanted: Wanted, signal: AbortSignal) => Promise<Answered | undefined>;
  readonly readiness: () => Readiness;
  /** Every request but that for the health has to bring it; undefined for none. */
  readonly token: string | undefined;
  readonly log: Log;
  readonly limits?: Partial<Limits>;
}

export interface Limits {
  readonly connections: number;
  /** Requests that are being answered. */
  readonly requests: number;
  /** For a request to come, headers and body. */
  readonly receiveMs: number;
  /** From the request to its answer, which is silence then. */
  readonly answerMs: number;
}

const LIMITS: Limits = { connections: 256, requests: 64, receiveMs: 10_000, answerMs: 10_000 };
const MAX_HEADER_BYTES = 16_384;
/** No name that resolves elsewhere. */
export const HOST = '127.0.0.1';

/** The server, once it listens. */
export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listen on this machine's own address.
 * @param port 0 for any that is free
 * @throws the error of the system, such as EADDRINUSE
 */
export async function listen(port: number, parts: ServerParts): Promise<Listening> {
  const limits = { ...LIMITS, ...parts.limits };
  const handler = new Handler(parts, limits);
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.receiveMs,
      requestTimeout: limits.receiveMs,
      connectionsCheckingInterval: Math.min(1000, limits.receiveMs),
    },
    (request, response) => {
      void handler.handle(request, response);
    },
  );
  server.maxConnections = limits.connections;
  // A client that breaks a connection off, or sends what is no HTTP, is answered by the default, and nothing else happens.
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
  server.on('error', (error) => {
    parts.log.error(`the server: ${error.message}`);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

/** What a route answers with. */
interface Reply {
  readonly status: number;
  readonly body: object;
  /** Sent as server-sent events: the body, and for OpenAI's API its end. */
  readonly stream?: 'llama.cpp' | 'openai';
}

class Handler {
  private running = 0;
  private requests = 0;

  constructor(
    private readonly parts: ServerParts,
    private readonly limits: Limits,
  ) {}

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that is gone wants nothing any more, and its socket's error is its own.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    try {
      send(response, await this.replyTo(request, response));
    } catch (error) {
      const refused = error instanceof Refused ? error : undefined;
      // The client broke it off: nobody is there to be answered.
      if (error instanceof BrokenOff) return;
      if (!refused) this.parts.log.error(`a request failed: ${messageOf(error)}`);
      sendError(request, response, refused ?? new Refused(500, 'the request failed; see the log'));
    }
  }

  private async replyTo(request: IncomingMessage, response: ServerResponse): Promise<Reply> {
    checkCaller(request.headers);
    const path = (request.url ?? '').split('?', 1)[0];
    const { readiness, token } = this.parts;
    switch (`${request.method ?? ''} ${path ?? ''}`) {
      case 'GET /health':
      case 'GET /v1/health':
        this.model();
        return { status: 200, body: { status: 'ok' } };
      case 'GET /models':
      case 'GET /v1/models':
        checkToken(request.headers, token);
        return { status: 200, body: modelList(readiness()) };
      case 'POST /infill':
        checkToken(request.headers, token);
        return this.infill(request, response);
      case 'POST /completions':
      case 'POST /v1/completions':
        checkToken(request.headers, token);
        return this.completions(request, response);
      default:
        throw new Refused(404, 'there are /infill, /v1/completions, /v1/models and /health');
    }
  }

  private async infill(message: IncomingMessage, response: ServerResponse): Promise<Reply> {
    const request = parseInfill(await fieldsOf(message));
    const model = this.model();
    const answered = request.isWarmUp ? undefined : await this.answer(request.wanted, response);
    const body = infillAnswer(request, answered, model);
    return { status: 200, body, ...(request.isStream && { stream: 'llama.cpp' as const }) };
  }

  private async completions(message: IncomingMessage, response: ServerResponse): Promise<Reply> {
    const request = parseCompletions(await fieldsOf(message));
    const model = this.model();
    const answered = request.wanted.maxTokens === 0 ? undefined : await this.answer(request.wanted, response);
    const body = completionsAnswer(request, answered, model, Date.now());
    return { status: 200, body, ...(request.isStream && { stream: 'openai' as const }) };
  }

  /** @returns undefined if there was no answer in time */
  private async answer(wanted: Wanted, response: ServerResponse): Promise<Answered | undefined> {
    const { requests: most, answerMs } = this.limits;
    if (this.running >= most) throw new Refused(503, `${most} requests are being answered: try again later`);
    const number = ++this.requests;
    const ended = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const unanswered = new Promise<'late' | 'unwanted'>((resolve) => {
      timer = setTimeout(resolve, answerMs, 'late').unref();
      response.once('close', () => {
        ended.abort('the connection is closed');
        resolve('unwanted');
      });
    });
    this.running++;
    try {
      const answered = await Promise.race([this.parts.complete(wanted, ended.signal), unanswered]);
      if (answered === undefined) throw new Refused(503, 'the engine is not ready');
      // Most requests are broken off by the next key.
      if (answered === 'unwanted') return undefined;
      if (answered === 'late') {
        this.parts.log.info(`request ${number}: no answer in ${answerMs / 1000} s`);
        return undefined;
      }
      this.parts.log.info(`request ${number}: ${describe(answered.outcome)}`);
      if (answered.outcome.kind === 'failed') throw new Refused(503, 'the engine failed; see the log');
      return answered;
    } finally {
      this.running--;
      clearTimeout(timer);
      ended.abort('answered');
    }
  }

  /** @throws {Refused} unless the engine is ready */
  private model(): ModelFacts {
    const readiness = this.parts.readiness();
    if (readiness.kind === 'ready') return readiness.model;
    throw new Refused(503, readiness.kind === 'loading' ? 'Loading model' : `there is no engine: ${readiness.reason}`);
  }
}

/**
 * The fields of a request whose client still waits. Most requests are broken off by the next key. If the processor is busy, several
 * have come by now, and answering those first that nobody wants would make the others late too. The rhythm of typing does not hear of
 * their keys. Node.js notices that a client is gone when it next looks at the connection.
 * @throws {Refused}
 * @throws {BrokenOff}
 */
async function fieldsOf(message: IncomingMessage): Promise<Fields> {
  const body = await readBody(message);
  for (let looks = 0; looks < 2; looks++) await setImmediate();
  if (message.socket.destroyed) throw new BrokenOff();
  return Fields.parse(body);
}

function modelList(readiness: Readiness): object {
  if (readiness.kind !== 'ready') return { object: 'list', data: [] };
  const { name, contextLength } = readiness.model;
  return {
    object: 'list',
    data: [{ id: name, object: 'model', created: 0, owned_by: 'matcoder', meta: { n_ctx_train: contextLength } }],
  };
}

function send(response: ServerResponse, { status, body, stream }: Reply): void {
  if (response.destroyed) return;
  const json = JSON.stringify(body);
  if (stream === undefined) {
    response.writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      // Without it the body is sent in chunks.
      'Content-Length': Buffer.byteLength(json),
      'Cache-Control': 'no-store',
    });
    response.end(json);
    return;
  }
  response.writeHead(status, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.end(`data: ${json}\n\n${stream === 'openai' ? 'data: [DONE]\n\n' : ''}`);
}

/** The kinds of errors that llama.cpp names. */
const KINDS: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'invalid_request_error',
  503: 'unavailable_error',
};

function sendError(request: IncomingMessage, response: ServerResponse, { status, message }: Refused): void {
  if (response.destroyed || response.headersSent) return;
  const type = KINDS[status] ?? 'server_error';
  // What is left of a body is not read, so the connection cannot serve another request.
  const headers = { 'Content-Type': 'application/json; charset=utf-8', Connection: 'close' };
  response.writeHead(status, headers);
  response.end(JSON.stringify({ error: { code: status, message, type } }), () => {
    if (!request.complete) request.destroy();
  });
}
