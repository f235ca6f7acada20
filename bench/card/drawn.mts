/**
 * Models at the exact sizes of those that people have, with drawn weights, as GGUF files that are written where they are measured.
 * Speed and memory depend on the shape alone. The same arguments give the same bytes. As bench/shapes.py, but in Node.js alone,
 * for a machine without Python, and some rows at a time.
 */
import { createCipheriv, type Cipher } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

export interface Shape {
  readonly architecture: 'llama' | 'qwen2' | 'qwen3';
  /** llama.cpp's name of the pre-tokenizer. */
  readonly split: string;
  readonly hidden: number;
  readonly layers: number;
  readonly ffn: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabulary: number;
  readonly context: number;
  readonly ropeBase: number;
}

const QWEN = { architecture: 'qwen2', split: 'qwen2', ropeBase: 1e6, context: 8192 } as const;

export const SHAPES = {
  'matlm-46m': {
    ...{ architecture: 'qwen3', split: 'qwen2', hidden: 512, layers: 12, ffn: 2048, heads: 8, kvHeads: 2, headDim: 64 },
    ...{ vocabulary: 8192, context: 2048, ropeBase: 1e4 },
  },
  'smollm2-135m': {
    ...{
      architecture: 'llama',
      split: 'smollm',
      hidden: 576,
      layers: 30,
      ffn: 1536,
      heads: 9,
      kvHeads: 3,
      headDim: 64,
    },
    ...{ vocabulary: 49_152, context: 8192, ropeBase: 1e5 },
  },
  'qwen2.5-coder-0.5b': {
    ...{ ...QWEN, hidden: 896, layers: 24, ffn: 4864, heads: 14, kvHeads: 2, headDim: 64, vocabulary: 151_936 },
  },
  'qwen2.5-coder-1.5b': {
    ...{ ...QWEN, hidden: 1536, layers: 28, ffn: 8960, heads: 12, kvHeads: 2, headDim: 128, vocabulary: 151_936 },
  },
  tiny: {
    ...{ ...QWEN, hidden: 128, layers: 2, ffn: 256, heads: 4, kvHeads: 2, headDim: 32, vocabulary: 8192, context: 512 },
  },
} as const satisfies Record<string, Shape>;

export type ShapeName = keyof typeof SHAPES;

/** GGML's numbers of the types, the bytes of a block of 32 weights, and the standard deviation of a weight over its scale. */
const KINDS = {
  q8_0: { id: 8, blockBytes: 34, spread: 73.3 },
  q4_0: { id: 2, blockBytes: 18, spread: 4.6 },
} as const;
const F32 = 0;

export type DrawnKind = keyof typeof KINDS;

interface Drawn {
  readonly name: string;
  readonly rows: number;
  /** 0 for a vector. */
  readonly columns: number;
  readonly kind: DrawnKind;
  /** About which the numbers of a vector are. */
  readonly middle: number;
}

const ALIGNMENT = 32;

/** @param tokenizerFile the tokenizer.json whose tokens it gets, filled up with unused ones */
export function writeDrawn(file: string, shape: Shape, kind: DrawnKind, tokenizerFile: string): void {
  const tensors = tensorsOf(shape, kind);
  const descriptor = openSync(file, 'w');
  try {
    const header = headerOf(shape, tensors, tokenizerFile);
    writeSync(descriptor, header);
    writeSync(descriptor, Buffer.alloc(padding(header.length)));
    const random = new Random();
    for (const tensor of tensors) {
      if (tensor.columns === 0) writeSync(descriptor, vectorOf(tensor, random));
      else writeMatrix(descriptor, tensor, random);
      writeSync(descriptor, Buffer.alloc(padding(bytesOf(tensor))));
    }
  } finally {
    closeSync(descriptor);
  }
}

function tensorsOf(
  { architecture, hidden, layers, ffn, heads, kvHeads, headDim, vocabulary }: Shape,
  kind: DrawnKind,
): Drawn[] {
  const matrix = (name: string, rows: number, columns: number, of = kind): Drawn => ({
    ...{ name: `${name}.weight`, rows, columns, kind: of, middle: 0 },
  });
  const vector = (name: string, rows: number, middle = 1): Drawn => ({ name, rows, columns: 0, kind, middle });
  const found = [matrix('token_embd', vocabulary, hidden, 'q8_0'), vector('output_norm.weight', hidden)];
  for (let i = 0; i < layers; i++) {
    const of = `blk.${i}.`;
    const rows = { q: heads * headDim, k: kvHeads * headDim, v: kvHeads * headDim };
    found.push(vector(`${of}attn_norm.weight`, hidden), vector(`${of}ffn_norm.weight`, hidden));
    for (const [name, count] of Object.entries(rows)) {
      found.push(matrix(`${of}attn_${name}`, count, hidden));
      if (architecture === 'qwen2') found.push(vector(`${of}attn_${name}.bias`, count, 0));
      if (architecture === 'qwen3' && name !== 'v') found.push(vector(`${of}attn_${name}_norm.weight`, headDim));
    }
    found.push(matrix(`${of}attn_output`, hidden, heads * headDim));
    found.push(
      matrix(`${of}ffn_gate`, ffn, hidden),
      matrix(`${of}ffn_up`, ffn, hidden),
      matrix(`${of}ffn_down`, hidden, ffn),
    );
  }
  return found;
}

function bytesOf({ rows, columns, kind }: Drawn): number {
  return columns === 0 ? 4 * rows : ((rows * columns) / 32) * KINDS[kind].blockBytes;
}

