import { availableParallelism } from 'node:os';
import { isObject, parseObject } from '../matlm/json';
import type { PromptFormat } from '../matlm/promptFormat';
import { usualCacheBytes } from '../matlm/shape';
import { workingBytes } from './convert';
import { openSource } from './open';
import { type Bits, defaultBits, type ImportPlan, isExact, planImport } from './plan';
import { promptOf } from './prompt';
import type { Source } from './source';

/** What an import needs, before it begins. */
export interface ImportNeeds {
  /** Of the folder that it writes. */
  readonly diskBytes: number;
  /** Of the import itself at its peak, without the program that runs it. */
  readonly memoryBytes: number;
  /** A guess, for a processor of the last years and a fast disk. */
  readonly seconds: number;
  /** Of the weights in memory when the model is in use. */
  readonly weightBytes: number;
  /** Of the weights, and of the keys and values of a prompt of a usual length. */
  readonly usedBytes: number;
}

/** What is known of a model without reading a weight. */
export interface ModelFacts {
  readonly path: string;
  readonly format: 'GGUF' | 'safetensors';
  /** Of the file or the files that hold the weights. */
  readonly sourceBytes: number;
  /** As the file says, else the name of the file or folder. */
  readonly name: string;
  /** `model_type` of the checkpoint. */
  readonly family: string;
  readonly licence: string | undefined;
  /** The address of its page as the file states it. It was not checked. */
  readonly page: string | undefined;
  readonly parameters: number;
  /** For example Q4_K_M or BF16. */
  readonly quantisation: string;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  /** Tokens that the engine reads at once, at most. */
  readonly contextLength: number;
  /** Names of the submodels that it was trained with; XL alone for most. */
  readonly sizes: readonly string[];
  /** Of a weight after the import: as asked for, or 4 for a file of mostly four bits and 8 for others. */
  readonly bits: Bits;
  /** Whether every weight keeps its value, so that nothing is quantised again. */
  readonly isExact: boolean;
  readonly needs: ImportNeeds;
}

/** The same with the prompt that its tokens tell. */
export interface InspectedModel extends ModelFacts {
  readonly prompt: PromptFormat;
}

/** Weights a second and thread: groups that are repacked, quantised to eight bits, and quantised to four with a search. */
const WEIGHTS_A_SECOND = { exact: 200e6, eight: 80e6, four: 25e6 };
/** Starting, reading the vocabulary and writing it. */
const START_SECONDS = 1;

/** Of tokenizer.json and the other small files. */
const OTHER_FILES_BYTES = 16e6;
/** Of the vocabulary while it is in memory. */
const VOCABULARY_BYTES = 64e6;

/**
 * What a GGUF file or Hugging Face folder holds, and what importing it needs. Only headers and the tokenizer are read.
 * @throws {CheckpointError} naming the file, the fault and what to do
 */
export async function inspectModel(
  path: string,
  options: { readonly bits?: Bits | undefined } = {},
): Promise<InspectedModel> {
  const source = await openSource(path);
  const facts = factsOf(source, planImport(source, options.bits ?? defaultBits(source)));
  const tokenizer = parseObject(source.tokenizerFile, await source.tokenizerText());
  return { ...facts, prompt: promptOf(source, tokenizer) };
}

/** What is known of an opened model. */
export function factsOf(source: Source, plan: ImportPlan): ModelFacts {
  const { config } = plan;
  const { matformer } = source.config;
  const granularities = isObject(matformer) && isObject(matformer.granularities) ? matformer.granularities : { XL: [] };
  return {
    path: source.path,
    format: source.format,
    sourceBytes: source.bytes,
    name: source.name,
    family: String(source.config.model_type),
    licence: source.licence,
    page: source.page,
    parameters: plan.parameters,
    quantisation: source.quantisation,
    layers: config.layers,
    hiddenSize: config.hiddenSize,
    vocabularySize: config.vocabularySize,
    contextLength: config.contextLength,
    sizes: Object.keys(granularities),
    bits: plan.bits,
    isExact: plan.tensors.every(isExact),
    needs: {
      diskBytes: plan.fileBytes + OTHER_FILES_BYTES,
      memoryBytes: workingBytes(plan, importThreads()) + VOCABULARY_BYTES,
      seconds: secondsOf(plan),
      weightBytes: plan.fileBytes,
      usedBytes: plan.fileBytes + usualCacheBytes(config),
    },
  };
}

/** Threads that convert, at most as many as libuv has. */
export function importThreads(): number {
  return Math.min(4, availableParallelism());
}

function secondsOf({ tensors }: ImportPlan): number {
  const seconds = tensors.reduce((sum, tensor) => {
    const kind = isExact(tensor) || tensor.source.type === 'Q4_K' ? 'exact' : tensor.form === '8' ? 'eight' : 'four';
    return sum + (tensor.rows * tensor.columns) / WEIGHTS_A_SECOND[kind];
  }, 0);
  return Math.ceil(seconds / importThreads() + START_SECONDS);
}
