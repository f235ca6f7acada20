import { BytePairs } from './bytePairs';
import { EncodingCache } from './encodingCache';
import { CheckpointError } from './errors';
import type { PreTokenizer } from './preTokenizer';
import { readTokenizer, type TokenizerFile } from './tokenizerFile';

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
  /** Ids of the tokens that structure a prompt. They have no bytes, and no text is encoded to them. */
  readonly specialIds: ReadonlySet<number>;
  private readonly encodings: EncodingCache;
  private readonly split: PreTokenizer;
  private readonly file: TokenizerFile;
  private readonly namesOfSpecial: ReadonlyMap<number, Uint8Array>;
  private spelled: readonly Uint8Array[] | undefined;

  /**
   * @param json the parsed tokenizer.json, a byte-level BPE
   * @param rows of the model's embedding, if known: no token is above, and there may be fewer tokens
   * @throws {CheckpointError} naming the file and the fault
   */
  constructor(file: string, json: Record<string, unknown>, rows?: number) {
    this.file = readTokenizer(file, json, rows);
    const { special, whole, composes, split } = this.file;
    this.specialIds = new Set(special.values());
    this.namesOfSpecial = new Map(Array.from(special, ([token, id]) => [id, Buffer.from(token)]));
    this.split = withWholeTokens(whole, split);
    this.encodings = new EncodingCache(stretchEncoder(this.file), this.split);
    // Decoding must give back the text, or else what the tokens spell is not what the model was told.
    const text = Buffer.from(composes ? SAMPLE.normalize('NFC') : SAMPLE);
    if (!this.bytesOf(this.encode(SAMPLE)).equals(text.filter((byte) => this.hasToken(byte)))) {
      throw new CheckpointError(file, 'decoding its ids does not give back the text');
    }
  }

  /** Characters that were encoded because they were not remembered: the cost of encoding. */
  get encodedCharacters(): number {
    return this.encodings.encodedCharacters;
  }

  /**
   * By token, the bytes that it spells; none for a special token, and none for an id that no token has. The model may have
   * further rows, which mean nothing.
   */
  get tokenBytes(): readonly Uint8Array[] {
    const { bytes, offsets } = this.file;
    return (this.spelled ??= Array.from({ length: offsets.length - 1 }, (_, token) =>
      bytes.subarray(offsets[token], offsets[token + 1]),
    ));
  }

  /** The id of a token by its name, such as `<|fim_prefix|>`, or by the text that it spells. */
  idOf(token: string): number | undefined {
    const found = this.file.special.get(token) ?? this.file.index.find(Buffer.from(token));
    return found < 0 ? undefined : found;
  }

  /** Ids of plain text; `<|...|>` in the text is text and never a special token. A byte that no token spells is left out. */
  encode(text: string): number[] {
    return this.encodings.encode(this.file.composes ? text.normalize('NFC') : text);
  }

  /** Whether tokens can spell a text: some vocabularies lack control characters, and bytes of rare scripts. */
  canSpell(text: string): boolean {
    return Buffer.from(text).every((byte) => this.hasToken(byte));
  }

  /**
   * The last of the stretches into which a text is split before it is tokenised: no token spans two of them. It is the
   * end of the text as that stands, not composed. Empty for an empty text.
   */
  lastStretch(text: string): string {
    // Wherever the splitting begins, it finds the same stretches after a few.
    return this.split(text.slice(-MAX_STRETCH_CONTEXT)).at(-1) ?? '';
  }

  /** Decode one token after the other; a character that spans tokens comes with the token that completes it. */
  decoder(): (token: number) => string {
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
    return (token) => utf8.decode(this.bytesOf([token]), { stream: true });
  }

  /** The text of some tokens, in which the special ones stand by their names. */
  decode(tokens: readonly number[]): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.bytesOf(tokens));
  }

  private hasToken(byte: number): boolean {
    return (this.file.byteIds[byte] ?? -1) >= 0;
  }

  private bytesOf(tokens: readonly number[]): Buffer {
    const { bytes, offsets } = this.file;
    return Buffer.concat(
      tokens.map(
        (token) => this.namesOfSpecial.get(token) ?? bytes.subarray(offsets[token] ?? 0, offsets[token + 1] ?? 0),
      ),
    );
  }
}

/** The ids of one stretch. */
function stretchEncoder(file: TokenizerFile): (stretch: string) => readonly number[] {
  const pairs = new BytePairs(file);
  return (stretch) => {
    const whole = file.whole.get(stretch);
    if (whole !== undefined) return [whole];
    const bytes = Buffer.from(stretch);
    const token = file.ignoresMerges ? file.index.find(bytes) : -1;
    return token >= 0 ? [token] : pairs.encode(bytes);
  };
}

/** Keeps the tokens that stand for a text of their own, and splits the rest. */
function withWholeTokens(whole: ReadonlyMap<string, number>, split: PreTokenizer): PreTokenizer {
  if (whole.size === 0) return split;
  const longestFirst = [...whole.keys()].sort((a, b) => b.length - a.length);
  const expression = new RegExp(
    `(${longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|')})`,
    'u',
  );
  // With a group, every second part is a token of its own.
  return (text) => text.split(expression).flatMap((part, i) => (i % 2 === 1 ? [part] : split(part)));
}
