import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint, SHIPPED } from '../../../src/matlm/checkpoint';
import { addon, generate, logits, relativeError, ROOT } from '../../engine/harness';
import { flat } from '../../engine/tinyCheckpoint';
import { digestOf, sameEverywhere } from './everywhere';
import { fastest } from './processor';

interface Golden {
  prompts: {
    path: string;
    tokens: number[];
    submodels: Record<string, { widths: number[]; lastLogits: string; greedy: number[] }>;
  }[];
}

/** As in test/engine/shipped.test.ts, whose comments give the reasons. */
const WORST_TOLERANCE = 0.08;

const SOURCE =
  'export function sum(values: readonly number[]): number {\n  let total = 0;\n  for (const value of values) {\n';

describe('the engine', () => {
  let small: Checkpoint;
  let prompt: number[];
  before(async () => {
    small = await openCheckpoint(join(ROOT, 'models', 'matlm-6m'));
    prompt = small.tokenizer.encode(SOURCE);
  });

  const open = ({ weightsFile, tensors, config, tokenizer }: Checkpoint, options: object = {}) =>
    new addon.Engine({
      ...{ weightsPath: weightsFile, tensors, config: config.model, tokenBytes: tokenizer.tokenBytes, threads: 2 },
      ...options,
    });

  it('has the fast kernels of this processor', () => {
    const features = process.env.MATCODER_PLATFORM_FEATURES;
    assert.ok(features !== undefined, 'the runner names the features of the processor');
    const engine = open(small);
    const { isa } = engine;
    engine.dispose();
    console.log(`    kernels: ${isa}, of ${addon.supportedIsas.join(', ')}`);
    if (features === '') assert.notEqual(isa, 'scalar');
    else assert.equal(isa, fastest(process.arch, features.split(' ')));
    assert.equal(addon.supportedIsas[0], isa);
    assert.equal(addon.supportedIsas.at(-1), 'scalar');
  });

  it('computes the same bits with each instruction set, and on each platform', async () => {
    for (const isa of addon.supportedIsas) {
      const engine = open(small, { isa });
      for (const size of ['XS', 'XL']) {
        const digest = digestOf(await logits(engine, prompt, small.config.granularities[size]!));
        sameEverywhere(`logits of matlm-6m ${size}`, digest);
      }
      engine.dispose();
    }
  });

  it('computes the logits of PyTorch and writes its text for two prompts, and the same on each platform', async () => {
    const shipped = await openCheckpoint(join(ROOT, SHIPPED));
    const file = join(ROOT, 'test', 'engine', 'fixtures', 'golden.json');
    const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden;
    const engine = open(shipped);
    for (const { path, tokens, submodels } of golden.prompts.slice(0, 2)) {
      for (const size of ['S', 'XL']) {
        const { widths, lastLogits, greedy } = submodels[size]!;
        const bytes = Buffer.from(lastLogits, 'base64');
        const expected = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
        const all = await logits(engine, tokens, widths);
        assert.ok(relativeError(all.subarray(-expected.length), expected) < WORST_TOLERANCE, `${path}, ${size}`);
        sameEverywhere(`logits of matlm-46m ${size} for ${path}`, digestOf(all));
        const { tokens: text, probabilities } = await generate(engine, tokens, widths, 8);
        assert.equal(text[0], greedy[0], `${path}, ${size}`);
        sameEverywhere(`text of matlm-46m ${size} for ${path}`, { text, probabilities });
      }
    }
    engine.dispose();
  });

  it('stops a generation that is aborted, and answers the next request', async () => {
    const engine = open(small);
    const widths = small.config.granularities.XL!;
    const aborted = await generate(engine, prompt, widths, 400, {
      onToken: (count, abort) => {
        if (count === 2) abort();
      },
    });
    assert.equal(aborted.reason, 'aborted');
    assert.ok(aborted.tokens.length < 400);
    const next = await generate(engine, prompt, widths, 4);
    assert.equal(next.reason, 'length');
    assert.deepEqual(next.tokens, aborted.tokens.slice(0, 4).concat(next.tokens.slice(aborted.tokens.length)));
    engine.dispose();
  });

  it('finds in its memory how another document goes on, and uses it', async () => {
    const { tokenizer, config } = small;
    assert.ok(config.gate, 'the checkpoint has no gate');
    const memory = new addon.Memory({ tokenBytes: tokenizer.tokenBytes, gate: flat(config.gate) });
    await memory.set(1, Int32Array.from(tokenizer.encode(`${SOURCE}\n    total += value * weightOf(value);\n  }\n`)));
    const match = memory.look(Int32Array.from(prompt), -1, 0, -1);
    assert.ok(match.length > 10, `a match of ${match.length} tokens`);
    const engine = open(small, { memory });
    const found = await generate(engine, prompt, config.granularities.XL!, 16, { usesMemory: true });
    assert.match(tokenizer.decode(found.tokens), /total \+= value \* weightOf\(value\)/);
    const { tokens, probabilities, memoryShares, matchLengths } = found;
    sameEverywhere('text with a memory', { tokens, probabilities, memoryShares, matchLengths });
    engine.dispose();
  });
});
