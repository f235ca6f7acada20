/**
 * A tokenizer.json is a program: normalizers, patterns and stages that a library runs on every text. Only the program
 * that our checkpoints have is run; another one is refused, because it could take any time and return any text.
 */
import { isObject } from './config';
import { CheckpointError } from './errors';

/** The stretches that a text is split into first; no token spans two. Linear in the text, as in training/tokenizer.py. */
export const STRETCHES =
  '\\r?\\n[ \\t]*| ?[A-Z]?[a-z]+| ?[A-Z]+(?![a-z])| ?[A-Z]| ?[_$]+|[0-9]| ?[^\\sA-Za-z0-9_$]+|[^\\S\\n]+';

/** A byte-level BPE. */
export interface TokenizerFile {
  /** By token, as written in the file: each byte is one printable character. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Pairs of tokens, in the order in which they are merged. */
  readonly merges: readonly (readonly [string, string])[];
  /** Ids of the special tokens, which are not text. */
  readonly specialIds: ReadonlySet<number>;
}

/** Keys at the top of a tokenizer.json that must be inactive: they would truncate or rewrite the text. */
const ABSENT = ['normalizer', 'post_processor', 'truncation', 'padding'];

/** Values with which an option does nothing. */
const INACTIVE: readonly unknown[] = [undefined, null, false, ''];

/** Options of a BPE model that change the ids if they are active. */
const MODEL_OPTIONS = [
  'dropout',
  'unk_token',
  'continuing_subword_prefix',
  'continuing_subword_suffix',
  'end_of_word_suffix',
  'fuse_unk',
  'byte_fallback',
  'ignore_merges',
];

/**
 * Check that a parsed tokenizer.json is a byte-level BPE as `training/tokenizer.py` writes it.
 * @throws {CheckpointError} naming the file and the part that is not supported
 */
export function readTokenizer(file: string, json: Record<string, unknown>): TokenizerFile {
  const fail = (fault: string): never => {
    throw new CheckpointError(file, fault);
  };
  const { model } = json;
  if (!isObject(model) || model.type !== 'BPE' || !isObject(model.vocab)) {
    return fail('it does not describe a BPE tokenizer');
  }
  for (const key of ABSENT) if (!INACTIVE.includes(json[key])) fail(`it has a ${key}, which is not supported`);
  for (const key of MODEL_OPTIONS) {
    if (!INACTIVE.includes(model[key])) fail(`its model has the option ${key}, which is not supported`);
  }
  checkStages(json.pre_tokenizer, fail);
  const vocabulary = new Map(Object.entries(model.vocab)) as Map<string, number>;
  checkIds(vocabulary, fail);
  const specialIds = new Set(addedTokens(json.added_tokens, vocabulary, fail));
  for (const character of byteCharacters()) {
    if (!vocabulary.has(character)) fail(`no token stands for the byte that is written ${character}`);
  }
  return { vocabulary, merges: mergesOf(model.merges, vocabulary, fail), specialIds };
}

type Fail = (fault: string) => never;

/** Two stages: the split into stretches, then the bytes. */
function checkStages(json: unknown, fail: Fail): void {
  const stages: unknown[] = isObject(json) && Array.isArray(json.pretokenizers) ? json.pretokenizers : [];
  const [split, bytes] = stages;
  const isKnown =
    stages.length === 2 &&
    isObject(split) &&
    split.type === 'Split' &&
    split.behavior === 'Isolated' &&
    !split.invert &&
    isObject(bytes) &&
    bytes.type === 'ByteLevel' &&
    !bytes.add_prefix_space &&
    bytes.use_regex === false;
  if (!isKnown) fail('its pre_tokenizer is not a Split followed by a ByteLevel, which is the only form supported');
  const pattern = isObject(split) && isObject(split.pattern) ? split.pattern.Regex : undefined;
  if (pattern !== STRETCHES) fail('its Split has a pattern that is not supported');
}

/** Every id from 0 on has one token: a table by id has neither holes nor an absurd length. */
function checkIds(vocabulary: ReadonlyMap<string, unknown>, fail: Fail): void {
  const ids = [...vocabulary.values()];
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < ids.length;
  if (ids.every(isId) && new Set(ids).size === ids.length) return;
  fail(`the ids of its ${ids.length} tokens are not 0 to ${ids.length - 1}, each once`);
}

function addedTokens(json: unknown, vocabulary: ReadonlyMap<string, number>, fail: Fail): number[] {
  const added: unknown[] = Array.isArray(json) ? json : [];
  return added.map((token) => {
    const { id, content } = isObject(token) ? token : {};
    const isKnown = typeof content === 'string' && vocabulary.get(content) === id && id !== undefined;
    return isKnown ? (id as number) : fail('its added_tokens are not tokens of its vocabulary');
  });
}

/** Both parts and the result of each merge are tokens: merging never leaves the vocabulary. */
function mergesOf(json: unknown, vocabulary: ReadonlyMap<string, number>, fail: Fail): [string, string][] {
  if (!Array.isArray(json)) return fail('it has no merges');
  return json.map((entry: unknown): [string, string] => {
    const parts: unknown = typeof entry === 'string' ? entry.split(' ') : entry;
    const [left, right] = Array.isArray(parts) && parts.length === 2 ? (parts as unknown[]) : [];
    const areTokens =
      typeof left === 'string' &&
      typeof right === 'string' &&
      [left, right, left + right].every((token) => vocabulary.has(token));
    return areTokens ? [left, right] : fail(`the merge ${JSON.stringify(entry)} is not of tokens of its vocabulary`);
  });
}

/**
 * The characters that stand for the bytes 0 to 255. Byte-level BPE writes each byte as one printable character: printable
 * Latin-1 stands for itself, and the others follow from U+0100 on (GPT-2's table).
 */
export function byteCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
}
