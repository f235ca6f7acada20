import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeMemory } from '../../../src/engine/addon';
import { LocalMemory } from '../../../src/engine/localMemory';
import { STRETCHES } from '../../../src/matlm/preTokenizer';
import { Tokenizer } from '../../../src/matlm/tokenizer';
import { byteCharacters } from '../../../src/matlm/tokenizerFile';

const WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
const BLANKS = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const split = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
const FAMILIES: Readonly<Record<string, object[]>> = {
  own: [split(STRETCHES), bytes],
  'GPT-2': [{ ...bytes, use_regex: true }],
  SmolLM: [
    { type: 'Digits', individual_digits: true },
    { ...bytes, use_regex: true },
  ],
  Qwen: [split(`${WORDS}|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${BLANKS}`), bytes],
  'Seed-Coder': [split(`${WORDS}|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${BLANKS}`), bytes],
  Tekken: [split(`\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${BLANKS}`), bytes],
  DeepSeek: [split('[\r\n]'), split('\\s?\\p{L}+'), split('\\s?\\p{P}+'), split('\\s+$'), bytes],
};

/** Blanks, line ends and punctuation merge, so that a stretch that is cut in another place has other tokens. */
function tokenizerOf(stages: object[]): Tokenizer {
  const merges = [
    'Ġ Ġ',
    'ĠĠ ĠĠ',
    'Ċ Ċ',
    'Ċ Ġ',
    'Ċ ĠĠ',
    'ĊĊ ĠĠ',
    '; Ċ',
    '; ĊĊ',
    ') ;',
    '); Ċ',
    'Ċ a',
    'Ġ a',
    '/ /',
    'Ċ /',
  ];
  const all = [...byteCharacters(), ...merges.map((merge) => merge.replace(' ', ''))];
  return new Tokenizer('x', {
    added_tokens: [],
    pre_tokenizer: { type: 'Sequence', pretokenizers: stages },
    model: { type: 'BPE', vocab: Object.fromEntries(all.map((token, id) => [token, id])), merges },
  });
}

async function remembered(tokenizer: Tokenizer, text: string): Promise<number[]> {
  let tokens: number[] = [];
  const native = {
    stats: {},
    set: (_document: number, given: Int32Array) => {
      tokens = Array.from(given);
      return Promise.resolve();
    },
  };
  await new LocalMemory(native as unknown as NativeMemory, tokenizer).remember(1, text);
  return tokens;
}

const PIECES = ['a', 'foo', ' ', '  ', '\t', '\n', '\n\n', ';', ');', '{', '//', '42', 'é', 'e\u0301', '_', "'s", '一'];

function someText(): string {
  let state = 5;
  const next = () => (state = (state * 48271) % 2147483647);
  return Array.from({ length: 3000 }, () => PIECES[next() % PIECES.length]).join('');
}

describe('a text that is remembered', () => {
  const files = ['engine/localMemory.ts', 'models/gguf.ts'];
  const code = files.map((file) => readFileSync(join(__dirname, '../../../src', file), 'utf8')).join('\n');
  for (const [name, stages] of Object.entries(FAMILIES)) {
    it(`has the tokens that it has in a prompt, as ${name} splits text`, async () => {
      const tokenizer = tokenizerOf(stages);
      for (const text of [code.replaceAll('\r\n', '\n'), someText()])
        assert.deepEqual(await remembered(tokenizer, text), tokenizer.encode(text));
    });
  }
});
