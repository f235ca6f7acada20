import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { isObject } from './config';
import { CheckpointError } from './errors';

/** Ids of the marks that structure a prompt. */
export interface SpecialTokens {
  readonly endOfText: number;
  readonly fimPrefix: number;
  readonly fimMiddle: number;
  readonly fimSuffix: number;
  readonly fileSeparator: number;
}

/** Encoded lines that are remembered: a few megabytes at the most. */
const MAX_KNOWN_LINES = 20_000;

/** Characters before the end of a text in which its last stretch is looked for. */
const MAX_STRETCH_CONTEXT = 256;

/** Text to token ids and back. */
export class Tokenizer {
  readonly special: SpecialTokens;
  private readonly encoder: HuggingFaceTokenizer;
  private readonly lines = new Map<string, readonly number[]>();
  private readonly stretches: RegExp;
  private readonly bytes: readonly Uint8Array[];
  /** By token, the bytes that it spells; none for a mark. */
  readonly tokenBytes: readonly Uint8Array[];

  /** @param json the parsed tokenizer.json, a byte-level BPE */
  constructor(file: string, json: Record<string, unknown>) {
    const model = json.model;
    if (!isObject(model) || model.type !== 'BPE' || !isObject(model.vocab)) {
      throw new CheckpointError(file, 'it does not describe a BPE tokenizer');
    }
    const vocabulary = model.vocab as Record<string, number>;
    checkIds(file, vocabulary);
    const id = (token: string): number => {
      const found = vocabulary[token];
      if (found === undefined) throw new CheckpointError(file, `the token ${token} is missing`);
      return found;
    };
    this.special = {
      endOfText: id('<|endoftext|>'),
      fimPrefix: id('<|fim_prefix|>'),
      fimMiddle: id('<|fim_middle|>'),
      fimSuffix: id('<|fim_suffix|>'),
      fileSeparator: id('<|file_sep|>'),
    };
    try {
      this.encoder = new HuggingFaceTokenizer(withoutAddedTokens(json), {});
    } catch (error) {
      throw new CheckpointError(file, `it cannot be used (${(error as Error).message})`);
    }
    this.stretches = stretchesOf(file, json);
    this.bytes = bytesOfTokens(vocabulary);
    const marks = new Set(addedTokens(json));
    this.tokenBytes = Array.from(this.bytes, (bytes, token) => (marks.has(token) ? new Uint8Array() : bytes));
  }

  /** Ids of plain text; `<|...|>` written in the text is text, never a mark. */
  encode(text: string): number[] {
    // No token spans the place before a line feed, so lines encode apart, and a document's lines recur at every key.
    return text.split(/(?=\n)/).flatMap((line) => this.encodeLine(line));
  }

  private encodeLine(line: string): readonly number[] {
    const known = this.lines.get(line);
    if (known) return known;
    const ids = line === '' ? [] : this.encoder.encode(line, { add_special_tokens: false }).ids;
    if (this.lines.size >= MAX_KNOWN_LINES) this.lines.clear();
    this.lines.set(line, ids);
    return ids;
  }

  /**
   * The last of the stretches into which a text is split before it is tokenised: no token spans two of them. Empty for
   * an empty text.
   */
  lastStretch(text: string): string {
    // A stretch begins with every line feed, and of a very long line the end suffices.
    const line = text.slice(Math.max(0, text.lastIndexOf('\n') - 1, text.length - MAX_STRETCH_CONTEXT));
    return line.match(this.stretches)?.at(-1) ?? '';
  }

  /** Decode one token after the other; a character cut between tokens comes with the token that completes it. */
  decoder(): (token: number) => string {
    const utf8 = new TextDecoder('utf-8');
    return (token) => utf8.decode(this.bytes[token] ?? new Uint8Array(), { stream: true });
  }

  decode(tokens: readonly number[]): string {
    const utf8 = new TextDecoder('utf-8');
    return (
      tokens.map((token) => utf8.decode(this.bytes[token] ?? new Uint8Array(), { stream: true })).join('') +
      utf8.decode()
    );
  }
}

/** Ids of the tokens that are no text. */
function addedTokens(json: Record<string, unknown>): number[] {
  const added: unknown[] = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  return added.flatMap((token) => (isObject(token) && typeof token.id === 'number' ? [token.id] : []));
}

/** A document may contain "<|fim_middle|>": left in, the added tokens would let it forge a prompt. */
function withoutAddedTokens(json: Record<string, unknown>): Record<string, unknown> {
  return { ...json, added_tokens: [] };
}

/** The pattern by which the tokenizer splits a text first. */
function stretchesOf(file: string, json: Record<string, unknown>): RegExp {
  const before = json.pre_tokenizer;
  const parts: unknown[] = isObject(before) && Array.isArray(before.pretokenizers) ? before.pretokenizers : [before];
  for (const part of parts) {
    if (!isObject(part) || !isObject(part.pattern) || typeof part.pattern.Regex !== 'string') continue;
    try {
      return new RegExp(part.pattern.Regex, 'gu');
    } catch (error) {
      throw new CheckpointError(file, `its pattern cannot be used (${(error as Error).message})`);
    }
  }
  throw new CheckpointError(file, 'it has no pattern that splits a text into words');
}

/** Every id from 0 on has one token: a table by id has neither holes nor a length that somebody made up. */
function checkIds(file: string, vocabulary: Readonly<Record<string, unknown>>): void {
  const ids = Object.values(vocabulary);
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < ids.length;
  if (ids.every(isId) && new Set(ids).size === ids.length) return;
  throw new CheckpointError(file, `the ids of its ${ids.length} tokens are not 0 to ${ids.length - 1}, each once`);
}

/**
 * The bytes of each token. Byte-level BPE writes each byte as one printable character: printable Latin-1 stands for
 * itself, the rest follow from U+0100 on (GPT-2's table).
 */
function bytesOfTokens(vocabulary: Readonly<Record<string, number>>): Uint8Array[] {
  const byteOf = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    byteOf.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  const table: Uint8Array[] = [];
  for (const [token, id] of Object.entries(vocabulary)) {
    table[id] = Uint8Array.from([...token].map((character) => byteOf.get(character) ?? 0x3f));
  }
  return table;
}
