import assert from 'node:assert/strict';
import { markersOf, parsePromptFormat } from '../../../src/matlm/promptFormat';

const FORMAT = {
  order: 'psm',
  hasHeader: true,
  tokens: { prefix: 1, middle: 2, suffix: 3, file: 4, pad: 5, begin: 6 },
  stop: [0, 4, 5],
};

describe('the format of a prompt', () => {
  const parse = (json: unknown) => parsePromptFormat('config.json', json, 10);

  it('is read as it is written', () => {
    assert.deepEqual(parse(FORMAT), FORMAT);
    assert.deepEqual(parse({ ...FORMAT, more: 1, tokens: { ...FORMAT.tokens, other: 99, pad: null } }), {
      ...FORMAT,
      tokens: { prefix: 1, middle: 2, suffix: 3, file: 4, begin: 6 },
    });
  });

  it('may lack the middle in the order SPM, and all tokens without a suffix', () => {
    assert.deepEqual(parse({ ...FORMAT, order: 'spm', tokens: { prefix: 1, suffix: 3 } }).tokens, {
      prefix: 1,
      suffix: 3,
    });
    assert.deepEqual(parse({ ...FORMAT, order: 'none', tokens: {} }).tokens, {});
  });

  const faults: [string, unknown, RegExp][] = [
    ['no object', [], /config\.json: matcoder\.prompt is not an object/],
    ['another order', { ...FORMAT, order: 'mps' }, /\.order is not one of spm, joined, psm, none/],
    ['an order that is a list', { ...FORMAT, order: ['spm'] }, /\.order is not one of/],
    ['no word on the header', { ...FORMAT, hasHeader: undefined }, /\.hasHeader is not true or false/],
    ['no tokens', { ...FORMAT, tokens: undefined }, /\.tokens is not an object/],
    ['a token beyond the vocabulary', { ...FORMAT, tokens: { ...FORMAT.tokens, file: 10 } }, /\.tokens\.file is not a/],
    ['a negative token', { ...FORMAT, tokens: { ...FORMAT.tokens, begin: -1 } }, /\.tokens\.begin is not a token/],
    ['half a token', { ...FORMAT, tokens: { ...FORMAT.tokens, pad: 0.5 } }, /\.tokens\.pad is not a token/],
    ['a name for a token', { ...FORMAT, tokens: { ...FORMAT.tokens, pad: '<pad>' } }, /\.tokens\.pad is not a token/],
    [
      'no middle',
      { ...FORMAT, tokens: { prefix: 1, suffix: 3 } },
      /\.tokens\.middle is missing, which the order psm needs/,
    ],
    ['no suffix', { ...FORMAT, order: 'spm', tokens: { prefix: 1 } }, /\.tokens\.suffix is missing/],
    ['one token twice', { ...FORMAT, tokens: { ...FORMAT.tokens, middle: 3 } }, /the same token for two parts/],
    ['no list of stops', { ...FORMAT, stop: undefined }, /\.stop is not a list of at most 64 tokens/],
    ['a stop beyond the vocabulary', { ...FORMAT, stop: [10] }, /\.stop is not a list of at most 64 tokens/],
    ['thousands of stops', { ...FORMAT, stop: Array(1000).fill(0) }, /\.stop is not a list of at most 64 tokens/],
  ];
  for (const [name, json, fault] of faults) {
    it(`is refused with the key named: ${name}`, () => {
      assert.throws(() => parse(json), fault);
    });
  }

  it('names all tokens that are not text', () => {
    assert.deepEqual([...markersOf(parse(FORMAT))].sort(), [0, 1, 2, 3, 4, 5, 6]);
  });
});
