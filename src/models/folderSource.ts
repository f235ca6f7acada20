import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isObject, parseObject } from '../matlm/json';
import { regularFileBytes } from '../matlm/regularFile';
import { readEntries, type TensorEntry } from '../matlm/safetensors';
import { isSystemError, unreadable } from '../matlm/systemFault';
import type { TokenHints } from './fim';
import { unsupported } from './ggufConfig';
import { isWeightType, type WeightType } from './ggmlTypes';
import { ImportError, importErrorOf, shown } from './importError';
import { RECORD_FILE } from './importRecord';
import type { Source, SourceTensor } from './source';

/** Every type of safetensors, so that a tensor that is not needed may have any. */
const TYPES: ReadonlyMap<string, number> = new Map([
  ...(['BOOL', 'U8', 'I8', 'F8_E5M2', 'F8_E4M3'] as const).map((name) => [name, 1] as const),
  ...(['U16', 'I16', 'F16', 'BF16'] as const).map((name) => [name, 2] as const),
  ...(['U32', 'I32', 'F32'] as const).map((name) => [name, 4] as const),
  ...(['U64', 'I64', 'F64'] as const).map((name) => [name, 8] as const),
]);

const MAX_JSON_BYTES = 32_000_000;
const MAX_README_BYTES = 4096;
const MAX_SHARDS = 1000;

const MODEL_TYPES: ReadonlySet<unknown> = new Set(['llama', 'mistral', 'qwen2', 'qwen3', 'granite']);

/** Tensors that some checkpoints have and that no engine needs. */
const IGNORED = /(^|\.)rotary_emb\.inv_freq$|\.(masked_bias|attn\.bias)$/;

/**
 * The model of a Hugging Face folder: config.json, tokenizer.json, and model.safetensors or its parts.
 * @throws {ImportError} naming the file and the fault
 */
export async function openFolder(folder: string): Promise<Source> {
  const configFile = join(folder, 'config.json');
  const stated = await readObject(configFile);
  await refuseOwn(folder, stated);
  const tokenizerFile = join(folder, 'tokenizer.json');
  await requireTokenizer(tokenizerFile);
  const { files, entries } = await readWeights(folder);
  const config = { tie_word_embeddings: !entries.has('lm_head.weight'), ...configOf(configFile, stated) };
  const tied = config.tie_word_embeddings;
  const tensors = new Map<string, SourceTensor>();
  for (const [name, tensor] of entries) {
    if (IGNORED.test(name) || (tied && name === 'lm_head.weight')) continue;
    for (const [target, part] of partsOf(name, tensor)) tensors.set(target, part);
  }
  const bytes = (await Promise.all(files.map((file) => regularFileBytes(file)))).reduce((sum, size) => sum + size, 0);
  const { licence, page } = await readReadme(join(folder, 'README.md'));
  return {
    format: 'safetensors',
    path: folder,
    bytes,
    name: nameOf(folder),
    licence,
    page,
    quantisation: mostUsed(entries),
    config,
    tensors,
    hints: await hintsOf(folder, config, tokenizerFile),
    tokenizerFile,
    tokenizerText: () => readFile(tokenizerFile, 'utf8'),
  };
}

/** Checkpoints in the form that the engine reads have quantised weights, and need no import. */
async function refuseOwn(folder: string, config: Record<string, unknown>): Promise<void> {
  const isImported = await stat(join(folder, RECORD_FILE)).then(
    () => true,
    () => false,
  );
  if (isImported)
    throw new ImportError(folder, 'it was imported already', 'Use it as it is, or import what it was made of again.');
  if (isObject(config.quantization_config) && isObject(config.matformer))
    throw new ImportError(
      folder,
      'it is a checkpoint of MatCoder, which needs no import',
      'Name it with --model or the setting matcoder.modelPath.',
    );
}

/** The ends of a text that config.json and generation_config.json name, and the beginning, if the model wants one. */
async function hintsOf(folder: string, config: Record<string, unknown>, tokenizerFile: string): Promise<TokenHints> {
  const [settings, generation] = await Promise.all(
    ['tokenizer_config.json', 'generation_config.json'].map((name) => readIfThere(join(folder, name))),
  );
  const addsBos = settings?.add_bos_token;
  const isStated = typeof addsBos === 'boolean';
  const begin = isStated ? addsBos && config.bos_token_id : beginOf((await readObject(tokenizerFile)).post_processor);
  const [first] = idsOf(begin);
  const end = [...new Set([...idsOf(config.eos_token_id), ...idsOf(generation?.eos_token_id)])];
  return { end, ...(first === undefined ? {} : { begin: first }) };
}

