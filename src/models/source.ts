import type { TokenHints } from './fim';
import type { WeightType } from './ggmlTypes';

/** A matrix or a vector in a file, and how it becomes one of the checkpoint. */
export interface SourceTensor {
  readonly file: string;
  /** Its name in the file, for messages. */
  readonly name: string;
  readonly type: WeightType;
  /** [rows, columns] or [size]. */
  readonly shape: readonly number[];
  /** Bytes of its first row in the file. All rows follow one another. */
  readonly begin: number;
  /** Of a head, if the file has the two halves of each head's rows interleaved; 0 otherwise. */
  readonly headRows: number;
}

/** What is known of a model before a weight is read. */
export interface Source {
  readonly format: 'GGUF' | 'safetensors';
  /** Of the file or folder that the user chose. */
  readonly path: string;
  /** Of all its weights files. */
  readonly bytes: number;
  /** As its authors call it. */
  readonly name: string;
  readonly licence: string | undefined;
  /** The address of its page, as the file states it: anything. */
  readonly page: string | undefined;
  /** For example Q4_K_M or BF16. */
  readonly quantisation: string;
  /** The config.json of the checkpoint: Hugging Face's keys, and `matformer` if it has submodels. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By the name of the checkpoint, such as `model.layers.0.self_attn.q_proj.weight`; all that the config implies. */
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** What it states about its special tokens. */
  readonly hints: TokenHints;
  /** Where its tokenizer is, for messages. */
  readonly tokenizerFile: string;
  /** The text of the checkpoint's tokenizer.json. */
  tokenizerText(): Promise<string>;
}

/** The architectures that are imported, for messages. */
export const SUPPORTED = 'llama (also Mistral, DeepSeek-Coder, SmolLM and others), qwen2, qwen3 and granite';
