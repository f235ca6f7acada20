import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { openServer } from '../../../src/serve/http/open';
import { MAX_BODY_BYTES } from '../../../src/serve/http/body';
import { listen, type Listening } from '../../../src/serve/http/server';
import { readSettings } from '../../../src/session/settings';
import { small } from '../model';
import { llamaVim, llamaVimWarmUp, llamaVscode } from './requests';
import { ServedWorld } from './writingEngine';

const settings = readSettings(
  (name) => ({ submodel: 'S', eagerness: 'eager' })[name as 'submodel'],
  (fault) => {
    throw new Error(fault);
  },
);

interface Reply {
  readonly status: number;
  readonly body: string;
}

describe('the server for other editors', () => {
  let checkpoint: Checkpoint;
  let world: ServedWorld;
  let server: Listening;
  /** What the server reports as its own. */
  const faults: string[] = [];
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

  async function open(
    texts: readonly string[],
    { token, isReady = true }: { readonly token?: string; readonly isReady?: boolean } = {},
  ): Promise<void> {
    world = new ServedWorld(checkpoint);
    const log = { ...quiet, error: (line: string) => void faults.push(line) };
    faults.length = 0;
    const where = { root: '', model: '/models/matlm-6m', port: 0, token, settings, log };
    server = await openServer({ ...where, open: world.opener(texts, isReady) });
    while (isReady && (await get('/health')).status !== 200);
  }

  function send(
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: server.port, method, path, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() });
        });
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  const get = (path: string, headers = {}) => send('GET', path, undefined, headers);

  async function post(path: string, body: object | string, headers = {}): Promise<Reply> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return send('POST', path, text, { 'Content-Type': 'application/json', ...headers });
  }

  async function answer(path: string, body: object): Promise<Record<string, unknown>> {
    const reply = await post(path, body);
    assert.equal(reply.status, 200, reply.body);
    return JSON.parse(reply.body) as Record<string, unknown>;
  }

  before(async () => {
    checkpoint = await small();
  });
  afterEach(() => server.close());

  describe('for llama.vim', () => {
    it('answers with the content and the fields that it reads, flat and finite', async () => {
      await open(['count + 1;']);
      const body = await answer('/infill', llamaVim('\nlet count = 0;\n', 'total = ', '\n\n'));
      assert.equal(body.content, 'count + 1;');
      const numbers = Object.entries(body).filter(([name]) => name.startsWith('timings/') || name === 'tokens_cached');
      assert.equal(numbers.length, 9);
      for (const [name, value] of numbers) assert.ok(Number.isFinite(value), name);
      assert.equal(body.truncated, false);
    });

    it('writes the content as its check before parsing expects it', async () => {
      await open(['count + 1;']);
      const { body } = await post('/infill', llamaVim('\n', 'total = ', '\n'));
      assert.match(body, /^\s*\{/);
      assert.match(body, /"content"\s*:"/);
    });

    it('answers a warm-up with nothing, and does not decode for it', async () => {
      await open(['count']);
      const body = await answer('/infill', llamaVimWarmUp([{ text: 'let a;', time: [1, 2], filename: 'a.ts' }]));
      assert.deepEqual(body, {});
      assert.equal(world.writer.requests.length, 0);
    });

    it('does not take the request ahead, after a suggestion, for its acceptance', async () => {
      await open(['count + 1;']);
      const [before, middle] = ['\nlet count = 0;\n', 'total = '];
      await answer('/infill', llamaVim(before, middle, '\n\n'));
      world.writer.texts = ['x'];
      await answer('/infill', llamaVim(before, `${middle}count + 1;`, '\n\n', { t_max_predict_ms: 1000 }));
      // The text that was typed instead is compared with the first suggestion, and the rest of that is shown.
      const fields = { response_fields: ['content', 'matcoder/reason'] };
      const typed = await answer('/infill', llamaVim(before, `${middle}cou`, '\n\n', fields));
      assert.deepEqual(typed, { content: 'nt + 1;', 'matcoder/reason': 'typed as suggested' });
    });
  });

  describe('for llama.vscode', () => {
    it('answers with an array, because it asks for several, and each has the settings that its status bar reads', async () => {
      await open(['count + 1;']);
      const { body } = await post('/infill', llamaVscode('let count = 0;\n', 'total = ', '\n\n'));
      const [first] = JSON.parse(body) as Record<string, Record<string, unknown>>[];
      assert.equal(first!.content, 'count + 1;');
      assert.equal(first!.generation_settings!.n_ctx, checkpoint.config.model.contextLength);
      for (const name of ['prompt_n', 'prompt_ms', 'prompt_per_second', 'predicted_n', 'predicted_ms']) {
        assert.ok(Number.isFinite(first!.timings![name]), name);
      }
      assert.ok(Number.isFinite(first!.tokens_cached));
    });

    it('begins a line of blanks with the indentation that it leaves out and removes again', async () => {
      await open(['return a;']);
      const before = 'function f(a) {\n';
      const [first] = (await answer('/infill', llamaVscode(before, '', '\n}\n', { n_indent: 4 }))) as unknown as {
        content: string;
      }[];
      assert.equal(first!.content, '    return a;');
    });
  });

  it('uses the most similar piece of another file for the request that brings it, and for no other', async () => {
    await open(['x']);
    const text = Array.from({ length: 16 }, (_, i) => `const openSecretDrawer${i} = drawer(${i});`).join('\n');
    const extra = { input_extra: [{ text, time: 1, filename: 'src/drawers.ts' }], filename: 'src/a.ts' };
    const here = ['const openSecretDrawer9 = drawer(9);\nconst drawerOpen = ', '', '\n'] as const;
    await answer('/infill', llamaVim(...here, extra));
    assert.match(world.writer.prompts.at(-1)!, /openSecretDrawer12 /);
    await answer(
      '/infill',
      llamaVim('const other = openSecretDrawer9;\nconst drawerOpen = ', '', '\n', { filename: 'src/b.ts' }),
    );
    assert.doesNotMatch(world.writer.prompts.at(-1)!, /openSecretDrawer12 /);
  });

  it('keeps the piece of another file while the user types at one place, and only as long as it is sent', async () => {
    await open(['x']);
    const code = (name: string) =>
      Array.from({ length: 8 }, (_, i) => `const ${name}Total${i} = ${name}(counted);`).join('\n');
    const [drawers, shelves] = ['drawers', 'shelves'].map((name) => ({
      text: `// quoted ${name}\n${code(name)}`,
      filename: `src/${name}.ts`,
    }));
    const quotedAt = async (typed: string, input_extra: readonly unknown[]) => {
      const here = [`${code('drawers')}\nconst a = `, typed, '\nend();\n'] as const;
      await answer('/infill', llamaVim(...here, { input_extra, filename: 'src/a.ts' }));
      return /\/\/ quoted (\w+)/.exec(world.writer.prompts.at(-1)!)?.[1];
    };
    assert.equal(await quotedAt('', [shelves, drawers]), 'drawers');
    // By now the other is more similar.
    const typed = `1;\n${'\n'.repeat(12)}${code('shelves')}\nconst b`;
    assert.equal(await quotedAt(typed, [shelves, drawers]), 'drawers');
    assert.equal(await quotedAt(`${typed}b`, [shelves]), 'shelves');
    assert.equal(await quotedAt(`${typed}bc`, []), undefined);
  });

  it('quotes no piece with a secret, and none of a file whose name tells of one', async () => {
    await open(['x']);
    const lines = Array.from({ length: 8 }, (_, i) => `const openSecretDrawer${i} = drawer(${i});`).join('\n');
    const pieces = [
      { text: `${lines}\nconst token = "ghp_0123456789abcdefghijABCDEFGHIJ456789";`, filename: 'src/a.ts' },
      { text: lines, filename: '/home/me/.env' },
    ];
    const here = ['const openSecretDrawer9 = drawer(9);\nconst drawerOpen = ', '', '\n'] as const;
    await answer('/infill', llamaVim(...here, { input_extra: pieces, filename: 'src/b.ts' }));
    assert.doesNotMatch(world.writer.prompts.at(-1)!, /openSecretDrawer7 /);
  });

  it('does nothing for a request that was broken off before its turn came', async () => {
    await open(['x']);
    const body = JSON.stringify(llamaVim('const gone = ', '', '\n'));
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    // Request and end are there before the server looks.
    socket.destroy();
    await answer('/infill', llamaVim('const here = ', '', '\n'));
    assert.deepEqual(
      world.writer.prompts.map((prompt) => /const (\w+)/.exec(prompt)?.[1]),
      ['here'],
    );
    assert.deepEqual(faults, []);
  });

  it('does nothing in a file whose name says that it holds secrets', async () => {
    await open(['x']);
    const { matcoder } = await answer('/infill', { input_prefix: 'A=', input_suffix: '', filename: '/home/me/.env' });
    assert.equal((matcoder as { outcome: string }).outcome, 'gated');
    assert.equal(world.writer.requests.length, 0);
  });

  it('writes no more tokens than the client takes, and stops at its strings', async () => {
    await open(['alpha beta gamma delta epsilon']);
    const one = await answer('/infill', llamaVim('\n', 'a = ', '\n', { n_predict: 1 }));
    // The end of the text before the cursor is written again, which takes a token.
    assert.ok(world.writer.requests.at(-1)!.request.maxTokens <= 2);
    assert.ok(String(one.content).length < 8);
    const { content } = await answer('/infill', llamaVim('b\n', 'c = ', '\n', { stop: ['gamma'] }));
    assert.equal(content, 'alpha beta ');
  });

  describe('by the API of OpenAI', () => {
    const textOf = (body: Record<string, unknown>) => (body.choices as { text: string }[])[0]!.text;

    it('completes between a prompt and a suffix', async () => {
      await open(['count + 1;']);
      const body = await answer('/v1/completions', { prompt: 'total = ', suffix: '\nreturn total;\n', max_tokens: 32 });
      assert.equal(textOf(body), 'count + 1;');
      assert.match(world.writer.prompts.at(-1)!, /return total;/);
    });

    it('takes a prompt apart that has the markers of another model in it', async () => {
      await open(['count + 1;']);
      const prompt = '<|fim_prefix|>total = <|fim_suffix|>\nreturn total;\n<|fim_middle|>';
      const body = await answer('/v1/completions', { prompt, max_tokens: 64, stop: ['<|endoftext|>'], stream: false });
      assert.equal(textOf(body), 'count + 1;');
      assert.match(world.writer.prompts.at(-1)!, /return total;/);
      assert.equal(world.writer.prompts.at(-1)!.split('<|fim_prefix|>').length, 2);
    });

    it('streams the answer as one event and the end, for clients that stream', async () => {
      await open(['count + 1;']);
      const { body } = await post('/v1/completions', { prompt: 'total = ', stream: true });
      const events = body.split('\n\n').filter((event) => event !== '');
      assert.equal(events.length, 2);
      assert.equal(textOf(JSON.parse(events[0]!.replace(/^data: /, '')) as Record<string, unknown>), 'count + 1;');
      assert.equal(events[1], 'data: [DONE]');
    });
  });

  it('tells its health and its model, and says while it loads that it does', async () => {
    await open(['x'], { isReady: false });
    assert.equal((await get('/health')).status, 503);
    assert.match((await post('/infill', llamaVim('', '', ''))).body, /"Loading model"/);
    while (world.engine.length === 0) await new Promise((resolve) => setImmediate(resolve));
    world.writer.ready();
    assert.deepEqual(JSON.parse((await get('/health')).body), { status: 'ok' });
    const { data } = JSON.parse((await get('/v1/models')).body) as { data: { id: string }[] };
    assert.deepEqual(
      data.map(({ id }) => id),
      ['matlm-6m'],
    );
  });

  it('wants the token, if there is one, for all but its health', async () => {
    await open(['x'], { token: 'abc' });
    assert.equal((await get('/v1/models')).status, 401);
    assert.equal((await get('/v1/models', { Authorization: 'Bearer abd' })).status, 401);
    assert.equal((await get('/v1/models', { Authorization: 'Bearer abc' })).status, 200);
    assert.equal((await post('/infill', llamaVim('', '', ''))).status, 401);
    assert.equal((await get('/health')).status, 200);
  });

  it('refuses what comes by another name of the host, or from a web page', async () => {
    await open(['x']);
    for (const Host of [
      'evil.example',
      'evil.example:8012',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '10.0.0.1',
    ]) {
      assert.equal((await get('/health', { Host })).status, 403, Host);
    }
    for (const Host of ['localhost', 'localhost:8012', '127.0.0.1:1', '[::1]:8012']) {
      assert.equal((await get('/health', { Host })).status, 200, Host);
    }
    const page = { Origin: 'https://evil.example' };
    assert.equal((await post('/infill', llamaVim('', 'a = ', ''), page)).status, 403);
    assert.equal((await send('OPTIONS', '/infill', undefined, page)).status, 403);
    assert.equal((await get('/health', { 'Sec-Fetch-Site': 'cross-site' })).status, 403);
    assert.equal((await get('/health', { Origin: 'null' })).status, 403);
    assert.equal(world.writer.requests.length, 0);
  });

  it('says what is wrong with a request', async () => {
    await open(['x']);
    const faults: [string | object, RegExp][] = [
      ['{"input_prefix": ', /not JSON/],
      ['[]', /not a JSON object/],
      [{ input_suffix: '' }, /input_prefix is required/],
      [{ input_prefix: '' }, /input_suffix is required/],
      [{ input_prefix: 1, input_suffix: '' }, /input_prefix is not a string/],
      [{ input_prefix: '', input_suffix: '', n_predict: 'all' }, /n_predict is not a number/],
      [{ input_prefix: '', input_suffix: '', input_extra: [1] }, /input_extra/],
      [{ input_prefix: '', input_suffix: '', stop: [1] }, /stop/],
    ];
    for (const [body, message] of faults) {
      const reply = await post('/infill', body);
      assert.equal(reply.status, 400);
      const { error } = JSON.parse(reply.body) as { error: { message: string; type: string } };
      assert.match(error.message, message);
      assert.equal(error.type, 'invalid_request_error');
    }
    assert.match((await post('/v1/completions', { prompt: ['a', 'b'] })).body, /one string/);
    assert.equal((await send('POST', '/infill', Buffer.from([0x22, 0xff]))).status, 400);
    assert.equal((await get('/nothing')).status, 404);
    assert.equal((await get('/infill')).status, 404);
  });

  it('ignores fields that it does not know, and nulls', async () => {
    await open(['x = 1;']);
    const body = {
      input_prefix: 'let ',
      input_suffix: '',
      stop: null,
      n_predict: null,
      __proto__: null,
      unknown: [{}],
    };
    assert.equal((await answer('/infill', body)).content, 'x = 1;');
  });

  it('answers texts of odd characters and numbers', async () => {
    await open(['x']);
    for (const input_prefix of ['\0', '\ud800', '\u2028', 'é'.repeat(5000), '\r\n\r', '\u200b'.repeat(100)]) {
      for (const n_indent of [-1, 0.5, 1e308, 1e9]) {
        await answer('/infill', { input_prefix, input_suffix: input_prefix, prompt: '', n_indent, id_slot: -1 });
      }
    }
  });

  it('refuses a large body by its length, and by what has come of it, and serves others meanwhile', async () => {
    await open(['x']);
    const large = await new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1', () => {
        socket.write(`POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n{`);
      });
      let heard = '';
      socket.on('data', (data) => (heard += data.toString()));
      socket.on('close', () => {
        resolve(heard);
      });
      socket.on('error', reject);
    });
    assert.match(large, /^HTTP\/1.1 413 /);
    const chunked = await new Promise<string>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => {
        socket.write(`POST /infill HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`);
        const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`;
        for (let bytes = 0; bytes <= MAX_BODY_BYTES; bytes += 0x10000) socket.write(chunk);
      });
      let heard = '';
      socket.on('data', (data) => (heard += data.toString()));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve(heard);
      });
    });
    assert.match(chunked, /^(?:HTTP\/1.1 413 |$)/);
    assert.equal((await get('/health')).status, 200);
  });

  it('survives what is no HTTP, and connections that break off', async () => {
    await open(['x']);
    for (const text of [
      'hello\r\n\r\n',
      '\0\0\0',
      'POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"a',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(server.port, '127.0.0.1', () => {
          socket.write(text, () => {
            socket.destroy();
            resolve();
          });
        });
        socket.on('error', () => undefined);
      });
    }
    assert.equal((await get('/health')).status, 200);
    assert.deepEqual(faults, []);
  });

  it('stops to decode when the client has gone and types elsewhere, and answers the next one', async () => {
    await open(['count']);
    world.writer.isHeld = true;
    const gone = httpRequest({ host: '127.0.0.1', port: server.port, method: 'POST', path: '/infill' });
    gone.on('error', () => undefined);
    gone.end(JSON.stringify(llamaVim('let count;\n', 'a = ', '\n')));
    while (world.writer.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    gone.destroy();
    const next = answer('/infill', llamaVim('let count;\n', 'zzz = ', '\n'));
    while (world.writer.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(world.writer.requests[0]!.signal.aborted);
    world.writer.release();
    assert.equal((await next).content, 'count');
  });

  /** A server whose engine writes nothing until it is stopped. @returns the requests that it was asked, as ways to end them */
  async function silent(limits: { readonly requests?: number; readonly answerMs?: number }): Promise<(() => void)[]> {
    const asked: (() => void)[] = [];
    server = await listen(0, {
      complete: (_, signal) =>
        new Promise((resolve) => {
          const end = () => {
            resolve(undefined);
          };
          asked.push(end);
          signal.addEventListener('abort', end);
        }),
      readiness: () => ({ kind: 'ready', model: { name: 'm', contextLength: 8 } }),
      ...{ token: undefined, log: quiet, limits },
    });
    return asked;
  }

  it('answers with silence if the engine takes too long', async () => {
    await silent({ answerMs: 50 });
    assert.equal((await answer('/infill', llamaVim('', 'a', ''))).content, '');
  });

  it('answers with 503 if too many wait', async () => {
    const asked = await silent({ requests: 1, answerMs: 600_000 });
    const first = post('/infill', llamaVim('', 'a', ''));
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await post('/infill', llamaVim('', 'b', ''))).status, 503);
    asked[0]!();
    await first;
  });

  it('drops connections beyond its limit, and serves those that it has', async () => {
    server = await listen(0, {
      complete: () => Promise.resolve(undefined),
      readiness: () => ({ kind: 'ready', model: { name: 'm', contextLength: 8 } }),
      ...{ token: undefined, log: quiet, limits: { connections: 4 } },
    });
    const sockets = Array.from({ length: 40 }, () => connect(server.port, '127.0.0.1'));
    let ended = 0;
    for (const socket of sockets) socket.on('error', () => undefined).on('close', () => ended++);
    while (ended < 36) await new Promise((resolve) => setTimeout(resolve, 5));
    const [open] = sockets.filter(({ destroyed }) => !destroyed);
    const heard = new Promise<string>((resolve) =>
      open!.once('data', (data) => {
        resolve(data.toString());
      }),
    );
    open!.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.match(await heard, /200 OK/);
    for (const socket of sockets) socket.destroy();
  });
});