/** The ids of the token that a tokenizer.json puts before each text, as that of Llama 3 does; undefined if it puts none. */
function beginOf(processor: unknown): unknown {
  if (!isObject(processor)) return undefined;
  const processors: readonly unknown[] = Array.isArray(processor.processors) ? processor.processors : [processor];
  for (const { single, special_tokens: tokens } of processors.filter(isObject)) {
    const first: unknown = Array.isArray(single) ? single[0] : undefined;
    const token = isObject(first) && isObject(first.SpecialToken) ? String(first.SpecialToken.id) : '';
    const named = isObject(tokens) && Object.hasOwn(tokens, token) ? tokens[token] : undefined;
    if (isObject(named)) return named.ids;
  }
  return undefined;
}

/** The ids of tokens that a key holds: one, several or none. */
function idsOf(value: unknown): number[] {
  return (Array.isArray(value) ? (value as unknown[]) : [value]).filter((id): id is number => Number.isSafeInteger(id));
}

async function requireTokenizer(file: string): Promise<void> {
  const entry = await stat(file).catch(() => undefined);
  if (!entry)
    throw new ImportError(
      file,
      'it does not exist',
      'Take the folder with its tokenizer.json; tokenizer.model and vocab.json alone are not read.',
    );
  if ((await regularFileBytes(file)) > MAX_JSON_BYTES)
    throw new ImportError(file, `it is larger than ${MAX_JSON_BYTES / 1e6} MB`);
}

/** The config of the checkpoint: that of the folder, without what the import undoes. */
function configOf(file: string, stated: Record<string, unknown>): Record<string, unknown> {
  const { quantization_config: quantised, ...config } = stated;
  if (isObject(quantised)) {
    const method = typeof quantised.quant_method === 'string' ? shown(quantised.quant_method) : 'another form';
    throw new ImportError(
      file,
      `its weights are quantised (${method}); F32, F16 and BF16 are read from folders`,
      'Take the unquantised model, or a GGUF file of it.',
    );
  }
  const type = typeof config.model_type === 'string' ? config.model_type : 'model without a model_type';
  const experts = ['num_local_experts', 'num_experts', 'n_routed_experts'].find((key) => Number(config[key]) > 0);
  if (experts !== undefined) throw unsupported(file, `${type} with ${shown(String(config[experts]))} experts (MoE)`);
  if (type === 'granitemoehybrid' && isDense(config)) {
    // The dense models of Granite 4 have no experts and attention in all layers: Granites by another name.
    return { ...config, model_type: 'granite', intermediate_size: config.shared_intermediate_size };
  }
  if (!MODEL_TYPES.has(type)) throw unsupported(file, type);
  return config;
}

function isDense({ layer_types: layers, position_embedding_type: positions }: Record<string, unknown>): boolean {
  return Array.isArray(layers) && layers.every((layer) => layer === 'attention' || layer === 'full_attention') && positions === 'rope';
}

interface FoundTensor extends TensorEntry<string> {
  readonly file: string;
}

/** The headers of one file, or of all parts that model.safetensors.index.json names. */
async function readWeights(folder: string): Promise<{ files: string[]; entries: Map<string, FoundTensor> }> {
  const indexFile = join(folder, 'model.safetensors.index.json');
  const index = await readIfThere(indexFile);
  const map = index.weight_map;
  const single = join(folder, 'model.safetensors');
  const files = isObject(map) ? shardsOf(indexFile, map).map((name) => join(folder, name)) : [single];
  const entries = new Map<string, FoundTensor>();
  for (const file of files) {
    const found = await readEntries(file, TYPES).catch((error: unknown) => {
      throw importErrorOf(error);
    });
    for (const [name, entry] of Object.entries(found)) {
      const before = entries.get(name);
      if (before) throw new ImportError(file, `the tensor ${shown(name)} is also in ${basename(before.file)}`);
      entries.set(name, { ...entry, file });
    }
  }
  for (const [name, shard] of Object.entries(isObject(map) ? map : {})) {
    if (entries.get(name)?.file !== join(folder, String(shard)))
      throw new ImportError(indexFile, `it says that ${shown(name)} is in ${shown(String(shard))}, but it is not there`);
  }
  return { files, entries };
}

