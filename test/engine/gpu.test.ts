import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { GpuError, limitsFor } from '../../src/engine/gpu/device';
import { unsupported } from '../../src/engine/gpu/weights';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';
import { inProcess, needSoftwareGpu, WITHOUT_DRIVER } from './softwareGpu';
import { randomTensors, TINY, tinyCheckpoint, withForm } from './tinyCheckpoint';

/** A short context, because a driver in software takes a second for a hundred tokens. */
const CONTEXT = 48;

const IMPORTS = {
  'src/engine/fallbackEngine': 'FallbackEngine',
  'src/engine/gpu/device': 'openDevice',
  'src/engine/gpu/gpuEngine': 'GpuEngine',
  'src/engine/gpu/keyValueCache': 'KeyValueCache, KeyValueCachePool',
  'src/engine/native': 'LocalEngine',
  'src/matlm/checkpoint': 'openCheckpoint',
  'test/engine/complete': 'complete',
  'test/engine/dawn': 'bufferBytes, counts, dawn, devices',
  'test/engine/harness': 'relativeError, ROOT',
  'test/engine/reference': 'referenceLogits',
  'test/engine/tinyCheckpoint': 'randomTensors, readTensors, TINY, tinyCheckpoint, withForm',
};

/** Bytes that the weights of TINY take at least: its matrices in int8. */
const WEIGHTS =
  TINY.layers * (TINY.hiddenSize * (8 + 4) * TINY.headDim + 3 * TINY.hiddenSize * TINY.ffnSize) +
  TINY.vocabularySize * TINY.hiddenSize;

