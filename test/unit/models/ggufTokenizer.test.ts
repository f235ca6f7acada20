import assert from 'node:assert/strict';
import { Tokenizer } from '../../../src/matlm/tokenizer';
import { byteCharacters } from '../../../src/matlm/tokenizerFile';
import type { GgufMetadata } from '../../../src/models/gguf';
import { tokenizerJsonOf } from '../../../src/models/ggufTokenizer';

const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

/** All bytes, a merge, and tokens of each type. */
const TOKENS: [string, number][] = [
  ...byteCharacters().map((character): [string, number] => [character, NORMAL]),
  ['re', NORMAL],
  ['<|endoftext|>', CONTROL],
  ['<|fim_prefix|>', USER_DEFINED],
  ['õ÷', USER_DEFINED],
  ['[PAD260]', UNUSED],
];

function metadata(changes: Record<string, unknown> = {}): GgufMetadata {
  const entries = {
    model: 'gpt2',
    pre: 'qwen2',
    tokens: TOKENS.map(([token]) => token),
    token_type: Int32Array.from(TOKENS, ([, type]) => type),
    merges: ['r e'],
    ...changes,
  };
  return new Map(Object.entries(entries).map(([key, value]) => [`tokenizer.ggml.${key}`, value]));
}

const open = (changes?: Record<string, unknown>, rows?: number) =>
  new Tokenizer('x.gguf', tokenizerJsonOf('x.gguf', metadata(changes)), rows);

describe('the tokenizer of a GGUF file', () => {
  it('has its tokens and merges', () => {
    const tokenizer = open();
    assert.deepEqual(tokenizer.encode('re!'), [256, 0x21]);
    assert.equal(tokenizer.decode(tokenizer.encode('wörld — 世界')), 'wörld — 世界');
  });

  it('has special tokens by their type and by their brackets, and no text is one', () => {
    const tokenizer = open();
    assert.deepEqual([...tokenizer.specialIds], [257, 258]);
    assert.equal(tokenizer.idOf('<|fim_prefix|>'), 258);
    assert.equal(tokenizer.tokenBytes[258]!.length, 0);
    const ids = tokenizer.encode('<|fim_prefix|><|endoftext|>');
    assert.ok(ids.every((id) => id <= 256));
  });

  it('has other added tokens as text, wherever it stands', () => {
    const tokenizer = open();
    assert.deepEqual(tokenizer.encode('aõ÷b'), [0x61, 259, 0x62]);
    assert.equal(tokenizer.decode([0x61, 259]), 'aõ÷');
  });

  it('has no token for a row that is padding', () => {
    const tokenizer = open({}, 300);
    assert.equal(tokenizer.tokenBytes.length, 260);
    assert.equal(tokenizer.idOf('[PAD260]'), undefined);
  });

  it('splits like the family of its name', () => {
    const json = tokenizerJsonOf('x.gguf', metadata({ merges: ['r e', '1 2'], tokens: [...tokens(), '12'], ...types() }));
    assert.deepEqual(new Tokenizer('x.gguf', json).encode('12'), [0x31, 0x32], 'each digit alone');
    const other = { pre: 'llama-bpe', merges: ['r e', '1 2'], tokens: [...tokens(), '12'], ...types() };
    assert.deepEqual(open(other).encode('12'), [261], 'up to three digits');
  });
  const tokens = () => TOKENS.map(([token]) => token);
  const types = () => ({ token_type: Int32Array.from([...TOKENS.map(([, type]) => type), NORMAL]) });

  for (const [what, changes, fault] of [
    ['SentencePiece', { model: 'llama' }, /its tokenizer is of the kind "llama"; byte-level BPE, "gpt2", is supported/],
    ['an unknown family', { pre: 'toString' }, /its tokenizer splits text like "toString", which is not supported \(gpt-2, /],
    ['no family', { pre: undefined }, /it does not say how its tokenizer splits text/],
    ['no tokens', { tokens: undefined }, /it has no tokens/],
    ['tokens that are numbers', { tokens: Int32Array.of(1, 2) }, /it has no tokens/],
    ['no merges', { merges: undefined }, /it has no merges/],
    ['fewer types than tokens', { token_type: Int32Array.of(1, 1) }, /its tokens have no types/],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => tokenizerJsonOf('x.gguf', metadata(changes)), fault);
    });
  }

  it('is refused by the tokenizer if a merge is of no tokens', () => {
    assert.throws(() => open({ merges: ['r zz'] }), /the merge "r zz" is not of tokens/);
  });
});
