import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate, type LineScore, type Places, type Score } from '../../src/cli/evaluation/places';
import { buildPrompt } from '../../src/completion/prompt/prompt';
import type { NativeEngine } from '../../src/engine/addon';
import { type Checkpoint, openCheckpoint, SHIPPED } from '../../src/matlm/checkpoint';
import { parameters } from '../../src/matlm/submodel';
import { temporaryFolder } from '../temporary';
import { addon, ADDON_FILE, generate, logits, relativeError, ROOT } from './harness';

interface Golden {
  /** SHA-256 of the weights that PyTorch read. */
  checkpoint: string;
  prompts: {
    path: string;
    prefix: string;
    suffix: string;
    tokens: number[];
    submodels: Record<string, { widths: number[]; lastLogits: string; greedy: number[] }>;
  }[];
  evaluation: { places: Places; submodels: Record<string, Score & Omit<LineScore, 'byConfidence'>> };
}

/**
 * Rounding activations to int8 is all that the engine does otherwise than PyTorch with the same weights: half a step of
 * 1/127 of the largest at the inputs of attention and of gate and up. A simulation of that rounding in PyTorch gives 1%
 * of the logits' spread on average, and several percent if one activation is far larger than all others.
 */
const MEAN_TOLERANCE = 0.025;
const WORST_TOLERANCE = 0.08;

/** Of the logits' standard deviation. Each of two logits is off by a part of MEAN_TOLERANCE, some by more. */
const CLOSE_CALL = 0.05;

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

