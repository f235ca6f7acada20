/** What an import writes: the form of every tensor, and its place in model.safetensors. */
import type { WeightForm } from '../engine/addon';
import { parseConfig } from '../matlm/config';
import type { ModelConfig } from '../matlm/shape';
import { GROUP, tensorsOf } from '../matlm/tensors';
import { READ_TYPES, type WeightType } from './ggmlTypes';
import { ImportError, shown } from './importError';
import { Layout, type Part, sizeOf } from './layout';
import type { Source, SourceTensor } from './source';

export type Bits = 8 | 4;

/** A tensor of the checkpoint: where it comes from, and where its parts go. */
export interface PlannedTensor {
  readonly source: SourceTensor;
  readonly rows: number;
  readonly columns: number;
  readonly form: WeightForm;
  readonly values: Part;
  readonly scales?: Part;
  readonly minimums?: Part;
}

export interface ImportPlan {
  readonly config: ModelConfig;
  readonly bits: Bits;
  readonly parameters: number;
  readonly tensors: readonly PlannedTensor[];
  /** The safetensors header, with its length before it. */
  readonly header: Buffer;
  /** Of model.safetensors. */
  readonly fileBytes: number;
}

/** A file of mostly four bits is imported with four, any other with eight. */
export function defaultBits(source: Source): Bits {
  return isMostlyFourBits(source) ? 4 : 8;
}

function isMostlyFourBits({ tensors }: Source): boolean {
  const weights = { four: 0, all: 0 };
  for (const { type, shape } of tensors.values()) {
    if (shape.length < 2) continue;
    const count = sizeOf(shape);
    weights.all += count;
    if (READ_TYPES[type] === 4) weights.four += count;
  }
  return 2 * weights.four > weights.all;
}

/**
 * Check a source against the shape that its config implies, and lay out the checkpoint.
 * @throws {ImportError} naming the tensor or key at fault
 */
export function planImport(source: Source, bits: Bits): ImportPlan {
  const { model } = parseConfig(source.path, textOf(source));
  const wanted = tensorsOf(model).map((tensor) => {
    const found = source.tensors.get(tensor.name);
    if (!found) throw new ImportError(source.path, `the tensor ${tensor.name} is missing`);
    if (found.shape.join() !== tensor.shape.join()) {
      const [given, expected] = [found.shape, tensor.shape].map((sizes) => `[${sizes.join(', ')}]`);
      throw new ImportError(
        found.file,
        `the tensor ${shown(found.name)} has the shape ${given ?? ''}, but the model's sizes imply ${expected ?? ''}`,
      );
    }
    if (!tensor.isMatrix && !FLOATS.includes(found.type))
      throw new ImportError(
        found.file,
        `the tensor ${shown(found.name)} is ${found.type}, but a vector has to be ${FLOATS.join(', ')}`,
      );
    return { ...tensor, source: found };
  });
  const names = new Set(wanted.map(({ name }) => name));
  for (const [name, { file, name: given }] of source.tensors) {
    if (!names.has(name))
      throw new ImportError(file, `it has the tensor ${shown(given)}, which the engine would not compute with`);
  }
  const forms = formsOf(wanted, bits, isMostlyFourBits(source));
  const layout = new Layout();
  const tensors = wanted.map(({ name, shape, isMatrix, source: found }): PlannedTensor => {
    const [rows, columns] = isMatrix ? shape : [shape[0], 1];
    const form = forms.get(name) ?? 'float';
    const groups = [rows, columns / GROUP];
    const place = { source: found, rows, columns, form };
    switch (form) {
      case 'float':
        return { ...place, values: layout.add(name, 'F32', shape) };
      case '8':
        return {
          ...place,
          values: layout.add(name, 'I8', shape),
          scales: layout.add(`${name}_scale`, 'F16', groups),
        };
      case '4':
      case '4min':
        return {
          ...place,
          values: layout.add(`${name}_packed`, 'U8', [rows, columns / 2]),
          scales: layout.add(`${name}_scale`, 'F16', groups),
          ...(form === '4min' ? { minimums: layout.add(`${name}_min`, 'F16', groups) } : {}),
        };
    }
  });
  const header = layout.header();
  return {
    config: model,
    bits,
    parameters: wanted.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    tensors,
    header,
    fileBytes: header.length + layout.bytes,
  };
}

function textOf({ path, config }: Source): string {
  try {
    return JSON.stringify(config);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ImportError(path, 'its config.json is nested too deeply');
  }
}

/** Types of one number each: the blocks of others are parts of a row. */
const FLOATS: readonly WeightType[] = ['F32', 'F16', 'BF16'];

/** Source types whose values each form keeps exactly. */
const EXACT: Readonly<Record<'8' | '4' | '4min', readonly WeightType[]>> = {
  '8': ['Q8_0', 'Q5_0', 'Q4_0'],
  '4': ['Q4_0'],
  '4min': ['Q4_1', 'Q4_0', 'Q4_K'],
};

interface Wanted {
  readonly name: string;
  readonly shape: readonly number[];
  readonly isMatrix: boolean;
  readonly source: SourceTensor;
}

/**
 * The form of each matrix by name.
 *
 * With eight bits, all have eight. With four, a tensor that a file of mostly four bits stores in more keeps eight, because those
 * are the ones that its author measured to be sensitive; so do the embedding and the head of any other source. The engine joins
 * queries, keys and values, and gate and up: such a group has one form, the widest of its members.
 */
function formsOf(wanted: readonly Wanted[], bits: Bits, isFourBits: boolean): Map<string, WeightForm> {
  const forms = new Map<string, WeightForm>();
  const groups = new Map<string, WeightForm>();
  const order = ['4', '4min', '8', 'float'] as const;
  const groupOf = (name: string) => name.replace(/\.(q|k|v)_proj\./, '.qkv.').replace(/\.(gate|up)_proj\./, '.gate_up.');
  for (const { name, shape, isMatrix, source } of wanted) {
    if (!isMatrix) continue;
    const form = formOf(name, shape, source.type, bits, isFourBits);
    const before = groups.get(groupOf(name)) ?? '4';
    groups.set(groupOf(name), order[Math.max(order.indexOf(form), order.indexOf(before))] ?? form);
  }
  for (const { name, isMatrix } of wanted) if (isMatrix) forms.set(name, groups.get(groupOf(name)) ?? '8');
  return forms;
}

function formOf(
  name: string,
  shape: readonly number[],
  type: WeightType,
  bits: Bits,
  isFourBits: boolean,
): WeightForm {
  if ((shape[1] ?? 0) % GROUP !== 0) return 'float';
  if (bits === 8) return '8';
  const isEdge = name === 'model.embed_tokens.weight' || name === 'lm_head.weight';
  if (READ_TYPES[type] !== 4 && (isFourBits || isEdge)) return '8';
  return EXACT['4'].includes(type) ? '4' : '4min';
}

/** How an import changes the weights, for people. */
export function isExact({ form, source }: PlannedTensor): boolean {
  return form === 'float' || EXACT[form].includes(source.type);
}