const padding = (bytes: number) => (ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT;

function headerOf(shape: Shape, tensors: readonly Drawn[], tokenizerFile: string): Buffer {
  const parts: Buffer[] = [];
  const int32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    parts.push(bytes);
  };
  const int64 = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    parts.push(bytes);
  };
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    int64(bytes.length);
    parts.push(bytes);
  };
  const entries: (() => void)[] = [];
  const typed = (key: string, type: number, write: () => void) =>
    entries.push(() => {
      text(key);
      int32(type);
      write();
    });
  const number = (key: string, value: number) => typed(key, 4, () => int32(value));
  const real = (key: string, value: number) =>
    typed(key, 6, () => parts.push(Buffer.from(Float32Array.of(value).buffer)));
  const string = (key: string, value: string) => typed(key, 8, () => text(value));
  const list = <T,>(key: string, type: number, values: readonly T[], write: (value: T) => void) =>
    typed(key, 9, () => {
      int32(type);
      int64(values.length);
      values.forEach(write);
    });

  const {
    architecture: name,
    split,
    hidden,
    layers,
    ffn,
    heads,
    kvHeads,
    headDim,
    vocabulary,
    context,
    ropeBase,
  } = shape;
  string('general.architecture', name);
  string('general.name', 'drawn');
  for (const [key, value] of [
    ...([
      ['context_length', context],
      ['embedding_length', hidden],
      ['block_count', layers],
    ] as const),
    ...([
      ['feed_forward_length', ffn],
      ['attention.head_count', heads],
      ['attention.head_count_kv', kvHeads],
    ] as const),
    ...([
      ['attention.key_length', headDim],
      ['attention.value_length', headDim],
      ['vocab_size', vocabulary],
    ] as const),
    ['rope.dimension_count', headDim] as const,
  ])
    number(`${name}.${key}`, value);
  real(`${name}.attention.layer_norm_rms_epsilon`, 1e-6);
  real(`${name}.rope.freq_base`, ropeBase);
  const { tokens, types, merges } = vocabularyOf(tokenizerFile, vocabulary);
  string('tokenizer.ggml.model', 'gpt2');
  string('tokenizer.ggml.pre', split);
  list('tokenizer.ggml.tokens', 8, tokens, text);
  list('tokenizer.ggml.token_type', 5, types, int32);
  list('tokenizer.ggml.merges', 8, merges, text);
  number('tokenizer.ggml.eos_token_id', 0);

  parts.push(Buffer.from('GGUF'));
  int32(3);
  int64(tensors.length);
  int64(entries.length);
  for (const write of entries) write();
  let offset = 0;
  for (const tensor of tensors) {
    const { name, rows, columns, kind } = tensor;
    const sizes = columns === 0 ? [rows] : [columns, rows];
    text(name);
    int32(sizes.length);
    sizes.forEach(int64);
    int32(columns === 0 ? F32 : KINDS[kind].id);
    int64(offset);
    offset += bytesOf(tensor) + padding(bytesOf(tensor));
  }
  return Buffer.concat(parts);
}

const TOKEN = { normal: 1, control: 3, unused: 5 };

function vocabularyOf(tokenizerFile: string, size: number) {
  const { model, added_tokens } = JSON.parse(readFileSync(tokenizerFile, 'utf8')) as {
    model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
    added_tokens: { id: number; content: string }[];
  };
  const tokens = Array.from({ length: size }, (_, i) => `[PAD${i}]`);
  const types = Array<number>(size).fill(TOKEN.unused);
  for (const [token, id] of Object.entries(model.vocab)) [tokens[id], types[id]] = [token, TOKEN.normal];
  for (const { id, content } of added_tokens) [tokens[id], types[id]] = [content, TOKEN.control];
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  return { tokens, types, merges };
}

/** Bytes of a cipher with a fixed key: the same on every machine, a gigabyte in a second. */
class Random {
  private readonly cipher: Cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16));

  bytes(count: number): Buffer {
    return this.cipher.update(Buffer.alloc(count));
  }
}

/** Within 0.2 of its middle. */
function vectorOf({ rows, middle }: Drawn, random: Random): Buffer {
  const bytes = random.bytes(rows);
  return Buffer.from(Float32Array.from(bytes, (byte) => middle + (byte - 127.5) / 640).buffer);
}

const PART_BYTES = 1 << 24;

/** Random blocks, with scales with which the products keep the size of what they are made from. */
function writeMatrix(descriptor: number, tensor: Drawn, random: Random): void {
  const { blockBytes, spread } = KINDS[tensor.kind];
  // Eight scales between 0.7 and 1.3 of the mean, as float16.
  const scales = Array.from({ length: 8 }, (_, i) =>
    halfOf((0.7 + (0.6 * i) / 7) / spread / Math.sqrt(tensor.columns)),
  );
  const partBytes = Math.floor(PART_BYTES / blockBytes) * blockBytes;
  for (let left = bytesOf(tensor); left > 0; left -= partBytes) {
    const part = random.bytes(Math.min(left, partBytes));
    for (let at = 0; at < part.length; at += blockBytes) part.writeUInt16LE(scales[(part[at] ?? 0) & 7] ?? 0, at);
    writeSync(descriptor, part);
  }
}

/** A small positive number, but not below 2^-14, as float16. */
function halfOf(value: number): number {
  const exponent = Math.floor(Math.log2(value));
  if (exponent < -14) return Math.round(value * 2 ** 24); // subnormal
  return ((exponent + 15) << 10) | Math.min(1023, Math.round((value / 2 ** exponent - 1) * 1024));
}
