import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate, type LineScore, type Places, type Score } from '../../src/cli/eval';
import { buildPrompt } from '../../src/completion/prompt';
import type { NativeEngine } from '../../src/engine/native';
import { type Checkpoint, openCheckpoint } from '../../src/matlm/checkpoint';
import { temporaryFolder } from '../temporary';
import { addon, generate, logits, relativeError, ROOT } from './harness';

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
 * of the logits' spread on average, and several percent where one activation is far larger than all others.
 */
const MEAN_TOLERANCE = 0.025;
const WORST_TOLERANCE = 0.08;

describe('the shipped checkpoint in the engine', () => {
  let checkpoint: Checkpoint;
  let golden: Golden;
  let engine: NativeEngine;

  before(async () => {
    checkpoint = await openCheckpoint(join(ROOT, 'models', 'matlm-6m'));
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

  it('gets the prompts that Python makes', () => {
    for (const { path, prefix, suffix, tokens } of golden.prompts) {
      assert.deepEqual(buildPrompt(checkpoint.tokenizer, { path, prefix, prefixStart: 0, suffix }, 900), tokens);
    }
  });

  for (const size of ['XS', 'S', 'M', 'L', 'XL']) {
    it(`gives PyTorch's logits for ${size}, within what int8 activations explain`, async () => {
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

    it(`writes PyTorch's greedy text for ${size} on most prompts`, async () => {
      let equal = 0;
      for (const { tokens, submodels } of golden.prompts) {
        const { widths, greedy } = submodels[size]!;
        const stopTokens = [checkpoint.tokenizer.special.endOfText];
        const found = await generate(engine, tokens, widths, 24, { stopTokens });
        equal += Number(found.tokens.join() === greedy.join());
      }
      // Where two tokens are nearly as likely, rounding decides, and the rest of the text follows from it.
      assert.ok(equal > golden.prompts.length / 2, `${equal} of ${golden.prompts.length} are equal`);
    });
  }

  it('measures what Python measures at the same places', async () => {
    const { places, submodels } = golden.evaluation;
    const file = join(temporaryFolder(), 'places.json');
    writeFileSync(file, JSON.stringify(places));
    const rows = await evaluate(ROOT, join(ROOT, 'models', 'matlm-6m'), file);
    const alone = rows.filter((row) => !row.copying);
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

  it('adds no memory for submodels: four granularities and ten mixes over one copy', async () => {
    const { granularities, model } = checkpoint.config;
    const mixes = Array.from({ length: 10 }, (_, i) =>
      Array.from({ length: model.layers }, (_, layer) => (model.ffnSize / 8) * (1 + ((i * 5 + layer * 3) % 8))),
    );
    const tokens = golden.prompts[0]!.tokens;
    const run = async (widths: readonly number[]) => generate(engine, tokens, widths, 16);
    await run(granularities.XL!); // first use brings in what any use needs
    const [weightsBefore, memoryBefore] = [engine.weightBytes, process.memoryUsage().rss];
    for (const widths of ['S', 'M', 'L', 'XL'].map((size) => granularities[size]!)) await run(widths);
    for (const widths of mixes) await run(widths);
    assert.equal(engine.weightBytes, weightsBefore);
    const grown = process.memoryUsage().rss - memoryBefore;
    // Fourteen copies of even the smallest would be 40 MB; the events of 14 requests take some hundred kilobytes.
    assert.ok(grown < 4_000_000, `${grown} bytes more`);
    assert.ok(engine.weightBytes < 1.25 * (5_902_336 + 4096 * 256), 'int8, once');
  });
});
