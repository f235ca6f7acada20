import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { MAX_BODY_BYTES } from '../../../src/serve/http/body';
import { openServer } from '../../../src/serve/http/open';
import { listen, type Listening, type ServerParts } from '../../../src/serve/http/server';
import { readSettings } from '../../../src/session/settings';
import { temporaryFolder } from '../../temporary';
import { ROOT, small } from '../model';
import { llamaVim } from './requests';
import { ServedWorld } from './writingEngine';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const READY: ServerParts = {
  complete: () => Promise.resolve(undefined),
  readiness: () => ({ kind: 'ready', model: { name: 'm', contextLength: 8 } }),
  ...{ token: undefined, log: quiet },
};
const HEALTH = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

describe('a client of the server that means no good', () => {
  let server: Listening;
  afterEach(() => server.close());

  /** All that comes until the server closes the connection. */
  async function heard(socket: Socket): Promise<string> {
    let text = '';
    socket.on('data', (data) => (text += data.toString())).on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    return text;
  }

  function say(text: string): Promise<string> {
    const socket = connect(server.port, '127.0.0.1', () => socket.write(text));
    return heard(socket);
  }

  it('sends 100 MB, of which no more is taken than a body may have', async () => {
    server = await listen(0, READY);
    const chunk = Buffer.from(`10000\r\n${'a'.repeat(0x10000)}\r\n`);
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write('POST /infill HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
      let left = 100_000_000 / chunk.length;
      const more = () => {
        while (left-- > 0) if (!socket.write(chunk)) return socket.once('drain', more);
        return undefined;
      };
      more();
    });
    // The system may drop an answer that was not read yet when the connection is cut off.
    assert.match(await heard(socket), /^(?:HTTP\/1\.1 413 |$)/);
    // What the system buffers on both sides comes on top.
    const taken = socket.bytesWritten - socket.writableLength;
    assert.ok(taken < MAX_BODY_BYTES + 20_000_000, `${taken} bytes`);
    assert.match(await say(HEALTH), /200 OK/);
  });

  it('never ends its headers, or its body, or says nothing: it is cut off', async () => {
    server = await listen(0, { ...READY, limits: { receiveMs: 100 } });
    for (const begun of [
      '',
      'POST /infill HTTP/1.1\r\nHost: localhost\r\nX-',
      'POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{',
    ]) {
      assert.match(await say(begun), /^(?:HTTP\/1\.1 408 |$)/);
    }
  });

  it('opens ten thousand connections, after which others are served again', async () => {
    server = await listen(0, { ...READY, limits: { connections: 8 } });
    for (let wave = 0; wave < 40; wave++) {
      let closed = 0;
      const sockets = Array.from({ length: 250 }, () =>
        connect(server.port, '127.0.0.1')
          .on('error', () => undefined)
          .on('close', () => closed++),
      );
      while (closed < 242) await new Promise((resolve) => setTimeout(resolve, 5));
      for (const socket of sockets) socket.destroy();
    }
    let answer = '';
    while (answer === '') answer = await say(HEALTH); // the last of them may not be gone yet
    assert.match(answer, /200 OK/);
  });

  it('is a web page, whose questions before a request get no permission', async () => {
    server = await listen(0, READY);
    for (const origin of ['null', 'https://evil.example', 'http://127.0.0.1:8012']) {
      for (const method of ['OPTIONS', 'POST', 'GET']) {
        const asked = `Access-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n`;
        const head = `${method} /infill HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\n${asked}Content-Length: 0\r\n`;
        const answer = await say(`${head}\r\n`);
        assert.match(answer, /^HTTP\/1\.1 403 /, `${method} ${origin}`);
        assert.doesNotMatch(answer, /access-control-allow/i);
      }
    }
    assert.match(await say('GET /health HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 403 /);
  });

  describe('and names files', () => {
    let checkpoint: Checkpoint;
    let world: ServedWorld;
    before(async () => {
      checkpoint = await small();
    });

    async function open(workspaces: readonly string[] = []): Promise<void> {
      world = new ServedWorld(checkpoint);
      const settings = readSettings(
        (name) => ({ submodel: 'S', eagerness: 'eager' })[name as 'submodel'],
        () => undefined,
      );
      const where = { root: '', model: 'm', port: 0, token: undefined, settings, log: quiet, workspaces };
      server = await openServer({ ...where, open: world.opener(['x = 1;']) });
      while (!(await say(HEALTH)).includes('200 OK'));
    }

    async function answer(body: object): Promise<{ content: string; matcoder: { outcome: string } }> {
      const url = `http://127.0.0.1:${server.port}/infill`;
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
      assert.equal(response.status, 200);
      return (await response.json()) as { content: string; matcoder: { outcome: string } };
    }

    it('by a way around the rules of the workspace, or none that a system has', async () => {
      const parent = temporaryFolder();
      const root = join(parent, 'w');
      mkdirSync(join(root, 'src'), { recursive: true });
      writeFileSync(join(root, '.matcoderignore'), 'hidden.ts\nprivate/\n');
      writeFileSync(join(parent, 'outside.ts'), 'const outsideOfAll = 1;\n');
      await open([root]);
      const outcome = async (filename: string) =>
        (await answer({ input_prefix: `let ${filename.length}`, input_suffix: '', filename })).matcoder.outcome;
      const hidden = ['hidden.ts', 'src/../hidden.ts', `${root}/src/../hidden.ts`, './/hidden.ts'];
      // The rules hold before the folder exists, and after it has gone.
      for (const name of [...hidden, 'private/new.ts']) {
        assert.equal(await outcome(name), 'gated', name);
      }
      for (const name of ['../outside.ts', '/etc/passwd', 'a\0b', 'a/'.repeat(1_000_000), 'none/of/these.ts', '..']) {
        assert.notEqual(await outcome(name), 'gated', name.slice(0, 20));
      }
      assert.ok(!world.engine.some(({ remembered }) => remembered.some((text) => text.includes('outsideOfAll'))));
    });

    it('or sends half a million strings at which to stop', async () => {
      await open();
      const stop = Array.from({ length: 500_000 }, () => '1');
      assert.equal((await answer({ input_prefix: 'let ', input_suffix: '', stop })).content, 'x = ');
    });

    it('and nothing of one document gets into another, whoever asks', async () => {
      await open();
      const document = (name: string) =>
        Array.from({ length: 20 }, (_, i) => `const ${name}${i} = read(${i});\n`).join('');
      await answer(llamaVim(document('alpha'), 'const last = ', '\n'));
      world.writer.texts = ['y = 2;'];
      const other = await answer({ input_prefix: `${document('beta')}const last = `, input_suffix: '\n' });
      assert.equal(other.content, 'y = 2;');
      assert.doesNotMatch(world.writer.prompts.at(-1)!, /alpha/);
    });
  });
});

describe('the program of the language server', () => {
  const initialize = (id: number) =>
    JSON.stringify({ jsonrpc: '2.0', id, method: 'initialize', params: { processId: null, capabilities: {} } });
  const framed = (text: string) => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;

  function start() {
    const program = spawn(process.execPath, [join(ROOT, 'dist', 'cli.js'), 'lsp'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    program.stdin.on('error', () => undefined);
    return program;
  }

  it('ends when the editor closes its input, before and after it has begun', async () => {
    for (const said of ['', framed(initialize(1))]) {
      const program = start();
      const exit = once(program, 'exit');
      if (said === '') program.stdin.end();
      else {
        program.stdin.write(said);
        await once(program.stdout, 'data');
        program.stdin.end();
      }
      assert.deepEqual(await exit, [0, null]);
    }
  });

  it('goes on after a message that is no JSON, and ends if nobody reads its answers', async () => {
    const program = start();
    const exit = once(program, 'exit');
    program.stdin.write(framed('{"jsonrpc": '));
    program.stdin.write(framed(initialize(2)));
    let said = '';
    while (!/"id":2\b/.test(said)) said += String((await once(program.stdout, 'data'))[0]);
    assert.match(said, /"capabilities":\{/);
    program.stdout.destroy();
    program.stdin.end(framed(initialize(3)));
    await exit;
  });
});
