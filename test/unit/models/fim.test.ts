import assert from 'node:assert/strict';
import { parsePromptFormat, type PromptFormat } from '../../../src/matlm/promptFormat';
import { fimCandidates, hintsOfGguf, mayFillIn, type TokenHints } from '../../../src/models/fim';

/** A vocabulary in which each name has its index as its id. */
function candidates(names: readonly string[], hints?: TokenHints): readonly PromptFormat[] {
  const ids = new Map(names.map((name, id) => [name, id]));
  return fimCandidates({ idOf: (name) => ids.get(name) }, hints);
}

const STARCODER = ['<|endoftext|>', '<fim_prefix>', '<fim_middle>', '<fim_suffix>', '<fim_pad>', '<file_sep>'];

describe('the candidates for a prompt', () => {
  const ordersOf = (formats: readonly PromptFormat[]) => [...new Set(formats.map(({ order }) => order))];
  const marksOf = ([{ tokens }]: readonly [PromptFormat, ...PromptFormat[]]) => [
    tokens.prefix,
    tokens.suffix,
    tokens.middle,
  ];

  const families: [string, string[], string, [number, number, number | undefined]][] = [
    ['Qwen2.5-Coder', ['<|endoftext|>', '<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>'], 'psm', [1, 3, 2]],
    ['StarCoder', STARCODER, 'psm', [1, 3, 2]],
    ['DeepSeek-Coder', ['<｜fim▁hole｜>', '<｜fim▁begin｜>', '<｜fim▁end｜>'], 'psm', [1, 0, 2]],
    ['Seed-Coder', ['<[fim-prefix]>', '<[fim-suffix]>', '<[fim-middle]>'], 'spm', [0, 1, 2]],
    ['Codestral', ['[PREFIX]', '[SUFFIX]', '</s>'], 'spm', [0, 1, undefined]],
    ['GLM', ['<|code_prefix|>', '<|code_suffix|>', '<|code_middle|>'], 'psm', [0, 1, 2]],
  ];
  for (const [name, tokens, order, marks] of families) {
    it(`have the tokens of ${name} first`, () => {
      const found = candidates(tokens) as readonly [PromptFormat, ...PromptFormat[]];
      assert.equal(found[0].order, order);
      assert.deepEqual(marksOf(found), marks);
      assert.ok(mayFillIn(found));
    });
  }

  it('have both orders where names do not tell them, each with and without a header', () => {
    const found = candidates([...STARCODER, '<filename>']);
    assert.deepEqual(ordersOf(found), ['psm', 'joined', 'spm', 'none']);
    assert.equal(found.length, 8);
    assert.equal(new Set(found.map(({ order, hasHeader }) => `${order} ${hasHeader}`)).size, 8);
  });

  it('are the prefix alone for a model without the tokens, or without one of them', () => {
    for (const tokens of [['<|endoftext|>', 'a'], STARCODER.filter((name) => name !== '<fim_middle>')]) {
      const found = candidates(tokens);
      assert.deepEqual(ordersOf(found), ['none']);
      assert.ok(!mayFillIn(found));
    }
  });

  it('stop at the end of a text, at the next file and at each token of the prompt', () => {
    const [first] = candidates(STARCODER, { end: [7] });
    assert.deepEqual([...first!.stop].sort(), [0, 1, 2, 3, 4, 5, 7]);
    const last = candidates(STARCODER).at(-1)!;
    assert.deepEqual([...last.stop].sort(), [0, 4, 5]);
  });

  it('begin with the token that the file states', () => {
    assert.ok(candidates(STARCODER, { begin: 9 }).every(({ tokens }) => tokens.begin === 9));
  });

  it('take the tokens that a GGUF states if no family has them', () => {
    const fim = { prefix: 124, suffix: 125, middle: 126 };
    const found = candidates(['<|endoftext|>'], { fim }) as readonly [PromptFormat, ...PromptFormat[]];
    assert.deepEqual(marksOf(found), [124, 125, 126]);
    assert.deepEqual(ordersOf(found), ['psm', 'spm', 'joined', 'none']);
    assert.deepEqual(ordersOf(candidates(STARCODER, { fim: { prefix: 1, suffix: 3 } })), ['psm', 'joined', 'spm', 'none']);
  });

  it('can all be stored', () => {
    for (const format of candidates(STARCODER, { begin: 9, end: [7] })) {
      assert.deepEqual(parsePromptFormat('config.json', JSON.parse(JSON.stringify(format)), 10), format);
    }
    const [bare] = candidates(['a']);
    assert.deepEqual(parsePromptFormat('config.json', bare, 10), bare);
  });
});

describe('the hints of a GGUF', () => {
  const key = (name: string) => `tokenizer.ggml.${name}_token_id`;

  it('are its own names for the tokens, the older ones too', () => {
    const newer = { [key('fim_pre')]: 1, [key('fim_suf')]: 2, [key('fim_mid')]: 3, [key('eos')]: 4, [key('eot')]: 5 };
    assert.deepEqual(hintsOfGguf(newer), { fim: { prefix: 1, suffix: 2, middle: 3 }, end: [4, 5] });
    const older = { [key('prefix')]: 1, [key('suffix')]: 2, [key('middle')]: 3 };
    assert.deepEqual(hintsOfGguf(older), { fim: { prefix: 1, suffix: 2, middle: 3 }, end: [] });
  });

  it('name a beginning only if the model wants one', () => {
    assert.equal(hintsOfGguf({ [key('bos')]: 1 }).begin, undefined);
    assert.equal(hintsOfGguf({ [key('bos')]: 1, 'tokenizer.ggml.add_bos_token': true }).begin, 1);
  });

  it('name the beginning of Llama 3 and Tekken unless the file states that there is none', () => {
    const hints = (pre: unknown, more = {}) => hintsOfGguf({ [key('bos')]: 1, 'tokenizer.ggml.pre': pre, ...more });
    for (const pre of ['llama3', 'llama-v3', 'llama-bpe', 'falcon3', 'lfm2', 'tekken']) {
      assert.equal(hints(pre).begin, 1, pre);
      assert.equal(hints(pre, { 'tokenizer.ggml.add_bos_token': false }).begin, undefined, pre);
    }
    for (const pre of ['qwen2', 'smollm', 'deepseek-llm', 'deepseek-coder', 'gpt-2', 'dbrx', 'toString', 7])
      assert.equal(hints(pre).begin, undefined, String(pre));
  });

  it('ignore what is no token', () => {
    for (const value of [-1, 0xffffffff, 1.5, 'one', [1], 2n ** 63n])
      assert.deepEqual(hintsOfGguf({ [key('fim_pre')]: value, [key('eos')]: value }), { fim: {}, end: [] });
    assert.deepEqual(hintsOfGguf({ [key('eos')]: 7n }).end, [7]);
  });
});
