/**
 * A tokenizer.json is a program: normalizers, patterns and stages that a library runs on every text. Only programs of known
 * parts are run; another one is refused, because it could take any time and return any text.
 */
import type { BytePairTable } from './bytePairs';
import { isObject } from './json';
import { CheckpointError } from './errors';
import { type PreTokenizer, preTokenizerOf } from './preTokenizer';
import { TokenIndex } from './tokenIndex';

/** A byte-level BPE. */
export interface TokenizerFile extends BytePairTable {
  /** The bytes of all tokens that are text, one after the other by id. */
  readonly bytes: Uint8Array;
  /** [one more than the highest id, and one] where the bytes of each token begin. */
  readonly offsets: Uint32Array;
  readonly index: TokenIndex;
  /** Tokens that structure a prompt, by their names. They have no bytes, and no text is encoded to them. */
  readonly special: ReadonlyMap<string, number>;
  /** Tokens that stand for a text wherever it occurs, before anything is split. */
  readonly whole: ReadonlyMap<string, number>;
  /** Whether a stretch that is a token becomes this token, whatever merges there are. */
  readonly ignoresMerges: boolean;
  /** Whether a text is composed first, so that an accent and its letter are one character (Unicode's NFC). */
  readonly composes: boolean;
  readonly split: PreTokenizer;
}

/** Ids are below this if nothing else limits them. */
const MAX_TOKENS = 1 << 20;

/** Tokens are not longer. */
const MAX_TOKEN_BYTES = 4096;

/** A line feed and the printable characters of ASCII. Not every vocabulary has all bytes. */
const REQUIRED = [0x0a, ...Array.from({ length: 95 }, (_, i) => 0x20 + i)];

/** Values with which an option does nothing. */
const INACTIVE: readonly unknown[] = [undefined, null, false, ''];

/** Options of a BPE model that change the ids if they are active. */
const MODEL_OPTIONS = ['dropout', 'continuing_subword_prefix', 'continuing_subword_suffix', 'end_of_word_suffix'];

/**
 * Check and read a parsed tokenizer.json. What the library adds around a text (`post_processor`), how it cuts and fills
 * (`truncation`, `padding`) and how it decodes (`decoder`) is not looked at, because none of that is run.
 * @param rows of the model's embedding; it may have more than there are tokens
 * @throws {CheckpointError} naming the file and the part that is not supported
 */
export function readTokenizer(file: string, json: Record<string, unknown>, rows = MAX_TOKENS): TokenizerFile {
  const fail = (fault: string): never => {
    throw new CheckpointError(file, fault);
  };
  const { model } = json;
  if (!isObject(model) || model.type !== 'BPE' || !isObject(model.vocab)) {
    return fail('it does not describe a BPE tokenizer');
  }
  for (const key of MODEL_OPTIONS) {
    if (!INACTIVE.includes(model[key])) fail(`its model has the option ${key}, which is not supported`);
  }
  const composes = checkNormalizer(json.normalizer, fail);
  const split = preTokenizerOf(json.pre_tokenizer);
  if (typeof split === 'string') return fail(split);

  const vocabulary = model.vocab;
  const added = addedTokens(json.added_tokens, rows, fail);
  for (const [token, { id }] of added) {
    if (Object.hasOwn(vocabulary, token) && vocabulary[token] !== id) {
      fail('its added_tokens are not tokens of its vocabulary');
    }
  }
  const names = namesById(vocabulary, added, rows, fail);
  const spelled = bytesOf(names, added);
  const index = new TokenIndex(spelled.bytes, spelled.offsets);
  const byteIds = Int32Array.from({ length: 256 }, (_, byte) => index.find(Uint8Array.of(byte)));
  for (const byte of REQUIRED) {
    if ((byteIds[byte] ?? -1) < 0) fail(`no token stands for the byte ${byte}`);
  }
  const merges = mergesOf(model.merges, index, fail);
  const special = new Map<string, number>();
  const whole = new Map<string, number>();
  for (const [token, { id, isText }] of added) (isText ? whole : special).set(token, id);
  const ignoresMerges = model.ignore_merges === true;
  return { ...spelled, index, byteIds, merges, special, whole, ignoresMerges, composes, split };
}

type Fail = (fault: string) => never;

/** None, or NFC; the answer says which. */
function checkNormalizer(json: unknown, fail: Fail): boolean {
  if (INACTIVE.includes(json)) return false;
  if (!isObject(json)) return fail('it has a normalizer, which is not supported');
  if (json.type === 'NFC') return true;
  const parts: unknown = json.type === 'Sequence' ? json.normalizers : undefined;
  if (Array.isArray(parts) && parts.length <= 1) return parts.length === 1 && checkNormalizer(parts[0], fail);
  return fail(`it has a normalizer ${JSON.stringify(json.type)}, which is not supported`);
}

interface AddedToken {
  readonly id: number;
  /** Whether it stands for its text in a document. */
  readonly isText: boolean;
}

