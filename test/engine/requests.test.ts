import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { NativeEngine } from '../../src/engine/addon';
import { addon, ADDON_FILE, generate } from './harness';
import { random, randomTensors, TINY, writeWeights } from './tinyCheckpoint';

const S = [32, 32, 32, 32];
const XL = [128, 128, 128, 128];

/** Room for a completion of more than a second, so that an abort certainly comes before its end. */
const ROOMY = { ...TINY, contextLength: 8192 };
const VERY_LONG = 8000;

describe('requests to the engine', () => {
  const weights = writeWeights(randomTensors(TINY));
  const next = random(3);
  const prompt = Array.from({ length: 20 }, () => Math.floor(next() * TINY.vocabularySize));
  let engine: NativeEngine;
  beforeEach(() => (engine = new addon.Engine({ ...weights, config: ROOMY, threads: 1 })));
  afterEach(() => {
    engine.dispose();
  });

  /** A request that can be aborted, and the reason it ends with. */
  function start(tokens: number[], widths: number[], maxTokens: number) {
    let resolve: (reason: string) => void;
    const end = new Promise<string>((settle) => (resolve = settle));
    const handle = engine.generate(
      {
        tokens: Int32Array.from(tokens),
        widths: Int32Array.from(widths),
        maxTokens,
        stopTokens: new Int32Array(),
      },
      (event) => {
        if (event.type === 'end') resolve(event.reason);
      },
    );
    const abort = () => {
      handle.abort();
    };
    return { end, abort };
  }

  it('stop before a stop token, which is not reported', async () => {
    const free = await generate(engine, prompt, XL, 10);
    const stop = free.tokens[4]!;
    const stopped = await generate(engine, prompt, XL, 10, { stopTokens: [stop] });
    assert.equal(stopped.reason, 'stop');
    assert.deepEqual(stopped.tokens, free.tokens.slice(0, free.tokens.indexOf(stop)));
  });

  it('end at their token limit', async () => {
    const { reason, tokens } = await generate(engine, prompt, S, 7);
    assert.equal(reason, 'length');
    assert.equal(tokens.length, 7);
  });

  it('do not begin with a banned token', async () => {
    const free = await generate(engine, prompt, XL, 1);
    const other = await generate(engine, prompt, XL, 3, { bannedFirstTokens: [free.tokens[0]!] });
    assert.notEqual(other.tokens[0], free.tokens[0]);
  });

  it('stop when aborted, without an effect on the next', async () => {
    const expected = await generate(engine, prompt, XL, 30);
    const aborted = await generate(engine, prompt.toReversed(), XL, VERY_LONG, {
      onToken: (count, abort) => {
        if (count === 2) abort();
      },
    });
    assert.equal(aborted.reason, 'aborted');
    assert.deepEqual((await generate(engine, prompt, XL, 30)).tokens, expected.tokens);
  });

  it('end at once when aborted before their turn, and the others keep theirs', async () => {
    const expected = await generate(engine, prompt, S, 20);
    const running = start(prompt.toReversed(), S, VERY_LONG);
    const waiting = start(prompt, XL, 20);
    const behind = generate(engine, prompt, S, 20);
    waiting.abort();
    assert.equal(
      await Promise.race([waiting.end, running.end.then((reason) => `first the other: ${reason}`)]),
      'aborted',
    );
    running.abort();
    assert.equal(await running.end, 'aborted');
    assert.deepEqual((await behind).tokens, expected.tokens);
  });

  it('are not affected by an abort of one that has ended', async () => {
    const ended = start(prompt, S, 1);
    assert.equal(await ended.end, 'length');
    const after = start(prompt, S, 500);
    ended.abort();
    assert.equal(await after.end, 'length');
  });

  const bad: [string, number[], number[], RegExp][] = [
    ['no tokens', [], S, /needs at least one token/],
    ['a token outside the vocabulary', [1, 96], S, /the token 96 is not in the vocabulary of 96/],
    ['a negative token', [-1], S, /the token -1 is not in the vocabulary/],
    ['too few widths', [1], [32, 32], /has 4 widths, not 2/],
    ['too many widths', [1], [...S, 32], /has 4 widths, not 5/],
    ['a width between two blocks', [1], [33, 32, 32, 32], /the width 33 is not a multiple of 32 between 0 and 128/],
    ['a negative width', [1], [-32, 32, 32, 32], /the width -32 is not a multiple/],
    ['a width beyond the model', [1], [32, 32, 160, 32], /the width 160 is not a multiple/],
    [
      'a prompt longer than the context',
      Array<number>(ROOMY.contextLength + 1).fill(1),
      S,
      /has 8193 tokens, the model's context 8192/,
    ],
  ];
  for (const [name, tokens, widths, message] of bad) {
    it(`are refused with a message that names the fault: ${name}`, async () => {
      assert.throws(() => {
        generateNow(engine, tokens, widths);
      }, message);
      assert.equal((await generate(engine, prompt, S, 1)).tokens.length, 1, 'and the engine goes on');
    });
  }

  /** Runs a script on an engine in a process of its own, which must end by itself and say nothing on stderr. */
  function inChild(script: string): string {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        '-e',
        `const { Engine } = require(${JSON.stringify(ADDON_FILE)});
         let engine = new Engine(${JSON.stringify({ ...weights, config: ROOMY, threads: 2 })});
         const request = { tokens: Int32Array.of(1, 2), widths: Int32Array.of(${XL.join()}), maxTokens: ${VERY_LONG},
           stopTokens: new Int32Array() };
         ${script}`,
      ],
      { encoding: 'utf8', timeout: 10_000 },
    );
    assert.equal(stderr, '');
    assert.equal(status, 0, 'the process has to be ended');
    return stdout;
  }

  it('end when the engine is disposed of, and the process ends by itself', () => {
    const said = inChild(`
      const report = (event) => { if (event.type === 'end') console.log(event.reason); };
      engine.generate(request, report);
      engine.generate(request, report);
      engine.dispose();`);
    assert.equal(said, 'aborted\naborted\n');
  });

  it('are refused after that, and the process still ends by itself', () => {
    const said = inChild(`
      engine.dispose();
      engine.dispose();
      try { engine.generate(request, () => undefined); } catch (error) { console.log(error.message); }`);
    assert.equal(said, 'the engine was disposed\n');
  });

  it('end even if the listener throws, the process learns of it, and nothing keeps the engine alive', () => {
    const said = inChild(`
      const told = new Set();
      process.on('uncaughtException', ({ message }) => told.add(message));
      require('node:v8').setFlagsFromString('--expose-gc');
      const collectGarbage = require('node:vm').runInNewContext('gc');
      engine.generate({ ...request, maxTokens: 500 }, (event) => {
        if (event.type === 'token') throw new Error('a fault of the listener');
        if (event.type === 'end') console.log(event.reason, ...told);
      });
      engine = undefined;
      setImmediate(collectGarbage);`);
    assert.equal(said, 'length a fault of the listener\n');
  });

  it('do not keep a process from exiting while one runs', () => {
    inChild(`engine.generate(request, (event) => { if (event.type === 'token') process.exit(0); });`);
  });
});

function generateNow(engine: NativeEngine, tokens: number[], widths: number[]): void {
  engine.generate(
    { tokens: Int32Array.from(tokens), widths: Int32Array.from(widths), maxTokens: 1, stopTokens: new Int32Array() },
    () => undefined,
  );
}
