import assert from 'node:assert/strict';
import { Tokenizer } from '../../../src/matlm/tokenizer';
import { byteCharacters } from '../../../src/matlm/tokenizerFile';

const QWEN2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const split = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const bytes = (use_regex = false) => ({ type: 'ByteLevel', add_prefix_space: false, use_regex });

/** A tokenizer.json in which each byte is a token, with its own id, and further tokens follow. */
function json(stages: object[], { tokens = [] as string[], merges = [] as string[], ...others } = {}) {
  const all = [...byteCharacters(), ...tokens];
  return {
    added_tokens: [],
    pre_tokenizer: { type: 'Sequence', pretokenizers: stages },
    ...others,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(all.map((token, id) => [token, id])),
      merges,
      ignore_merges: false,
    },
  };
}

/** The stretches of a text: none of these tokenizers has a merge, so that each prefix tells where one ends. */
function stretchesOf(tokenizer: Tokenizer, text: string): string[] {
  const stretches: string[] = [];
  for (let rest = text; rest !== '';) {
    const last = tokenizer.lastStretch(rest);
    stretches.unshift(last);
    rest = rest.slice(0, rest.length - last.length);
  }
  return stretches;
}

describe('the pre-tokenizer of a family', () => {
  const cases: [string, object[], string, string[]][] = [
    ['GPT-2', [bytes(true)], "don't 42 x", ['don', "'t", ' 42', ' x']],
    ['GPT-2, capitals', [bytes(true)], "I'LL", ['I', "'", 'LL']],
    ['StarCoder', [{ type: 'Digits', individual_digits: true }, bytes(true)], 'a 42', ['a', ' ', '4', '2']],
    ['Qwen', [split(QWEN2), bytes()], "I'LL (x);\n", ['I', "'LL", ' (', 'x', ');\n']],
    ['Llama 3', [split(QWEN2.replace('\\p{N}|', '\\p{N}{1,3}|')), bytes()], '12345', ['123', '45']],
  ];
  for (const [name, stages, text, expected] of cases) {
    it(`splits as ${name} does: ${JSON.stringify(text)}`, () => {
      assert.deepEqual(stretchesOf(new Tokenizer('x', json(stages)), text), expected);
    });
  }

  it('takes time in proportion to the text, also for a long run of blanks', () => {
    const runs = `${' '.repeat(200_000)}x${' '.repeat(9)}`;
    for (const pattern of ['\\s+$', '\\s*[\\r\\n]+']) {
      const tokenizer = new Tokenizer('x', json([split(pattern), bytes()]));
      assert.equal(tokenizer.encode(runs).length, runs.length);
    }
  });

  it('is refused if a known alternative is only a part of one', () => {
    for (const pattern of ['(\\p{N}|\\s+)+', '\\p{N}|(a+)+$', '\\s+(?!\\S)|', 'x']) {
      assert.throws(() => new Tokenizer('x', json([split(pattern), bytes()])), /a pattern that is not supported/);
    }
    assert.throws(() => new Tokenizer('x', json([split(QWEN2)])), /followed by a ByteLevel/);
    assert.throws(() => new Tokenizer('x', json([bytes(), split(QWEN2)])), /followed by a ByteLevel/);
  });
});

