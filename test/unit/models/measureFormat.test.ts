import assert from 'node:assert/strict';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import type { PromptFormat } from '../../../src/matlm/promptFormat';
import { fimCandidates } from '../../../src/models/fim';
import { heldOutOf } from '../../../src/models/heldOut';
import { bitsPerByte, type Speaker } from '../../../src/models/likelihood';
import { measureFormat } from '../../../src/models/measureFormat';
import { small } from '../model';

const CODE = Array.from({ length: 300 }, (_, i) => `  const value${i} = compute(${i}, other);\n`).join('');

/** Nats of a middle's token and of its end after a prompt. */
type Model = (prompt: readonly number[]) => { readonly token: number; readonly end: number };

describe('the measurement of a prompt’s format', () => {
  let checkpoint: Checkpoint;
  let candidates: readonly PromptFormat[];
  let asked: number;
  const places = heldOutOf([{ path: 'src/a.ts', text: CODE }], 64);

  before(async () => {
    checkpoint = await small();
    candidates = fimCandidates(checkpoint.tokenizer);
  });
  beforeEach(() => {
    asked = 0;
  });

  /** The marks of a prompt in their order, without the path's. */
  const orderOf = (prompt: readonly number[]): string => {
    const { prefix, suffix, middle } = checkpoint.prompt.tokens;
    const names = new Map([
      [prefix, 'P'],
      [suffix, 'S'],
      [middle, 'M'],
    ]);
    return prompt.flatMap((token) => names.get(token) ?? []).join('');
  };
  const hasHeader = (prompt: readonly number[]) => prompt[0] === checkpoint.prompt.tokens.file;

  /** The same for every place, but for a noise that all formats share and a smaller one that they do not. */
  const speakerOf = (model: Model): Speaker => ({
    tokenizer: checkpoint.tokenizer,
    prompt: checkpoint.prompt,
    widths: [],
    contextLength: 2000,
    scorer: {
      logProbabilities: (tokens, _widths, first) => {
        asked++;
        const { token, end } = model(tokens.slice(0, first));
        const noise = 0.3 * (((tokens.length - first) * 7919) % 10) + 0.0002 * ((asked * 31) % 7);
        const nats = new Float32Array(tokens.length - first).fill(-token - noise);
        nats[nats.length - 1] = -end;
        return Promise.resolve(nats);
      },
    },
  });

  const decide = (model: Model, options: Parameters<typeof measureFormat>[3] = {}) =>
    measureFormat(speakerOf(model), candidates, places, { now: () => 0, ...options });

  for (const [order, marks] of Object.entries({ spm: 'SPM', psm: 'PSM', joined: 'PSM' })) {
    // PSM and the joined form have the same marks; they differ in what stands between them.
    const suffixIsEmptyBefore = (prompt: readonly number[]) =>
      prompt[prompt.indexOf(checkpoint.prompt.tokens.prefix!) + 1] === checkpoint.prompt.tokens.suffix;
    it(`finds the order ${order}, with a header or without`, async () => {
      for (const wanted of [true, false]) {
        const { format } = await decide((prompt) => {
          const isOrder = orderOf(prompt) === marks && suffixIsEmptyBefore(prompt) === (order === 'joined');
          return { token: (isOrder ? 1 : 2) + (hasHeader(prompt) === wanted ? 0 : 0.2), end: 1 };
        });
        assert.deepEqual([format.order, format.hasHeader], [order, wanted]);
      }
    });
  }

  it('finds that a model does not fill in although it has the tokens', async () => {
    const { format } = await decide((prompt) => ({ token: orderOf(prompt) === '' ? 1 : 2, end: 1 }));
    assert.equal(format.order, 'none');
  });

  it('tells by the ends of middles which order a model knows, if both predict alike', async () => {
    const { format } = await decide((prompt) => ({ token: 1, end: orderOf(prompt) === 'SPM' ? 6 : 1 }));
    assert.notEqual(format.order, 'spm');
  });

  it('does not count the ends against the prefix alone, which cannot know them', async () => {
    const { format } = await decide((prompt) => ({ token: orderOf(prompt) === '' ? 1.1 : 1, end: 30 }));
    assert.equal(format.order, 'spm');
  });

  it('prefers an order to which a key only appends if the others are hardly better', async () => {
    const { format } = await decide((prompt) => ({ token: orderOf(prompt) === 'SPM' ? 1.003 : 1, end: 1 }));
    assert.equal(format.order, 'spm');
  });

  it('spends its time on those that are still good', async () => {
    const { measured, places: count } = await decide((prompt) => ({
      token: orderOf(prompt) === 'SPM' ? 1 : 3,
      end: 1,
    }));
    assert.equal(count, places.length);
    assert.ok(asked < (candidates.length * places.length) / 2, `${asked} of ${candidates.length * places.length}`);
    assert.equal(measured[0]!.format.order, 'spm');
    assert.ok(measured.some(({ bytes }) => bytes < measured[0]!.bytes / 2));
  });

  it('ends when its time is over', async () => {
    let nowMs = 0;
    const shares: number[] = [];
    const { places: count } = await decide(() => ({ token: 1, end: 1 }), {
      budgetMs: 10,
      now: () => (nowMs += 1),
      onProgress: (share) => shares.push(share),
    });
    assert.ok(count >= 1 && count < 10, `${count} places`);
    assert.ok(shares.at(-1)! > 0.9 && shares.every((share) => share <= 1));
  });

  it('can be cancelled', async () => {
    const abort = new AbortController();
    const done = decide(
      () => {
        if (asked > 5) abort.abort(new Error('enough'));
        return { token: 1, end: 1 };
      },
      { signal: abort.signal },
    );
    await assert.rejects(done, /enough/);
    assert.ok(asked < 10);
  });

  it('gives bits per byte, in which the word at the cursor counts', async () => {
    // One bit a token.
    const { perByte, bytes } = await bitsPerByte(
      {
        ...speakerOf(() => ({ token: 0, end: 0 })),
        scorer: {
          logProbabilities: (tokens, _widths, first) =>
            Promise.resolve(new Float32Array(tokens.length - first).fill(-Math.LN2)),
        },
      },
      places,
    );
    const texts = places.reduce((sum, { middle }) => sum + middle.length, 0);
    assert.ok(bytes > texts && bytes < 1.5 * texts, `${bytes} bytes for middles of ${texts}`);
    assert.ok(perByte > 0.2 && perByte < 0.6, `${perByte}`);
  });
});
