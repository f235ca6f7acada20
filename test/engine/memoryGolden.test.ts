import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '../../src/matlm/checkpoint';
import { addon, generate, ROOT } from './harness';
import { flat } from './tinyCheckpoint';

interface Step {
  token: number;
  probability: number;
  memoryShare: number;
  matchLength: number;
}

/** What training/golden.py --memory writes. */
interface Golden {
  /** SHA-256 of the weights that PyTorch read. */
  checkpoint: string;
  documents: string[];
  cases: { prompt: number[]; healingPrefix: string; submodels: Record<string, Step[]> }[];
}

/** The engine rounds activations to int8, which PyTorch does not: of probabilities, the worst and the mean error. */
const WORST_TOLERANCE = 0.2;
const MEAN_TOLERANCE = 0.02;
/** Of the memory's share of a probability. */
const SHARE_TOLERANCE = 0.06;

describe('a checkpoint’s predictions with a memory', () => {
  it('are those of the reference in Python, up to a place where two tokens are nearly as likely', async () => {
    const checkpoint = await openCheckpoint(join(ROOT, 'models', 'matlm-6m'));
    const { weightsFile, tensors, tokenizer, config } = checkpoint;
    const golden = JSON.parse(readFileSync(join(__dirname, 'fixtures', 'memory.json'), 'utf8')) as Golden;
    const digest = createHash('sha256').update(readFileSync(weightsFile)).digest('hex');
    assert.equal(golden.checkpoint, digest, 'memory.json is of other weights: run python -m training.golden --memory');
    assert.ok(config.gate, 'the checkpoint has no gate');
    const { tokenBytes } = tokenizer;
    const memory = new addon.Memory({ tokenBytes, gate: flat(config.gate) });
    const engine = new addon.Engine({
      ...{ weightsPath: weightsFile, tensors, config: config.model, threads: 2, tokenBytes, memory },
    });
    for (const [id, text] of golden.documents.entries()) await memory.set(id, Int32Array.from(tokenizer.encode(text)));
    const errors: number[] = [];
    let [compared, fromMemory, healed] = [0, 0, 0];
    for (const { prompt, healingPrefix, submodels } of golden.cases) {
      for (const [name, steps] of Object.entries(submodels)) {
        const found = await generate(engine, prompt, config.granularities[name]!, steps.length, {
          usesMemory: true,
          healingPrefix: new TextEncoder().encode(healingPrefix),
        });
        for (const [i, step] of steps.entries()) {
          const where = `${name}, token ${i} after ${JSON.stringify(tokenizer.decode(prompt.slice(-6)))}`;
          const isSame = found.tokens[i] === step.token;
          assert.equal(found.matchLengths[i], step.matchLength, where);
          errors.push(Math.abs(found.probabilities[i]! - step.probability));
          assert.ok(errors.at(-1)! < WORST_TOLERANCE, where);
          if (!isSame) break; // both are about as likely, and the texts differ from here on
          assert.ok(Math.abs(found.memoryShares[i]! - step.memoryShare) < SHARE_TOLERANCE, where);
          compared++;
          if (step.memoryShare > 0.5) fromMemory++;
          if (healingPrefix !== '' && i === 0) healed++;
        }
      }
    }
    const mean = errors.reduce((sum, error) => sum + error) / errors.length;
    assert.ok(mean < MEAN_TOLERANCE, `the mean error of a probability is ${mean}`);
    assert.ok(compared > 100, `${compared} tokens were compared`);
    assert.ok(fromMemory > 40, `the memory decided ${fromMemory} of them`);
    assert.ok(healed >= 7, `${healed} began with a healing prefix`);
    engine.dispose();
  });
});