describe('a text that begins like an earlier one', () => {
  const CASES = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`;
  const GPT4O = `${CASES}(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
  const PIECES = [
    ...[
      'foo',
      'Bar',
      "'ll",
      "'",
      'l',
      '12',
      ' ',
      '   ',
      '\n',
      '\r\n',
      '\t',
      '(',
      ');',
      '🙂',
      '𝒳',
      '世',
      'é',
      'e\u0301',
    ],
    ...['<mark>', ' '.repeat(400), 'x'.repeat(300), '='.repeat(40), '\u0085', '\u2028'],
  ];
  const stages: [string, object[]][] = [
    ['GPT-2', [bytes(true)]],
    ['StarCoder', [{ type: 'Digits', individual_digits: true }, bytes(true)]],
    ['Qwen', [split(QWEN2), bytes()]],
    ['GPT-4o', [split(GPT4O), bytes()]],
    ['DeepSeek', [split('[\r\n]'), split('\\s?\\p{L}+'), split('\\s?\\p{P}+'), bytes()]],
  ];
  for (const [name, family] of stages) {
    it(`has the ids that it has alone, after any edit, with ${name}`, () => {
      let state = 11;
      const below = (n: number) => (state = (state * 48271) % 2147483647) % n;
      const some = (n: number) => Array.from({ length: n }, () => PIECES[below(PIECES.length)]).join('');
      // Merges of blanks and of a word, so that a stretch that is cut in another place has other ids.
      const merges = {
        tokens: ['ĠĠ', 'ĠĠĠĠ', 'fo', 'foo', 'xx', '=='],
        merges: ['Ġ Ġ', 'ĠĠ ĠĠ', 'f o', 'fo o', 'x x', '= ='],
      };
      const file = { ...json(family, merges), normalizer: { type: 'NFC' } };
      const used = new Tokenizer('x', file);
      let text = some(200);
      for (let edit = 0; edit < 150; edit++) {
        const at = below(4) === 0 ? below(text.length) : text.length - below(5);
        text = text.slice(0, at) + some(below(3)) + (below(2) ? text.slice(at + below(3)) : '');
        if (text.length < 600) text = some(200);
        assert.deepEqual(used.encode(text), new Tokenizer('x', file).encode(text), `edit ${edit}`);
      }
    });
  }
});

describe('a tokenizer', () => {
  it('composes accents if its family does', () => {
    const composing = new Tokenizer('x', { ...json([bytes(true)]), normalizer: { type: 'NFC' } });
    assert.equal(composing.decode(composing.encode('e\u0301')), 'é');
    assert.equal(composing.lastStretch('cafe\u0301'), '\u0301', 'the end of a text is given as it stands');
    const other = new Tokenizer('x', { ...json([bytes(true)]), normalizer: { type: 'Sequence', normalizers: [] } });
    assert.equal(other.decode(other.encode('e\u0301')), 'e\u0301');
  });

  it('takes a token for a whole stretch before any merge, if its family does', () => {
    const options = { tokens: ['ab', 'abc'], merges: ['a b'] };
    assert.deepEqual(new Tokenizer('x', json([bytes(true)], options)).encode('abc abc'), [256, 0x63, 0x20, 256, 0x63]);
    const whole = json([bytes(true)], options);
    whole.model.ignore_merges = true;
    assert.deepEqual(new Tokenizer('x', whole).encode('abc abc'), [257, 0x20, 256, 0x63]);
  });

  it('leaves out bytes that its vocabulary lacks, and says so', () => {
    const lacking = json([bytes(true)]);
    delete (lacking.model.vocab as Record<string, number>)['ñ']; // the byte F1
    const tokenizer = new Tokenizer('x', lacking);
    assert.equal(tokenizer.canSpell('naïve 🙂'), true);
    assert.equal(tokenizer.canSpell('\u{40000}'), false);
    assert.deepEqual(tokenizer.encode('a\u{40000}'), [0x61, 0x80, 0x80, 0x80]);
  });

  it('has special tokens beyond its vocabulary, but none beyond the rows of the model', () => {
    const added = [
      { id: 256, content: '<|endoftext|>', special: true },
      { id: 260, content: '<think>', special: false },
      { id: 400, content: '<extra>', special: true },
    ];
    const tokenizer = new Tokenizer('x', { ...json([bytes(true)]), added_tokens: added }, 300);
    assert.deepEqual([...tokenizer.specialIds], [256, 260]);
    assert.equal(tokenizer.tokenBytes.length, 261);
    assert.equal(tokenizer.idOf('<extra>'), undefined);
    assert.equal(tokenizer.decode([0x61, 256]), 'a<|endoftext|>');
  });

  it('refuses a vocabulary that the model has too few rows for, and added tokens that swallow blanks', () => {
    assert.throws(() => new Tokenizer('x', json([bytes(true)]), 200), /each needs one of its own below 200/);
    const greedy = [{ id: 256, content: 'word', special: false, lstrip: true }];
    assert.throws(() => new Tokenizer('x', { ...json([bytes(true)]), added_tokens: greedy }), /takes blanks with it/);
  });
});
