/**
 * The tokenizer of a GGUF file as a tokenizer.json. The file has the vocabulary and the merges, and of the pre-tokenizer only
 * a name, which stands for the expressions below (llama.cpp, src/llama-vocab.cpp; here as the original tokenizer.json of
 * each family has them).
 */
import { CheckpointError } from '../matlm/errors';
import { DEEPSEEK_LETTERS, DEEPSEEK_PUNCTUATION } from '../matlm/preTokenizer';
import { shown } from './importError';
import type { GgufMetadata } from './gguf';

/** Types of tokens, as llama.cpp numbers them. */
const TYPE = { control: 3, userDefined: 4, unused: 5 } as const;

const WORDS = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+`;
const REST = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const byNumber = (number: string) => String.raw`${WORDS}|${number}| ?[^\s\p{L}\p{N}]+[\r\n]*|${REST}`;
const CASES = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`;
const CAPITALS = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`;
const ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";

interface Family {
  readonly stages: readonly object[];
  /** Whether a stretch that is a token becomes this token, whatever merges there are. */
  readonly ignoresMerges?: boolean;
  /** Whether the original composes its text, which llama.cpp leaves out. */
  readonly composes?: boolean;
  /** Whether a text begins with BOS if the file does not state it (`add_bos` in llama.cpp). */
  readonly addsBos?: boolean;
}

const split = (source: string) => ({
  type: 'Split',
  pattern: { Regex: source },
  behavior: 'Isolated',
  invert: false,
});
const bytes = (isGpt2: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: isGpt2,
});
const splits = (...sources: string[]) => ({ stages: [...sources.map(split), bytes(false)] });

const GPT2: Family = { stages: [bytes(true)] };
const SINGLE_DIGITS: Family = { stages: [{ type: 'Digits', individual_digits: true }, bytes(true)] };
const UP_TO_THREE_DIGITS: Family = splits(byNumber(String.raw`\p{N}{1,3}`));
const LLAMA3: Family = { ...UP_TO_THREE_DIGITS, ignoresMerges: true, addsBos: true };
const QWEN2: Family = { ...splits(byNumber(String.raw`\p{N}`)), composes: true };
const CHINESE = '[一-龥ࠀ-一가-퟿]+';

const FAMILIES: Readonly<Record<string, Family>> = {
  'gpt-2': GPT2,
  'phi-2': GPT2,
  mpt: GPT2,
  olmo: GPT2,
  mellum: GPT2,
  exaone4: GPT2,
  starcoder: SINGLE_DIGITS,
  refact: SINGLE_DIGITS, // Granite 3 and Granite-code too
  smollm: SINGLE_DIGITS,
  'command-r': SINGLE_DIGITS,
  codeshell: SINGLE_DIGITS,
  llama3: LLAMA3,
  'llama-v3': LLAMA3,
  'llama-bpe': LLAMA3,
  falcon3: LLAMA3,
  lfm2: LLAMA3,
  dbrx: UP_TO_THREE_DIGITS, // Granite 4
  'smaug-bpe': UP_TO_THREE_DIGITS,
  glm4: UP_TO_THREE_DIGITS,
  'chatglm-bpe': UP_TO_THREE_DIGITS,
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  qwen35: {
    ...splits(
      String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|${REST}`,
    ),
    composes: true,
  },
  'seed-coder': splits(String.raw`${WORDS}|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|${REST}`),
  'gpt-4o': splits(
    String.raw`${CASES}${ENDINGS}|${CAPITALS}${ENDINGS}|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${REST}`,
  ),
  tekken: {
    ...splits(String.raw`${CASES}|${CAPITALS}|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${REST}`),
    ignoresMerges: true,
    addsBos: true,
  },
  'deepseek-coder': {
    stages: [
      ...['[\r\n]', String.raw`\s?\p{L}+`, String.raw`\s?\p{P}+`, CHINESE].map(split),
      { type: 'Digits', individual_digits: true },
      bytes(false),
    ],
  },
  'deepseek-llm': {
    stages: [
      ...['[\r\n]', DEEPSEEK_LETTERS, DEEPSEEK_PUNCTUATION, '\\s+$', CHINESE].map(split),
      { type: 'Digits', individual_digits: false },
      bytes(false),
    ],
  },
};

function familyOf(pre: unknown): Family | undefined {
  return typeof pre === 'string' && Object.hasOwn(FAMILIES, pre) ? FAMILIES[pre] : undefined;
}

/** @param pre the name of a pre-tokenizer @returns whether its texts begin with BOS if the file does not state it */
export function addsBosByDefault(pre: unknown): boolean {
  return familyOf(pre)?.addsBos ?? false;
}

/**
 * A tokenizer.json with the tokenizer of a GGUF file.
 * @throws {CheckpointError} for a kind of tokenizer or a pre-tokenizer that is not supported: with another one the model
 * would read other tokens than it was trained with
 */
export function tokenizerJsonOf(file: string, metadata: GgufMetadata): Record<string, unknown> {
  const get = (key: string) => metadata.get(`tokenizer.ggml.${key}`);
  const fail = (fault: string): never => {
    throw new CheckpointError(file, fault, 'Import the Hugging Face folder of the model instead.');
  };
  const model = get('model');
  if (model !== 'gpt2') {
    return fail(`its tokenizer is of the kind "${shown(String(model))}"; byte-level BPE, "gpt2", is supported`);
  }
  const name = get('pre');
  const family = familyOf(name);
  if (!family) {
    const known = Object.keys(FAMILIES).join(', ');
    return fail(
      name === undefined || name === 'default'
        ? 'it does not say how its tokenizer splits text (tokenizer.ggml.pre), so that it is too old to be read'
        : `its tokenizer splits text like "${shown(String(name))}", which is not supported (${known} are)`,
    );
  }
  const tokens = strings(get('tokens')) ?? fail('it has no tokens');
  const merges = strings(get('merges')) ?? fail('it has no merges');
  const types = numbers(get('token_type'));
  if (types?.length !== tokens.length) return fail('its tokens have no types');

  const vocabulary: [string, number][] = [];
  const added: object[] = [];
  for (const [id, content] of tokens.entries()) {
    const type = types[id];
    if (type === TYPE.unused) continue;
    if (type === TYPE.control || type === TYPE.userDefined) {
      const options = { single_word: false, lstrip: false, rstrip: false, normalized: false };
      added.push({ id, content, ...options, special: type === TYPE.control });
    }
    vocabulary.push([content, id]);
  }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: family.composes ? { type: 'NFC' } : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: family.stages },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null },
      ...{ end_of_word_suffix: null, fuse_unk: false, byte_fallback: false },
      ignore_merges: family.ignoresMerges ?? false,
      vocab: Object.fromEntries(vocabulary),
      merges,
    },
  };
}

function strings(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

function numbers(value: unknown): ArrayLike<number> | undefined {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return value as unknown as ArrayLike<number>;
  return Array.isArray(value) ? (value as number[]) : undefined;
}