describe('our kernels on WebGPU, on a software driver', function () {
  this.timeout(900_000);

  /** The results of one process, because opening a model compiles all kernels. */
  interface Found {
    errors: Record<string, number>;
    emulatedError: number;
    hadSubgroups: boolean[];
    documents: { reused: number[]; withoutRoom: [reused: number, token: number][] };
    /** Bytes of each after the first size was used, after all were, and after many requests. */
    buffers: { afterFirst: number[]; afterAll: number[]; afterMany: number[] };
    oneToken: { dispatches: number; submits: number };
    fourTokens: { dispatches: number; submits: number };
    answers: Record<
      'first' | 'drafted' | 'sized' | 'changed' | 'stopped' | 'lined' | 'short' | 'aborted' | 'full',
      Answer
    >;
  }
  interface Answer {
    tokens: number[];
    reusedTokens: number;
    reason: string;
  }
  let found: Found;

  before(async function () {
    needSoftwareGpu(this);
    found = (await inProcess(
      IMPORTS,
      `
      const tokenBytes = Array.from({ length: 96 }, (_, i) => Uint8Array.of(i === 95 ? 10 : 32 + i));
      const checkpoint = { ...tinyCheckpoint({ ...TINY, contextLength: ${CONTEXT} }), tokenizer: { tokenBytes } };
      const { granularities } = checkpoint.config;
      const { S, XL } = granularities;
      const native = new LocalEngine(ROOT, checkpoint, 1);
      const gpu = new GpuEngine(ROOT, checkpoint);
      const text = Array.from({ length: ${CONTEXT} }, (_, i) => (i * 37 + 11) % 96);
      const tokens = text.slice(0, 12);
      const sizes = { ...granularities, mix: [32, 128, 64, 96], skip: [128, 0, 64, 128] };
      const errors = {};
      const buffers = {};
      for (const [name, widths] of Object.entries(sizes)) {
        errors[name] = relativeError(await gpu.logits(tokens, widths, 8), await native.logits(tokens, widths, 8));
        buffers.afterFirst ??= [...bufferBytes];
      }
      // More tokens than a tile has.
      errors.long = relativeError(await gpu.logits(text, XL, 46), await native.logits(text, XL, 46));
      buffers.afterAll = [...bufferBytes];

      const during = async (maxTokens) => {
        const before = { ...counts };
        await complete(gpu, { prompt: tokens, widths: XL, maxTokens });
        // Without those for the last token of the prompt.
        return { dispatches: counts.dispatches - before.dispatches - (4 * 8 + 3), submits: counts.submits - before.submits - 1 };
      };
      await complete(gpu, { prompt: tokens, widths: XL, maxTokens: 1 });
      const oneToken = await during(2);
      const fourTokens = await during(5);

      const prompt = text.slice(3, 17);
      const answers = {};
      const ask = async (name, request, onToken) => {
        answers[name] = await complete(gpu, { prompt, widths: XL, maxTokens: 10, ...request }, onToken);
      };
      await ask('first', {});
      const { tokens: answer } = answers.first;
      await ask('drafted', { expected: [...answer.slice(0, 3), (answer[3] + 1) % 96] });
      await ask('sized', { widths: S });
      await ask('changed', { prompt: [...prompt.slice(0, 10), 3, 4] });
      await ask('stopped', { stopTokens: [answer.find((token) => token !== answer[0])] });
      await ask('lined', { endsWithLine: true, bannedFirstTokens: Array.from({ length: 95 }, (_, i) => i) });
      await ask('short', { maxTokens: 0 });
      await ask('aborted', { maxTokens: 100 }, (count, abort) => { if (count === 2) abort(); });
      await ask('full', { prompt: text.slice(0, 45), maxTokens: 100 });

      for (let i = 0; i < 40; i++)
        await complete(gpu, { prompt: prompt.slice(0, 1 + (i % 5)), widths: i % 2 ? S : XL, maxTokens: 2 });
      buffers.afterMany = [...bufferBytes];

      const documents = { reused: [], withoutRoom: [] };
      const visit = async (cacheKey) => {
        const { reusedTokens } = await complete(gpu, { prompt, widths: XL, maxTokens: 1, cacheKey });
        documents.reused.push(reusedTokens);
      };
      for (const cacheKey of [1, 2, 1, 2]) await visit(cacheKey);
      gpu.forget([1, 7]);
      for (const cacheKey of [2, 1]) await visit(cacheKey);
      gpu.dispose();

      // Another card: without products of packed int8 and subgroups, and with many slices of each row.
      dawn.lacksExtensions = true;
      const emulated = new GpuEngine(ROOT, checkpoint, undefined, { slices: 16, cacheBytes: 1 });
      const emulatedError = relativeError(await emulated.logits(tokens, XL, 8), await native.logits(tokens, XL, 8));
      // It has room for one document.
      for (const cacheKey of [1, 2, 1]) {
        const { reusedTokens, tokens } = await complete(emulated, { prompt, widths: XL, maxTokens: 1, cacheKey });
        documents.withoutRoom.push([reusedTokens, tokens[0]]);
      }
      const hadSubgroups = devices.map(({ features }) => features.has('subgroups'));
      return { errors, emulatedError, hadSubgroups, buffers, oneToken, fourTokens, answers, documents };`,
    )) as Found;
  });

  it("computes the native engine's logits for S, M, L, XL, a mix and a submodel that skips a layer", () => {
    assert.deepEqual(Object.keys(found.errors).sort(), ['L', 'M', 'S', 'XL', 'long', 'mix', 'skip']);
    for (const [name, error] of Object.entries(found.errors)) {
      assert.ok(error < 0.04, `${name}: the relative error is ${error}`);
    }
  });

  it('computes the same on a card without products of packed int8 and subgroups, and if each row is read in slices', () => {
    assert.deepEqual(found.hadSubgroups, [true, false]);
    assert.ok(Math.abs(found.emulatedError - (found.errors.XL ?? 0)) < 0.005, String(found.emulatedError));
  });

  it('has the weights once and one cache, whatever sizes are in use and however many requests come', () => {
    const { afterFirst, afterAll, afterMany } = found.buffers;
    assert.deepEqual(afterAll, afterFirst);
    assert.deepEqual(afterMany, afterFirst);
    const weights = afterFirst.slice(0, TINY.layers + 1).reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(weights > WEIGHTS && weights < 1.5 * WEIGHTS, `${weights} bytes for ${WEIGHTS}`);
    const halves = 2 * TINY.kvHeads * TINY.headDim * (CONTEXT + 1);
    const cache = 2 * TINY.layers * 256 * Math.ceil(halves / 256);
    assert.equal(afterFirst.filter((bytes) => bytes === cache).length, 1);
  });

  it('has eight dispatches a layer, and one submit for four tokens', () => {
    const each = 8 * TINY.layers + 5; // the embedding, the last norm, the head, and two for the choice
    assert.deepEqual(found.oneToken, { dispatches: each, submits: 1 });
    assert.deepEqual(found.fourTokens, { dispatches: 4 * each, submits: 1 });
  });

  it('continues with the cache that another submodel, a longer text and an abort left', () => {
    const { first, sized, changed, aborted } = found.answers;
    assert.equal(first.tokens.length, 10);
    assert.deepEqual([sized.reusedTokens, changed.reusedTokens, aborted.reusedTokens], [13, 10, 13]);
    assert.deepEqual([first.reason, aborted.reason], ['length', 'aborted']);
    assert.deepEqual(aborted.tokens, first.tokens.slice(0, 2));
  });

  it('has keys and values of each document, until the document is forgotten', () => {
    assert.deepEqual(found.documents.reused, [0, 0, 13, 13, 13, 0]);
    const [first] = found.documents.withoutRoom;
    assert.deepEqual(found.documents.withoutRoom, [first, first, first], 'a document that had to go is read again');
    assert.equal(first?.[0], 0);
  });

  it('keeps the keys and values of the documents that were used last, within a bound and the memory of the card', async () => {
    const answer = (await inProcess(
      IMPORTS,
      `
      const gpu = await openDevice(ROOT, { bufferBytes: 1, bindingBytes: 1 });
      const config = { ...TINY, contextLength: 4096 };
      const pool = new KeyValueCachePool(gpu, config, 2.5 * KeyValueCache.bytesFor(config, 512));
      const kept = [];
      for (const document of [1, 2, 1, 3]) {
        pool.of(document);
        await pool.reserve(100);
        kept.push(pool.documents);
      }
      // The one in use may grow beyond the bound, and the others go.
      await pool.reserve(2000);
      kept.push(pool.documents);
      const largest = pool.bytes;
      pool.forget([3]);
      const left = pool.bytes;
      // Too little memory for two: the other one goes, but that does not help.
      await (pool.of(4), pool.reserve(100));
      dawn.largestBuffer = KeyValueCache.bytesFor(config, 512);
      await (pool.of(5), pool.reserve(100));
      const message = await pool.reserve(600).then(() => 'there was memory', (error) => error.message);
      kept.push(pool.documents);
      return { kept, grew: largest === KeyValueCache.bytesFor(config, 2000), left, message };`,
    )) as { kept: number[][]; grew: boolean; left: number; message: string };
    assert.deepEqual(answer.kept, [[1], [1, 2], [2, 1], [1, 3], [3], [5]]);
    assert.deepEqual([answer.grew, answer.left], [true, 0]);
    assert.match(answer.message, /too little memory for the model: use a smaller model or the processor/);
  });

  it('does not grow in 10,000 requests of many documents, with what computes nothing in the place of the driver', async () => {
    const { buffers, megabytes } = (await inProcess(
      IMPORTS,
      `
      dawn.options = ['backend=null'];
      // What nobody uses any more is no growth; the wrappers of Dawn's objects free them after a collection.
      (await import('node:v8')).setFlagsFromString('--expose-gc');
      const collectGarbage = (await import('node:vm')).runInNewContext('gc');
      const model = { ...TINY, layers: 1, hiddenSize: 32, heads: 2, kvHeads: 1, ffnSize: 64, vocabularySize: 32, contextLength: 64 };
      const document = 2 * 512 * 32; // bytes of its keys and values: float16, of at least 512 positions or the context
      const gpu = new GpuEngine(ROOT, tinyCheckpoint(model), undefined, { cacheBytes: 4 * document });
      const [buffers, megabytes] = [[], []];
      for (let i = 0; i < 10_000; i++) {
        const request = { prompt: [1, 2, 3, i % 32], widths: [i % 3 ? 64 : 32], maxTokens: 1 + (i % 4), cacheKey: i % 60 };
        await complete(gpu, request, (count, abort) => { if (count === 2 && i % 7 === 0) abort(); });
        if (i % 100 === 0) gpu.forget([i % 60, 1000]);
        if (i % 2000 === 1999) {
          buffers.push(bufferBytes.length - counts.destroyedBuffers);
          collectGarbage();
          await new Promise((resolve) => setTimeout(resolve, 100));
          megabytes.push(process.memoryUsage.rss() / 1e6);
        }
      }
      return { buffers, megabytes };`,
    )) as { buffers: number[]; megabytes: number[] };
    assert.equal(buffers.length, 5);
    const [first = 0, last = 0] = [buffers[0], buffers.at(-1)];
    assert.ok(Math.abs(last - first) <= 1, `${buffers.join()} buffers`);
    const growth = (megabytes.at(-1) ?? 0) - (megabytes[0] ?? 0);
    assert.ok(growth < 40, `${growth.toFixed(0)} MB more after 8,000 requests`);
  });

  it("computes the logits of SmolLM2's first two layers, one of them narrower, as a reference in floats", async function () {
    const file = join(ROOT, 'build', 'models', 'smollm2-135m-q4_1.gguf');
    if (!existsSync(file)) {
      console.log(`      skipped: ${file} is not there; node scripts/smollm2.mjs fetches it`);
      this.skip();
    }
    const folder = join(temporaryFolder(), 'smollm2');
    const args = ['import', file, '--into', folder, '--name', 'smollm2'];
    execFileSync(process.execPath, [join(ROOT, 'dist', 'cli.js'), ...args], { stdio: 'ignore' });
    const errors = (await inProcess(
      IMPORTS,
      `
      const whole = await openCheckpoint(${JSON.stringify(folder)});
      const model = { ...whole.config.model, layers: 2 };
      const checkpoint = { ...whole, config: { ...whole.config, model } };
      const tensors = readTensors(whole, 2);
      const tokens = whole.tokenizer.encode('export function sum(values: number[]): number {').slice(0, 6);
      const gpu = new GpuEngine(ROOT, checkpoint);
      const widths = [1536, 384];
      // Five tokens in a tile, then one alone.
      const found = await gpu.logits(tokens, widths, 4);
      const expected = referenceLogits(model, tensors, widths, tokens).slice(4);
      return expected.map((logits, i) =>
        relativeError(found.subarray(i * logits.length, (i + 1) * logits.length), logits));`,
    )) as number[];
    // A few layers only: the more follow, the more a rounding in another direction changes, see docs/results/gpu.md.
    assert.equal(errors.length, 2);
    for (const error of errors) assert.ok(error < 0.02, `the relative error is ${error}`);
  });

  it('generates the same several tokens at a time as one by one, and with drafts', () => {
    const { first, drafted } = found.answers;
    assert.deepEqual(drafted.tokens, first.tokens);
  });

  it('ends before a stop token, after a line, at the length and at the end of the context', () => {
    const { first, stopped, lined, short, full } = found.answers;
    const stop = first.tokens.findIndex((token) => token !== first.tokens[0]);
    assert.deepEqual([stopped.reason, stopped.tokens], ['stop', first.tokens.slice(0, stop)]);
    assert.deepEqual([lined.reason, lined.tokens], ['line', [95]]);
    assert.deepEqual([short.reason, short.tokens], ['length', []]);
    assert.deepEqual([full.reason, full.tokens.length], ['context', CONTEXT - 45 + 1]);
  });

  it('writes the text of the native engine with a trained checkpoint, for S and XL', async () => {
    const texts = (await inProcess(
      IMPORTS,
      `
      const checkpoint = await openCheckpoint(ROOT + '/models/matlm-6m');
      const prompt = checkpoint.tokenizer.encode('export function sum(values: number[]): number {\\n').slice(0, 12);
      const texts = [];
      for (const engine of [new LocalEngine(ROOT, checkpoint, 1), new GpuEngine(ROOT, checkpoint)])
        for (const widths of [checkpoint.config.granularities.S, checkpoint.config.granularities.XL]) {
          const { tokens } = await complete(engine, { prompt, widths, maxTokens: 6 });
          texts.push(tokens);
        }
      return texts;`,
    )) as number[][];
    assert.deepEqual(texts.slice(2), texts.slice(0, 2));
    assert.equal(texts[0]?.length, 6);
  });

  it("computes the native engine's logits for matrices of 8 and 4 bits in groups, biases, scales, a head of its own and compensation", async () => {
    const { errors, uncompensated } = (await inProcess(
      IMPORTS,
      `
      const model = { ...TINY, ...{ hiddenSize: 96, layers: 2, heads: 6, kvHeads: 2, hasQkNorm: false, hasTiedHead: false },
        ...{ hasAttentionBias: true, hasOutputBias: true, embeddingScale: 3, residualScale: 0.5, logitScale: 0.3, hasCompensation: true } };
      let tensors = randomTensors(model);
      const floats = (name, size) => {
        const values = Float32Array.from({ length: size }, (_, i) => Math.sin(i) / 4);
        tensors[name] = { dtype: 'F32', shape: [size], values };
      };
      for (const i of [0, 1]) {
        const of = 'model.layers.' + i + '.';
        floats(of + 'self_attn.q_proj.bias', 96);
        floats(of + 'self_attn.k_proj.bias', 32);
        floats(of + 'self_attn.v_proj.bias', 32);
        floats(of + 'self_attn.o_proj.bias', 96);
        const values = Float32Array.from({ length: 128 }, (_, j) => 2 * Math.sin(7 * j + i) - 0.6);
        tensors[of + 'mlp.mean_active'] = { dtype: 'F32', shape: [128], values };
        for (const name of ['q', 'k', 'v']) tensors = withForm(tensors, of + 'self_attn.' + name + '_proj', '4min', 3 + i);
        tensors = withForm(tensors, of + 'self_attn.o_proj', '8');
        for (const name of ['gate', 'up']) tensors = withForm(tensors, of + 'mlp.' + name + '_proj', '4', name.length + i);
        tensors = withForm(tensors, of + 'mlp.down_proj', '4min', 7);
      }
      tensors['lm_head.weight'] = { dtype: 'F32', shape: [96, 96], values: tensors['model.embed_tokens.weight'].values.map((x) => 0.1 - x) };
      tensors = withForm(withForm(tensors, 'lm_head', '4'), 'model.embed_tokens', '4min');
      const checkpoint = tinyCheckpoint(model, tensors);
      const native = new LocalEngine(ROOT, checkpoint, 1);
      const gpu = new GpuEngine(ROOT, checkpoint);
      const tokens = Array.from({ length: 10 }, (_, i) => (i * 37 + 11) % 96);
      const errors = [];
      for (const widths of [[128, 128], [32, 64], [96, 32]])
        errors.push(relativeError(await gpu.logits(tokens, widths, 7), await native.logits(tokens, widths, 7)));
      const plain = new LocalEngine(ROOT, tinyCheckpoint({ ...model, hasCompensation: false }, tensors), 1);
      const uncompensated = relativeError(await plain.logits(tokens, [32, 64], 7), await native.logits(tokens, [32, 64], 7));
      return { errors, uncompensated };`,
    )) as { errors: number[]; uncompensated: number };
    for (const error of errors) assert.ok(error < 0.04, `the relative error is ${error}`);
    assert.ok(uncompensated > 0.1, 'the test would notice if nothing were added');
  });

  it('gives a request to the next backend if the card is lost, if a kernel does not compile, and if there are no numbers', async () => {
    const answers = (await inProcess(
      IMPORTS,
      `
      const { cpSync, mkdtempSync, symlinkSync, writeFileSync } = require('node:fs');
      const { tmpdir } = require('node:os');
      const checkpoint = tinyCheckpoint(TINY);
      const { XL: widths } = checkpoint.config.granularities;
      const prompt = Array.from({ length: 12 }, (_, i) => (i * 53 + 7) % 96);
      const native = () => ({ backend: 'native', open: () => new LocalEngine(ROOT, checkpoint, 1) });
      const answer = async (open, onToken) => {
        const engine = new FallbackEngine([{ backend: 'gpu', open }, native()], []);
        const { tokens, reason } = await complete(engine, { prompt, widths, maxTokens: 8 }, onToken);
        const { backend, rejected } = await engine.measure();
        engine.dispose();
        return { tokens: tokens.length, reason, backend, rejected };
      };
      const lost = await answer(() => new GpuEngine(ROOT, checkpoint), (count) => { if (count === 1) devices.at(-1).destroy(); });

      const root = mkdtempSync(tmpdir() + '/kernels-');
      for (const folder of ['node_modules', 'build']) symlinkSync(ROOT + '/' + folder, root + '/' + folder);
      cpSync(ROOT + '/dist/kernels', root + '/dist/kernels', { recursive: true });
      writeFileSync(root + '/dist/kernels/rope.wgsl', 'no kernel');
      const broken = await answer(() => new GpuEngine(root, checkpoint));

      const tensors = randomTensors(TINY);
      tensors['model.layers.1.mlp.down_proj.weight_scale'].values[3] = NaN;
      const corrupt = tinyCheckpoint(TINY, tensors);
      const wrong = await answer(() => new GpuEngine(ROOT, corrupt));
      return { lost, broken, wrong };`,
    )) as Record<string, { tokens: number; reason: string; backend: string; rejected: { reason: string }[] }>;
    const reasons = {
      lost: /^the graphics card was lost/,
      broken: /^the driver does not compile the kernel rope \(.*(WGSL|parsing)/,
      wrong: /^the graphics card computed logits that are not numbers/,
    };
    for (const [name, expected] of Object.entries(reasons)) {
      const { tokens, reason, backend, rejected } = answers[name]!;
      assert.deepEqual([tokens, reason, backend], [8, 'length', 'native'], name);
      assert.match(rejected[0]?.reason ?? '', expected);
    }
  });

  it('says that there is no card if there is none', async () => {
    const message = await inProcess(
      IMPORTS,
      `
      const checkpoint = tinyCheckpoint(TINY);
      const { XL: widths } = checkpoint.config.granularities;
      return complete(new GpuEngine(ROOT, checkpoint), { prompt: [1], widths }).then(() => 'it ran', (error) => error.message);`,
      WITHOUT_DRIVER,
    );
    assert.match(String(message), /^no graphics card with a driver for/);
  });
});

describe('a model for which a card does not suffice', () => {
  const limits = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 };

  it('is refused with the limit that the card lacks', () => {
    const needs = { bufferBytes: 2 ** 20, bindingBytes: 2 ** 29 };
    assert.throws(
      () => limitsFor(needs, limits),
      (error) => {
        assert.ok(error instanceof GpuError);
        assert.match(error.message, /maxStorageBufferBindingSize is 128 MiB, but the model needs 512/);
        return true;
      },
    );
  });

  it('asks for no more than each card has if that is enough', () => {
    assert.deepEqual(limitsFor({ bufferBytes: 5, bindingBytes: 5 }, limits), limits);
  });

  it('is refused if the kernels do not compute it', () => {
    const { tensors } = tinyCheckpoint(TINY);
    assert.equal(unsupported({ config: TINY, tensors }), undefined);
    assert.match(unsupported({ config: { ...TINY, headDim: 24 }, tensors }) ?? '', /heads of 24 values/);
    const wide = { ...TINY, hiddenSize: 96 };
    const mixed = tinyCheckpoint(wide, withForm(randomTensors(wide), 'model.layers.2.mlp.up_proj', '4')).tensors;
    assert.match(
      unsupported({ config: wide, tensors: mixed }) ?? '',
      /layers\.2\.mlp\.up_proj are quantised in different ways/,
    );
  });
});