describe('the shipped checkpoint in the engine', () => {
  let checkpoint: Checkpoint;
  let golden: Golden;
  let engine: NativeEngine;

  before(async () => {
    checkpoint = await openCheckpoint(join(ROOT, SHIPPED));
    golden = JSON.parse(readFileSync(join(__dirname, 'fixtures', 'golden.json'), 'utf8')) as Golden;
    const digest = createHash('sha256').update(readFileSync(checkpoint.weightsFile)).digest('hex');
    assert.equal(golden.checkpoint, digest, 'golden.json is of other weights: run python -m training.golden');
    engine = open();
  });
  after(() => {
    engine.dispose();
  });

  function open(): NativeEngine {
    const { weightsFile, tensors, config } = checkpoint;
    return new addon.Engine({ weightsPath: weightsFile, tensors, config: config.model, threads: 2 });
  }

  it('builds the same prompts as Python', () => {
    for (const { path, prefix, suffix, tokens } of golden.prompts) {
      const prompt = buildPrompt(checkpoint, { path, prefix, prefixStart: 0, suffix }, 900, () => '');
      assert.deepEqual(prompt.tokens, tokens);
    }
  });

  for (const size of ['XS', 'S', 'M', 'L', 'XL']) {
    it(`computes PyTorch's logits for ${size}, within the error of int8 activations`, async () => {
      const errors: number[] = [];
      for (const { tokens, submodels } of golden.prompts) {
        const { widths, lastLogits } = submodels[size]!;
        const bytes = Buffer.from(lastLogits, 'base64');
        const expected = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
        const found = (await logits(engine, tokens, widths)).subarray(-expected.length);
        errors.push(relativeError(found, expected));
      }
      const mean = errors.reduce((sum, error) => sum + error) / errors.length;
      assert.ok(mean < MEAN_TOLERANCE, `the mean relative error is ${mean}`);
      assert.ok(Math.max(...errors) < WORST_TOLERANCE, `the worst relative error is ${Math.max(...errors)}`);
    });

    it(`generates PyTorch's greedy text for ${size}, up to a place where two tokens are nearly as likely`, async () => {
      const stopTokens = checkpoint.prompt.stop.slice(0, 1);
      for (const { path, tokens, submodels } of golden.prompts) {
        const { widths, greedy } = submodels[size]!;
        const found = await generate(engine, tokens, widths, greedy.length, { stopTokens });
        const same = found.tokens.findIndex((token, i) => token !== greedy[i]);
        if (same < 0 && found.tokens.length === greedy.length) continue;
        const agreed = greedy.slice(0, same < 0 ? found.tokens.length : same);
        const row = (await logits(engine, [...tokens, ...agreed], widths)).subarray(
          -checkpoint.config.model.vocabularySize,
        );
        const expected = greedy[agreed.length] ?? stopTokens[0]!;
        const behind = (Math.max(...row) - row[expected]!) / deviation(row);
        assert.ok(behind < CLOSE_CALL, `${path}, after ${agreed.length} tokens: ${behind} standard deviations behind`);
      }
    });
  }

  it('generates the healing prefix to the byte, and continues from there', async () => {
    const { tokenizer, config } = checkpoint;
    const spelling = new addon.Engine({
      ...{ weightsPath: checkpoint.weightsFile, tensors: checkpoint.tensors, config: config.model },
      ...{ tokenBytes: tokenizer.tokenBytes, threads: 2 },
    });
    const before = 'export function report(lines: string[]): void {\n  for (const line of lines) {';
    for (const last of [
      '\n    cons',
      '\n    ',
      '\n\t\t',
      '\r\n\t',
      ' ',
      '\n  // größ',
      "\n    let x = '世",
      '\n   😀',
      ' ret',
    ]) {
      const excerpt = { path: 'a.ts', prefix: before + last, prefixStart: 0, suffix: '\n}\n' };
      const prompt = buildPrompt(checkpoint, excerpt, 900);
      assert.notEqual(prompt.healingPrefix, '');
      const given = new TextEncoder().encode(prompt.healingPrefix);
      const { tokens } = await generate(spelling, prompt.tokens, config.granularities.XL!, 12, {
        healingPrefix: given,
      });
      const written = Buffer.concat(tokens.map((token) => tokenizer.tokenBytes[token]!));
      assert.deepEqual(new Uint8Array(written.subarray(0, given.length)), given, JSON.stringify(last));
      assert.ok(written.length > given.length);
    }
    spelling.dispose();
  });

  it('measures the same as Python at the same places', async () => {
    const { places, submodels } = golden.evaluation;
    const file = join(temporaryFolder(), 'places.json');
    writeFileSync(file, JSON.stringify(places));
    const rows = await evaluate(ROOT, join(ROOT, SHIPPED), file);
    const alone = rows.filter((row) => !row.usesMatches);
    assert.deepEqual(alone.map((row) => row.name).sort(), Object.keys(submodels).sort());
    // A few hundred tokens and ten lines: one that falls the other way is a tenth.
    const tolerance = { accuracy: 0.03, agreementWithXL: 0.05, exact: 0.2, editSimilarity: 0.1, stopped: 0.1 };
    for (const row of alone) {
      const expected = submodels[row.name]!;
      const found = { ...row.score!, ...row.lines! };
      const ratio = found.bitsPerByte / expected.bitsPerByte;
      assert.ok(Math.abs(ratio - 1) < 0.01, `${row.name}: ${ratio} of Python's bits per byte`);
      for (const [key, limit] of Object.entries(tolerance) as [keyof typeof tolerance, number][]) {
        const difference = Math.abs(found[key] - expected[key]);
        assert.ok(difference <= limit + 1e-9, `${row.name}: ${key} is off by ${difference}`);
      }
    }
    const full = alone.find((row) => row.name === 'XL')!;
    assert.equal(full.score?.agreementWithXL, 1);
    assert.deepEqual(full.byLanguage, { TypeScript: full.score });
    assert.equal(
      full.lines?.byConfidence.reduce((sum, group) => sum + group.lines, 0),
      10,
    );
  });

  it('needs its weights once, its cache and less than 16 MB more, with 200 submodels in use', () => {
    const { weightsFile, tensors, config } = checkpoint;
    const { layers, ffnSize, contextLength, vocabularySize, hiddenSize } = config.model;
    const options = { weightsPath: weightsFile, tensors, config: config.model, threads: 2 };
    // A process of its own, which has nothing else in memory that could come or go.
    const script = `
      const { Engine } = require(${JSON.stringify(ADDON_FILE)});
      const before = process.memoryUsage().rss;
      const engine = new Engine(${JSON.stringify(options)});
      const sizes = Array.from({ length: 200 }, (_, i) =>
        Int32Array.from({ length: ${layers} }, (_, l) => 32 * (1 + ((i * 7 + l * 13) % ${ffnSize / 32}))));
      const tokens = Int32Array.from({ length: ${contextLength - 8} }, (_, i) => 10 + ((i * 37) % 4000));
      const next = () => {
        const widths = sizes.pop();
        if (!widths) {
          const held = engine.weightBytes + engine.kvCacheBytes;
          console.log(JSON.stringify({ held, grown: process.memoryUsage().rss - before }));
          return engine.dispose();
        }
        const request = { tokens, widths, maxTokens: 4, stopTokens: new Int32Array() };
        engine.generate(request, (event) => { if (event.type === 'end') next(); });
      };
      next();`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(stderr, '');
    const { held, grown } = JSON.parse(stdout) as { held: number; grown: number };
    assert.ok(grown < held + 16 * 2 ** 20, `${grown} bytes for ${held} of weights and cache`);
    const all = parameters(config.model, config.granularities.XL!) + vocabularySize * hiddenSize;
    assert.ok(held < 1.25 * all + engine.kvCacheBytes, 'int8, once');
  });
});