/**
 * The added tokens by their names. Not all that structure a prompt are flagged as special, such as DeepSeek's and Qwen's for
 * fill-in-the-middle, so that a name in brackets counts as such too: a document that spells it cannot forge a prompt.
 * Those for which the model has no row were never trained, and are left out.
 */
function addedTokens(json: unknown, rows: number, fail: Fail): Map<string, AddedToken> {
  const found = new Map<string, AddedToken>();
  for (const token of Array.isArray(json) ? (json as unknown[]) : []) {
    const { id, content, special, lstrip, rstrip, single_word: singleWord } = isObject(token) ? token : {};
    if (typeof content !== 'string' || content === '' || !isId(id)) return fail('its added_tokens are not tokens');
    if (id >= rows) continue;
    const isText = special !== true && !/^[<[].*[>\]]$/su.test(content);
    if (isText && (lstrip || rstrip || singleWord)) {
      fail(`its added token ${JSON.stringify(content)} takes blanks with it, which is not supported`);
    }
    found.set(content, { id, isText });
  }
  return found;
}

function isId(id: unknown): id is number {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) < MAX_TOKENS;
}

/**
 * The tokens by id; empty for an id that none has. No two tokens have the same id, and the model has a row for each.
 */
function namesById(
  vocabulary: Readonly<Record<string, unknown>>,
  added: ReadonlyMap<string, AddedToken>,
  rows: number,
  fail: Fail,
): string[] {
  const most = Math.min(rows, MAX_TOKENS);
  const names: string[] = [];
  const set = (token: string, id: unknown) => {
    if (!isId(id) || id >= most || (names[id] ?? '') !== '' || token === '') {
      return fail(
        `the id of its token ${JSON.stringify(token)} is ${String(id)}; each needs one of its own below ${most}`,
      );
    }
    while (names.length < id) names.push('');
    names[id] = token;
  };
  for (const token of Object.keys(vocabulary)) set(token, vocabulary[token]);
  for (const [token, { id }] of added) if (!Object.hasOwn(vocabulary, token)) set(token, id);
  return names;
}

/** The bytes of each token; none for a special one, and for one that is not spelled in bytes. */
function bytesOf(
  names: readonly string[],
  added: ReadonlyMap<string, AddedToken>,
): { bytes: Uint8Array; offsets: Uint32Array } {
  const texts = new Map<number, Uint8Array>();
  for (const [token, { id, isText }] of added) texts.set(id, isText ? Buffer.from(token) : new Uint8Array());
  let size = 0;
  for (const [id, name] of names.entries()) size += texts.get(id)?.length ?? name.length;
  const bytes = new Uint8Array(size);
  const offsets = new Uint32Array(names.length + 1);
  let end = 0;
  for (const [id, name] of names.entries()) {
    const text = texts.get(id);
    if (text) bytes.set(text, end);
    end += text?.length ?? Math.max(0, writeBytes(name, bytes, end));
    offsets[id + 1] = end;
  }
  return { bytes: bytes.subarray(0, end), offsets };
}

/** Writes the bytes that a token's characters stand for; the answer is how many, or -1 if a character stands for none. */
function writeBytes(name: string, bytes: Uint8Array, begin: number): number {
  for (let i = 0; i < name.length; i++) {
    const byte = BYTE_OF[name.charCodeAt(i)] ?? -1;
    if (byte < 0) return -1;
    bytes[begin + i] = byte;
  }
  return name.length;
}

/** Both parts and the result of each merge are tokens: merging never leaves the vocabulary. */
function mergesOf(json: unknown, index: TokenIndex, fail: Fail): Int32Array {
  if (!Array.isArray(json)) return fail('it has no merges');
  const merges = new Int32Array(3 * json.length);
  const bytes = new Uint8Array(MAX_TOKEN_BYTES);
  let at = 0;
  for (const entry of json as unknown[]) {
    const isText = typeof entry === 'string';
    const space = isText ? entry.indexOf(' ') : -1;
    const parts: unknown = isText ? [entry.slice(0, Math.max(0, space)), entry.slice(space + 1)] : entry;
    const [left, right] = Array.isArray(parts) && parts.length === 2 ? (parts as unknown[]) : [];
    const isPair = typeof left === 'string' && typeof right === 'string' && left.length + right.length <= bytes.length;
    const middle = isPair ? writeBytes(left, bytes, 0) : -1;
    const length = isPair && middle > 0 ? writeBytes(right, bytes, middle) : -1;
    const end = middle + length;
    for (const [from, to] of [
      [0, middle],
      [middle, end],
      [0, end],
    ] as const) {
      const token = length > 0 ? index.find(bytes, from, to) : -1;
      if (token < 0) return fail(`the merge ${JSON.stringify(entry)} is not of tokens of its vocabulary`);
      merges[at++] = token;
    }
  }
  return merges;
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

/** By character, the byte that it stands for; -1 for none. */
const BYTE_OF = new Int16Array(0x180).fill(-1);
for (const [byte, character] of byteCharacters().entries()) BYTE_OF[character.charCodeAt(0)] = byte;
