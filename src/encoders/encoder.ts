import { join } from 'node:path';
import type { NativeAddon, NativeEmbedding, NativeEncoder } from '../engine/addon';
import { readConfig, readTokenizerOf, realFile } from '../matlm/checkpoint';
import { CheckpointError, messageOf } from '../matlm/errors';
import { readTensorEntries } from '../matlm/safetensors';
import { checkThese } from '../matlm/tensors';
import type { Tokenizer } from '../matlm/tokenizer';
import { type EncoderConfig, encoderTensorsOf, parseEncoderConfig } from './config';

export interface EmbedOptions {
  /** The name of a submodel, or the FFN width of each layer; XL by default. All submodels embed into one space. */
  readonly submodel?: string | readonly number[];
  /** Ends it within milliseconds; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A size of the encoder: the FFN width of each layer, 0 if the layer is skipped. */
export interface EncoderSubmodel {
  readonly name: string;
  readonly widths: readonly number[];
}

/** Inputs that go to the addon together. Their number bounds how long the tokenizer keeps the thread. */
const BATCH = 16;

/** An encoder: from texts or pictures, whichever it reads, to embeddings. */
export class Encoder {
  /** Bytes of the longest token. */
  private readonly longestToken: number;

  private constructor(
    readonly folder: string,
    readonly config: EncoderConfig,
    /** Missing if it reads pictures. */
    readonly tokenizer: Tokenizer | undefined,
    private readonly native: NativeEncoder,
  ) {
    this.longestToken = (tokenizer?.tokenBytes ?? []).reduce((most, bytes) => Math.max(most, bytes.length), 1);
  }

  /**
   * Open a folder that holds config.json, model.safetensors and, of an encoder of texts, tokenizer.json.
   * @throws {CheckpointError} naming the file, the fault and what to do
   */
  static async open(folder: string, addon: Pick<NativeAddon, 'Encoder'>, threads = 1): Promise<Encoder> {
    const { configFile, configText } = await readConfig(folder);
    const config = parseEncoderConfig(configFile, configText);
    const tokenizer = config.picture ? undefined : (await readTokenizerOf(folder, config.vocabularySize)).tokenizer;
    const weightsName = join(folder, 'model.safetensors');
    const tensors = await readTensorEntries(weightsName);
    checkThese(weightsName, encoderTensorsOf(config), tensors);
    try {
      const native = new addon.Encoder({ weightsPath: await realFile(weightsName), tensors, config, threads });
      return new Encoder(folder, config, tokenizer, native);
    } catch (error) {
      const fault = messageOf(error);
      throw new CheckpointError(
        weightsName,
        fault.startsWith(weightsName) ? fault.slice(weightsName.length + 2) : fault,
      );
    }
  }

  /** The instruction set that it runs with. */
  get isa(): string {
    return this.native.isa;
  }

  get weightBytes(): number {
    return this.native.weightBytes;
  }

  /** Its named sizes, in the order of config.json. */
  submodels(): EncoderSubmodel[] {
    return Object.entries(this.config.granularities).map(([name, widths]) => ({ name, widths }));
  }

  /**
   * Embed texts, of which the first `config.maxInput` tokens count.
   * @returns for each text `config.embeddingSize` numbers, of length 1
   * @throws {RangeError} for a text without tokens, an unknown submodel, or an encoder of pictures
   */
  async embedTexts(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    const { tokenizer, native, config } = this;
    if (!tokenizer) throw new RangeError(`${this.folder} embeds pictures, not texts`);
    const widths = this.widthsOf(options);
    const tokensOf = (text: string, index: number) => {
      // So many characters make more tokens than count.
      const tokens = tokenizer.encode(text.slice(0, (config.maxInput + 1) * this.longestToken));
      if (tokens.length === 0) throw new RangeError(`the text ${index} has no tokens`);
      return tokens.slice(0, config.maxInput);
    };
    return this.inBatches(texts, options.signal, (batch, first) => {
      const inputs = batch.map((text, i) => tokensOf(text, first + i));
      let end = 0;
      const ends = inputs.map(({ length }) => (end += length));
      return native.embedTokens(Int32Array.from(inputs.flat()), Int32Array.from(ends), widths);
    });
  }

  /**
   * Embed pictures.
   * @param pictures each [size, size, channels] of `config.picture`
   * @returns for each picture `config.embeddingSize` numbers, of length 1
   * @throws {RangeError} for a picture of another length, an unknown submodel, or an encoder of texts
   */
  async embedPictures(pictures: readonly Uint8Array[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    const { picture } = this.config;
    if (!picture) throw new RangeError(`${this.folder} embeds texts, not pictures`);
    const widths = this.widthsOf(options);
    const bytes = picture.size ** 2 * picture.channels;
    for (const [i, { length }] of pictures.entries())
      if (length !== bytes) throw new RangeError(`the picture ${i} has ${length} bytes of ${bytes}`);
    return this.inBatches(pictures, options.signal, (batch) =>
      this.native.embedPictures(Uint8Array.from(Buffer.concat(batch)), widths),
    );
  }

  /** End what is being computed, and free the weights. */
  dispose(): void {
    this.native.dispose();
  }

  private widthsOf({ submodel = 'XL' }: EmbedOptions): Int32Array {
    if (typeof submodel !== 'string') return Int32Array.from(submodel);
    const { granularities } = this.config;
    const widths = Object.hasOwn(granularities, submodel) ? granularities[submodel] : undefined;
    if (!widths) {
      const names = Object.keys(granularities).join(', ');
      throw new RangeError(`the encoder has no submodel ${submodel}; it has ${names}`);
    }
    return Int32Array.from(widths);
  }

  private async inBatches<T>(
    inputs: readonly T[],
    signal: AbortSignal | undefined,
    embed: (batch: readonly T[], first: number) => NativeEmbedding,
  ): Promise<Float32Array[]> {
    const rows: Float32Array[] = [];
    const size = this.config.embeddingSize;
    for (let first = 0; first < inputs.length; first += BATCH) {
      signal?.throwIfAborted();
      const batch = inputs.slice(first, first + BATCH);
      const all = await settled(embed(batch, first), signal);
      for (let i = 0; i < batch.length; i++) rows.push(all.subarray(i * size, (i + 1) * size));
    }
    return rows;
  }
}

async function settled({ result, abort }: NativeEmbedding, signal: AbortSignal | undefined): Promise<Float32Array> {
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await result;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** The beginning of an embedding as an embedding of its own, of length 1. @param length one of `config.prefixes` */
export function prefixOf(embedding: Float32Array, length: number): Float32Array {
  const prefix = embedding.slice(0, length);
  const norm = Math.sqrt(prefix.reduce((sum, x) => sum + x * x, 0));
  return norm > 0 ? prefix.map((x) => x / norm) : prefix;
}
