import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Task } from '../../../src/models/importProtocol';
import { runTask, TaskError } from '../../../src/models/taskProcess';

describe('the process of an import', function () {
  this.timeout(300_000);
  const never = new AbortController().signal;
  const options = {
    hostFile: join(__dirname, '..', 'fixtures', 'task.ts'),
    execArgv: ['-r', 'tsx/cjs'],
    signal: never,
  };
  const inspect = (path: string): Task => ({ type: 'inspect', path, library: '' });

  it('returns what the work found', async () => {
    const found = await runTask({ type: 'inspect', path: 'a.gguf', library: '' }, options);
    assert.equal(found.name, 'Smol');
    assert.equal(found.page, undefined);
    const texts = [{ path: 'a.ts', text: 'a' }];
    const measured = await runTask(
      {
        type: 'measure',
        root: '',
        folder: '',
        shipped: '',
        texts,
        threads: 1,
        typical: { promptTokens: 1, newTokens: 1 },
      },
      options,
    );
    assert.deepEqual(measured, { typicalMs: 1 });
  });

  it('fails with the message of the work', async () => {
    await assert.rejects(runTask(inspect('damaged'), options), (error: Error) => {
      assert.ok(error instanceof TaskError);
      assert.equal(error.message, 'x.gguf: it is cut off. Copy it again.');
      return true;
    });
  });

  const ends: [string, RegExp][] = [
    ['crash', /^the import's process ended by SIGSEGV.*damaged/],
    ['out of memory', /^the import's process ended by SIGKILL.*out of memory/],
    ['throw', /^the import's process ended with exit code 1 \(.+\)\./],
  ];
  for (const [path, message] of ends) {
    it(`fails with a reason if it ends by itself: ${path}`, async function () {
      if (process.platform === 'win32') this.skip(); // its signals are exit codes
      await assert.rejects(runTask(inspect(path), options), { name: 'TaskError', message });
    });
  }

  const typical = { promptTokens: 1, newTokens: 1 };
  const onModel = (folder: string): Record<'measure' | 'elastic' | 'speed', Task> => ({
    measure: { type: 'measure', root: '', folder, shipped: '', texts: [], threads: 1, typical },
    elastic: { type: 'elastic', root: '', folder, texts: [], threads: 1 },
    speed: { type: 'speed', root: '', folder, threads: 1, typical },
  });
  const named: ['measure' | 'elastic' | 'speed', string, RegExp][] = [
    ['elastic', 'out of memory', /^the process that finds smaller sizes ended .* and find smaller sizes again\.$/],
    ['elastic', 'crash', /^the process .*\. Find smaller sizes again; if .* the model may be damaged: import it again\.$/],
    ['measure', 'out of memory', /^the measurement's process ended by SIGKILL\..* other programs and measure again\.$/],
    ['speed', 'crash', /^the measurement's process ended by SIGSEGV\. Measure again; if .* the model may be damaged/],
  ];
  for (const [type, how, message] of named)
    it(`says what ended, and what to do, if no import is at work: ${type}, ${how}`, async function () {
      if (process.platform === 'win32') this.skip(); // its signals are exit codes
      await assert.rejects(runTask(onModel(how)[type], options), { name: 'TaskError', message });
    });

  it('fails if it does not start', async () => {
    const missing = { ...options, execArgv: [], hostFile: join(__dirname, 'none.js') };
    await assert.rejects(runTask(inspect('a'), missing), { name: 'TaskError', message: /exit code 1/ });
  });

  it('is killed if the user cancels, also in the middle of native work, and has ended then', async () => {
    const abort = new AbortController();
    const task: Task = { type: 'import', root: '', path: 'a', folder: 'b', name: 'c', bits: 8 };
    const shares: number[] = [];
    const ended = runTask(task, {
      ...options,
      signal: abort.signal,
      onProgress: (share) => {
        shares.push(share);
        setTimeout(() => {
          abort.abort();
        }, 100);
      },
    });
    await assert.rejects(ended, { name: 'AbortError' });
    assert.deepEqual(shares, [0.5]);
  });

  it('tells of each piece of its work as it begins, however quick the one before was', async () => {
    const seen: unknown[] = [];
    const task: Task = { type: 'elastic', root: '', folder: 'b', texts: [], threads: 1 };
    await runTask(task, { ...options, onProgress: (...progress) => seen.push(progress) });
    assert.deepEqual(seen, [
      [0.1, 'calibrate'],
      [0.2, 'sort'],
    ]);
  });

  it('does not start if it was cancelled before', async () => {
    const abort = new AbortController();
    abort.abort();
    await assert.rejects(runTask(inspect('a'), { ...options, signal: abort.signal }), { name: 'AbortError' });
  });
});
