import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { EncodingCache } from './encodingCache';
import { CheckpointError } from './errors';
import { named } from './named';
import { byteCharacters, readTokenizer, STRETCHES, type TokenizerFile } from './tokenizerFile';

/** Ids of the special tokens that structure a prompt. */
export interface SpecialTokens {
  readonly endOfText: number;
  readonly fimPrefix: number;
  readonly fimMiddle: number;
  readonly fimSuffix: number;
  readonly fileSeparator: number;
}

/** Characters before the end of a text in which its last stretch is looked for. */
const MAX_STRETCH_CONTEXT = 256;

/** Every byte that UTF-8 uses, stretches of every kind, and code as it is. */
const SAMPLE = [
  String.fromCodePoint(...Array.from({ length: 0x800 }, (_, i) => i)),
  String.fromCodePoint(...Array.from({ length: 256 }, (_, i) => 0x800 + i * 0xcf), ...[0x10000, 0x50000, 0x10ffff]),
  'export function addAll(ITEMS: string[], _x = 10): void {\r\n\t  for (const item of ITEMS) { this.$log(`${item}…`); }\n}\n',
].join('\n');

/** Text to token ids and back. */
export class Tokenizer {
  readonly special: SpecialTokens;
  private readonly encodings: EncodingCache;
  private readonly stretches = new RegExp(STRETCHES, 'gu');
  private readonly bytes: readonly Uint8Array[];
  /** By token, the bytes that it spells; none for a special token. */
  readonly tokenBytes: readonly Uint8Array[];

  /**
   * @param json the parsed tokenizer.json, a byte-level BPE
   * @throws {CheckpointError} naming the file and the fault
   */
  constructor(file: string, json: Record<string, unknown>) {
    const read = readTokenizer(file, json);
    const id = (token: string): number => {
      const found = read.vocabulary.get(token);
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
    this.bytes = bytesOfTokens(read.vocabulary);
    this.tokenBytes = Array.from(this.bytes, (bytes, token) => (read.specialIds.has(token) ? new Uint8Array() : bytes));
    const encoder = new HuggingFaceTokenizer(programOf(read), {});
    const encodeStretch = (stretch: string) => encoder.encode(stretch, { add_special_tokens: false }).ids;
    this.encodings = new EncodingCache(encodeStretch, this.stretches);
    // Decoding must give back the text, however the library reads the file.
    if (this.decode(this.encode(SAMPLE)) !== SAMPLE) {
      throw new CheckpointError(file, 'decoding its ids does not give back the text');
    }
  }

  /** Characters that were encoded because they were not remembered: the cost of encoding. */
  get encodedCharacters(): number {
    return this.encodings.encodedCharacters;
  }

  /** Ids of plain text; `<|...|>` in the text is text and never a special token. */
  encode(text: string): number[] {
    return this.encodings.encode(text);
  }

  /**
   * The last of the stretches into which a text is split before it is tokenised: no token spans two of them. Empty for
   * an empty text.
   */
  lastStretch(text: string): string {
    // A stretch begins with every line feed, and the end of a very long line is enough.
    const line = text.slice(Math.max(0, text.lastIndexOf('\n') - 1, text.length - MAX_STRETCH_CONTEXT));
    return line.match(this.stretches)?.at(-1) ?? '';
  }

  /** Decode one token after the other; a character that spans tokens comes with the token that completes it. */
  decoder(): (token: number) => string {
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
    return (token) => utf8.decode(this.bytes[token] ?? new Uint8Array(), { stream: true });
  }

  decode(tokens: readonly number[]): string {
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
    return (
      tokens.map((token) => utf8.decode(this.bytes[token] ?? new Uint8Array(), { stream: true })).join('') +
      utf8.decode()
    );
  }
}

/**
 * The program that the library runs. It is written here and not taken from the file, which has the same one. It has no
 * added tokens: with them a document that contains `<|fim_middle|>` could forge a prompt.
 */
function programOf({ vocabulary, merges }: TokenizerFile): object {
  return {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: STRETCHES }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: null,
    model: { type: 'BPE', vocab: named(vocabulary), merges },
  };
}

/** [vocabulary] the bytes of each token, special ones as text. */
function bytesOfTokens(vocabulary: ReadonlyMap<string, number>): Uint8Array[] {
  const byteOf = new Map(byteCharacters().map((character, byte) => [character, byte]));
  const table: Uint8Array[] = [];
  for (const [token, id] of vocabulary) {
    table[id] = Uint8Array.from([...token].map((character) => byteOf.get(character) ?? 0x3f));
  }
  return table;
}