/** The names of the parts: plain names of files in the same folder, whatever the index says. */
function shardsOf(file: string, map: Record<string, unknown>): string[] {
  const names = [...new Set(Object.values(map))];
  if (names.length < 1 || names.length > MAX_SHARDS)
    throw new ImportError(file, `it names ${names.length} files; 1 to ${MAX_SHARDS} are read`);
  return names.map((name) => {
    if (typeof name === 'string' && /^[\w-][\w.-]*\.safetensors$/.test(name)) return name;
    throw new ImportError(file, `${shown(JSON.stringify(name))} is not the name of a safetensors file`);
  });
}

/** A tensor as the checkpoint has it: itself, or the two halves of Granite 4's joined gate and up. */
function* partsOf(name: string, tensor: FoundTensor): Generator<[string, SourceTensor]> {
  const joined = /^(model\.layers\.\d+)\.shared_mlp\.(input|output)_linear\.weight$/.exec(name);
  const [, layer = '', which] = joined ?? [];
  if (which !== 'input') {
    yield [which === 'output' ? `${layer}.mlp.down_proj.weight` : name, sourceTensor(name, tensor)];
    return;
  }
  const [rows = 0, columns = 0] = tensor.shape;
  if (rows % 2 !== 0) throw new ImportError(tensor.file, `the tensor ${shown(name)} has an odd number of rows`);
  const half = (tensor.end - tensor.begin) / 2;
  for (const [i, part] of ['gate', 'up'].entries()) {
    const place = { shape: [rows / 2, columns], begin: tensor.begin + i * half };
    yield [`${layer}.mlp.${part}_proj.weight`, sourceTensor(name, { ...tensor, ...place })];
  }
}

const FLOATS: readonly string[] = ['F32', 'F16', 'BF16'];

function sourceTensor(name: string, { file, dtype, shape, begin }: FoundTensor): SourceTensor {
  if (!FLOATS.includes(dtype) || !isWeightType(dtype))
    throw new ImportError(
      file,
      `the tensor ${shown(name)} is ${dtype}; ${FLOATS.join(', ')} are read from folders`,
      'Take the unquantised model, or a GGUF file of it.',
    );
  return { file, name, type: dtype satisfies WeightType, shape, begin, headRows: 0 };
}

function mostUsed(entries: ReadonlyMap<string, FoundTensor>): string {
  const bytes = new Map<string, number>();
  for (const { dtype, begin, end } of entries.values()) bytes.set(dtype, (bytes.get(dtype) ?? 0) + end - begin);
  return [...bytes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 'unknown';
}

/** The folder's name. In the cache of Hugging Face, that is a digest, and the model's name is two folders above. */
function nameOf(folder: string): string {
  const [, cached] = /^models--(?:.*--)?(.+)$/.exec(basename(dirname(dirname(folder)))) ?? [];
  return cached !== undefined && basename(dirname(folder)) === 'snapshots' ? cached : basename(folder);
}

/** What the first lines of a model card say, which are YAML. */
async function readReadme(file: string): Promise<{ licence: string | undefined; page: string | undefined }> {
  const nothing = { licence: undefined, page: undefined };
  const handle = await open(file).catch(() => undefined);
  if (!handle) return nothing;
  try {
    if (!(await handle.stat()).isFile()) return nothing;
    const buffer = Buffer.alloc(MAX_README_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, MAX_README_BYTES, 0);
    const [, head = ''] = /^---\r?\n([^]*?)\r?\n---/.exec(buffer.toString('utf8', 0, bytesRead)) ?? [];
    const value = (key: string) => new RegExp(`^${key}:[ \\t]*["']?([^"'\\r\\n]+)`, 'm').exec(head)?.[1]?.trim();
    return { licence: value('license_name') ?? value('license'), page: undefined };
  } finally {
    await handle.close();
  }
}

async function readIfThere(file: string): Promise<Record<string, unknown>> {
  const isThere = await stat(file).then(
    () => true,
    () => false,
  );
  return isThere ? readObject(file) : {};
}

async function readObject(file: string): Promise<Record<string, unknown>> {
  try {
    if ((await regularFileBytes(file)) > MAX_JSON_BYTES)
      throw new ImportError(file, `it is larger than ${MAX_JSON_BYTES / 1e6} MB`);
    return parseObject(file, await readFile(file, 'utf8'));
  } catch (error) {
    throw importErrorOf(isSystemError(error) ? unreadable(file, error) : error);
  }
}
