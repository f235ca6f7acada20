import type { NativeEncoderConfig } from '../engine/addon';
import { checkWidths } from '../matlm/config';
import { CheckpointError } from '../matlm/errors';
import { isObject, parseObject } from '../matlm/json';
import { named } from '../matlm/named';
import { readShapeOf } from '../matlm/shape';
import { layerTensorsOf, matrix, type Matrix, vector, type Vector } from '../matlm/tensors';

export interface EncoderConfig extends NativeEncoderConfig {
  /** Lengths to which an embedding can be cut, ascending; the last is the whole. */
  readonly prefixes: readonly number[];
  /** Named sizes: the FFN width of each layer, 0 if the layer is skipped. */
  readonly granularities: Readonly<Record<string, readonly number[]>>;
}

type Json = Record<string, unknown>;

/**
 * Read and check the config.json of an encoder: the keys of a MatLM, and `"encoder"`.
 * @throws {CheckpointError} naming the key at fault
 */
export function parseEncoderConfig(file: string, text: string): EncoderConfig {
  const json = parseObject(file, text);
  if (json.model_type !== 'matcoder_encoder') {
    throw new CheckpointError(
      file,
      `model_type is ${JSON.stringify(json.model_type)}, but that of an encoder is "matcoder_encoder"`,
      'Choose the folder of an encoder.',
    );
  }
  const { encoder, matformer } = json;
  if (!isObject(encoder)) throw new CheckpointError(file, '"encoder" is not an object');
  const input = oneOf(file, encoder, 'input', ['tokens', 'patches']);
  const attention = oneOf(file, encoder, 'attention', ['bidirectional', 'causal']);
  const pooling = oneOf(file, encoder, 'pooling', ['mean', 'last']);
  // Patches have no vocabulary.
  const shape = readShapeOf(file, input === 'patches' ? { ...json, vocab_size: 1 } : json, { qkNorm: true });
  const embeddingSize = whole(file, encoder, 'encoder.embedding', 4096);
  if (embeddingSize % 16 !== 0) throw new CheckpointError(file, 'encoder.embedding is not a multiple of 16');
  const longest = Math.min(shape.contextLength, Math.floor(MAX_INPUT_HEADS / shape.heads));
  const maxInput = whole(file, encoder, 'encoder.max_input', longest);

  const granularities = named<readonly number[]>();
  const stated = isObject(matformer) ? matformer.granularities : undefined;
  if (!isObject(stated)) throw new CheckpointError(file, '"matformer" has no object of granularities');
  for (const [name, widths] of Object.entries(stated)) granularities[name] = checkWidths(file, name, widths, shape);
  if (!Object.hasOwn(granularities, 'XL')) throw new CheckpointError(file, 'the granularity XL is missing');
  return {
    ...shape,
    isCausal: attention === 'causal',
    poolsLast: pooling === 'last',
    embeddingSize,
    prefixes: readPrefixes(file, encoder.prefixes, embeddingSize),
    maxInput,
    ...(input === 'patches' ? { picture: readPicture(file, encoder.picture, maxInput) } : {}),
    granularities,
  };
}

/** All tensors of an encoder under their names in its folder. */
export function encoderTensorsOf(config: EncoderConfig): (Matrix | Vector)[] {
  const { picture, hiddenSize, vocabularySize, embeddingSize } = config;
  const input = picture
    ? [
        matrix('patch_embedding', hiddenSize, picture.patch ** 2 * picture.channels),
        vector('position_embedding.weight', (picture.size / picture.patch) ** 2, hiddenSize),
      ]
    : [matrix('model.embed_tokens', vocabularySize, hiddenSize)];
  return [
    ...layerTensorsOf(config),
    vector('model.norm.weight', hiddenSize),
    ...input,
    matrix('projection', embeddingSize, hiddenSize),
  ];
}

/** As in native/src/encoder/encoder_model.cc. */
const MAX_INPUT_HEADS = 1 << 17;

function readPrefixes(file: string, value: unknown, embeddingSize: number): number[] {
  const prefixes = Array.isArray(value) ? (value as unknown[]) : [];
  const isAscending = prefixes.every(
    (n, i) => typeof n === 'number' && n % 16 === 0 && n > ((prefixes[i - 1] as number | undefined) ?? 0),
  );
  if (!isAscending || prefixes.at(-1) !== embeddingSize) {
    const rule = `ascending multiples of 16, the last of which is encoder.embedding, ${embeddingSize}`;
    throw new CheckpointError(file, `encoder.prefixes are not ${rule}`);
  }
  return prefixes as number[];
}

function readPicture(file: string, value: unknown, maxInput: number) {
  if (!isObject(value)) throw new CheckpointError(file, 'encoder.picture is not an object');
  const size = whole(file, value, 'encoder.picture.size', 4096);
  const patch = whole(file, value, 'encoder.picture.patch', size);
  const channels = whole(file, value, 'encoder.picture.channels', 4);
  if (size % patch !== 0)
    throw new CheckpointError(file, 'encoder.picture.size is not a multiple of encoder.picture.patch');
  if ((patch ** 2 * channels) % 16 !== 0 || patch ** 2 * channels > 65_536)
    throw new CheckpointError(file, 'the values of a patch are not a multiple of 16 up to 65536');
  const patches = (size / patch) ** 2;
  if (patches > maxInput)
    throw new CheckpointError(file, `a picture has ${patches} patches, but encoder.max_input is ${maxInput}`);
  return { size, patch, channels };
}

function oneOf(file: string, encoder: Json, key: string, values: readonly [string, string]): string {
  const value = encoder[key];
  const found = values.find((one) => one === value);
  if (found !== undefined) return found;
  throw new CheckpointError(file, `encoder.${key} is ${JSON.stringify(value)}; the engine knows ${values.join(', ')}`);
}

/** @param key with the names of the objects around it */
function whole(file: string, object: Json, key: string, most: number): number {
  const value = object[key.slice(key.lastIndexOf('.') + 1)];
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new CheckpointError(file, `${key} must be a whole number between 1 and ${most}`);
}
