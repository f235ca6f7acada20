import assert from 'node:assert/strict';
import type { NativeEngine, NativeMemory } from '../../src/engine/addon';
import { addon, generate, logits } from './harness';
import { componentsOf, mixture } from './reference';
import { flat, random, randomGate, randomTensors, TINY, writeWeights } from './tinyCheckpoint';

const SHAPES = [
  [32, 32, 32, 32],
  [128, 64, 32, 96],
  [128, 128, 128, 128],
];
/** Spells a line end. */
const LINE_END = TINY.vocabularySize - 1;
/** Tokens below are special. */
const FIRST = 6;

describe('the memory of the workspace', () => {
  const weights = writeWeights(randomTensors(TINY));
  const tokenBytes = Array.from({ length: TINY.vocabularySize }, (_, token) =>
    Buffer.from(token < FIRST ? '' : token === LINE_END ? '\n' : String.fromCharCode(0x30 + token)),
  );
  const gate = randomGate(5);
  let memory: NativeMemory;
  let engine: NativeEngine;
  beforeEach(() => {
    memory = new addon.Memory({ tokenBytes, gate: flat(gate) });
    engine = new addon.Engine({ ...weights, config: TINY, threads: 1, tokenBytes, memory });
  });
  afterEach(() => {
    engine.dispose();
  });

  /** Few different tokens, so that matches of all lengths occur. */
  const texts = (count: number, length: number, kinds: number, seed: number) => {
    const next = random(seed);
    return Array.from({ length: count }, () => Array.from({ length }, () => FIRST + Math.floor(next() * kinds)));
  };
  const remember = (documents: readonly (readonly number[])[]) =>
    Promise.all(documents.map((tokens, id) => memory.set(id, Int32Array.from(tokens))));

  it('mixes what followed earlier matches into each prediction', async () => {
    let decided = 0;
    for (const [seed, kinds] of [2, 4, 8, 20, 40].entries()) {
      const documents = texts(6, 60, kinds, 70 + seed);
      await remember(documents);
      const [prompt = []] = texts(1, 30, kinds, 80 + seed);
      for (const widths of SHAPES) {
        await logits(engine, prompt, widths); // forgets what another submodel wrote of the prompt
        const found = await generate(engine, prompt, widths, 12, { usesMemory: true });
        const sofar = [...prompt];
        for (const [i, token] of found.tokens.entries()) {
          const row = Array.from((await logits(engine, sofar, widths)).subarray(-TINY.vocabularySize));
          const components = componentsOf(
            documents,
            sofar.filter((t) => t >= FIRST),
          );
          const { probabilities, byMatches } = mixture(row, components, gate);
          const best = Math.max(...probabilities);
          assert.ok(probabilities[token]! > best - 1e-5, `${probabilities[token]} of ${best}`);
          assert.ok(Math.abs(found.probabilities[i]! - best) < 1e-5, `${found.probabilities[i]} for ${best}`);
          assert.ok(Math.abs(found.memoryShares[i]! - byMatches[token]! / best) < 1e-4);
          assert.equal(found.matchLengths[i], Math.max(...components.map(({ length }) => length)));
          if (token !== row.indexOf(Math.max(...row))) decided++;
          sofar.push(token);
        }
      }
    }
    assert.ok(decided > 20, `matches decided ${decided} times only`);
  });

  it('does nothing for a request that does not use it', async () => {
    const [prompt, widths] = [texts(1, 30, 3, 1)[0]!, SHAPES[2]!];
    const before = await generate(engine, prompt, widths, 12);
    await remember(texts(4, 50, 3, 2));
    const { tokens, probabilities, memoryShares } = await generate(engine, prompt, widths, 12);
    assert.deepEqual([tokens, probabilities], [before.tokens, before.probabilities]);
    assert.deepEqual(new Set(memoryShares), new Set([0]));
  });

  it('finds the longest match, and how its occurrences go on', async () => {
    await remember([
      [10, 11, 12, 13, 14],
      [20, 11, 12, 13, 15],
      [21, 11, 12, 13, 15],
    ]);
    const look = (tokens: readonly number[]) => memory.look(Int32Array.from(tokens), -1, 0, -1);
    assert.deepEqual(look([9, 11, 12, 13]), { length: 3, count: 3, topShare: Math.fround(2 / 3) });
    assert.deepEqual(look([10, 11, 12, 13]), { length: 4, count: 1, topShare: 1 });
    assert.deepEqual(look([50]), { length: 0, count: 0, topShare: 0 });
    assert.deepEqual(look([14]), { length: 0, count: 0, topShare: 0 }, 'nothing follows the end of a document');
    assert.deepEqual(look([]), { length: 0, count: 0, topShare: 0 });
  });

  it('looks at no more than 32 tokens, and at none beyond the start of a document', async () => {
    const [long = []] = texts(1, 80, 40, 3);
    await remember([long, [30, 31]]);
    const look = (tokens: readonly number[]) => memory.look(Int32Array.from(tokens), -1, 0, -1).length;
    assert.equal(look(long.slice(0, 60)), 32);
    assert.equal(look([...long, 30]), 1);
  });

  it('replaces and forgets documents', async () => {
    const look = () => memory.look(Int32Array.from([8, 9]), -1, 0, -1);
    await remember([
      [8, 9, 10],
      [8, 9, 11],
      [8, 9, 11],
    ]);
    assert.equal(look().count, 3);
    await memory.set(0, Int32Array.from([8, 9, 11]));
    assert.deepEqual(look(), { length: 2, count: 3, topShare: 1 });
    memory.remove(Int32Array.from([1, 2, 77]));
    assert.equal(look().count, 1);
    assert.equal(memory.stats.documents, 1);
    memory.remove(Int32Array.from([0]));
    assert.deepEqual(memory.stats, { documents: 0, tokens: 0, bytes: 0 });
  });

  it('does not add a document that was removed while it was indexed', async () => {
    const adding = memory.set(7, Int32Array.from([8, 9, 10]));
    memory.remove(Int32Array.from([7]));
    await adding;
    assert.equal(memory.stats.documents, 0);
    const first = memory.set(7, Int32Array.from([8, 9, 10]));
    await Promise.all([first, memory.set(7, Int32Array.from([8, 9, 11]))]);
    assert.equal(memory.stats.documents, 1);
    assert.equal(memory.look(Int32Array.from([8, 9]), -1, 0, -1).count, 1);
  });

  it('finds nothing in the hidden lines of the own document, and everything in its other lines', async () => {
    const line = (last: number) => [8, 9, last, LINE_END];
    await remember([[...line(20), ...line(21), ...line(22)], line(20)]);
    const look = (document: number, first: number, last: number) =>
      memory.look(Int32Array.from([8, 9]), document, first, last).count;
    assert.equal(look(-1, 0, 9), 4);
    assert.equal(look(0, 1, 1), 3);
    assert.equal(look(0, 0, 1), 2);
    assert.equal(look(0, 2, 99), 3);
    assert.equal(look(0, 0, -1), 4);
    assert.equal(look(1, 0, 0), 3);
    const atLineEnd = (first: number, last: number) => memory.look(Int32Array.from([9, 21]), 0, first, last).count;
    assert.deepEqual([atLineEnd(0, 0), atLineEnd(1, 1)], [1, 0], 'the line end belongs to its line');
  });

  it('ignores special tokens: what follows the FIM middle token may continue a match', async () => {
    await remember([[7, 8, 9, 10, 41]]);
    const { matchLengths } = await generate(engine, [7, 8, 2, 9, 10, 2], SHAPES[2]!, 1, { usesMemory: true });
    assert.deepEqual(matchLengths, [4]);
  });

  it('never chooses a banned first token, and the others share its probability', async () => {
    const sure = { hidden: [[...Array<number>(29).fill(0), 1]], output: [-20, 20, 0, 0, 0].map((bias) => [0, bias]) };
    const trusting = new addon.Memory({ tokenBytes, gate: flat(sure) });
    const other = new addon.Engine({ ...weights, config: TINY, threads: 1, tokenBytes, memory: trusting });
    await trusting.set(1, Int32Array.from([7, 8, 9, 10, 11]));
    const first = async (bannedFirstTokens: readonly number[], usesMemory = true) => {
      const options = { usesMemory, bannedFirstTokens };
      const { tokens, probabilities } = await generate(other, [7, 8, 9, 10], SHAPES[2]!, 1, options);
      return { token: tokens[0]!, probability: probabilities[0]! };
    };
    assert.equal((await first([])).token, 11);
    const second = await first([11]);
    const ofModel = await first([11], false);
    assert.equal(second.token, ofModel.token);
    assert.ok(Math.abs(second.probability - ofModel.probability) < 1e-5, `${second.probability}`);
    other.dispose();
  });

  it('refuses a gate or tokens that make no sense, and requests without a memory', async () => {
    const { hidden, output } = flat(gate);
    const open = (gate: { hidden: Float32Array; output: Float32Array }) => () => new addon.Memory({ tokenBytes, gate });
    assert.throws(open({ hidden: hidden.subarray(1), output }), /which fit no number of hidden units/);
    assert.throws(open({ hidden: hidden.map(() => NaN), output }), /a weight of the memory's gate is not finite/);
    await assert.rejects(memory.set(1, Int32Array.from([3, TINY.vocabularySize])), /is not in the vocabulary/);
    const without = new addon.Engine({ ...weights, config: TINY, threads: 1, tokenBytes });
    await assert.rejects(
      generate(without, [7], SHAPES[0]!, 1, { usesMemory: true }),
      /a request uses the memory, but the engine was opened without one/,
    );
    without.dispose();
  });
});
