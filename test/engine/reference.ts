import type { NativeEncoderConfig } from '../../src/engine/addon';
import type { MemoryGate, ModelConfig } from '../../src/matlm/config';
import type { Tensors } from './tinyCheckpoint';

/** What followed the earlier occurrences of the last tokens, as in native/src/memory/matches.h. */
export interface Component {
  length: number;
  count: number;
  /** By token. */
  shares: Map<number, number>;
}

/** The tokens in a document that follow an occurrence of the last `length` tokens of a text. */
function continuations(document: readonly number[], text: readonly number[], length: number): number[] {
  const end = text.slice(-length).join();
  return document.filter((_, i) => i >= length && document.slice(i - length, i).join() === end);
}

/** The longest match, and the longest that occurs at least eight times, by trying every place and every length. */
function componentsIn(documents: readonly (readonly number[])[], text: readonly number[]): Component[] {
  return [1, 8].map((support) => {
    for (let length = Math.min(32, text.length); length > 0; length--) {
      const next = documents.flatMap((document) => continuations(document, text, length));
      if (next.length < support) continue;
      const shares = new Map<number, number>();
      for (const token of next) shares.set(token, (shares.get(token) ?? 0) + 1 / next.length);
      return { length, count: next.length, shares };
    }
    return { length: 0, count: 0, shares: new Map() };
  });
}

/** Of the memory, then of the text itself. @param text without special tokens */
export function componentsOf(documents: readonly (readonly number[])[], text: readonly number[]): Component[] {
  return [...componentsIn(documents, text), ...componentsIn([text], text)];
}

/**
 * The probability of each token: the model's, mixed with what followed earlier matches.
 * @param logits [vocabulary]
 * @returns [vocabulary], and the part of each that came from matches
 */
export function mixture(
  logits: readonly number[],
  components: readonly Component[],
  gate: MemoryGate,
): { probabilities: number[]; byMatches: number[] } {
  const top = Math.max(...logits);
  const exps = logits.map((logit) => Math.exp(logit - top));
  const sum = exps.reduce((a, b) => a + b);
  const model = exps.map((e) => e / sum);
  const likeliest = logits.indexOf(top);
  const inputs = components.flatMap(({ length, count, shares }) => {
    if (length === 0) return [0, 0, 0, 0, 0, 0, 0];
    const [best = 0, share = 0] = byShare(shares)[0] ?? [];
    return [
      length / 8,
      Math.log(1 + count) / 3,
      Math.log(1 + shares.size) / 2,
      share,
      1,
      Math.log(model[best]! + 1e-4) / 4,
      Number(best === likeliest),
    ];
  });
  const through = (rows: readonly (readonly number[])[], values: readonly number[]) =>
    rows.map((row) => row.reduce((total, weight, i) => total + weight * (values[i] ?? 1), 0));
  const units = through(gate.hidden, [...inputs, Math.log(model[likeliest]! + 1e-6)]).map((unit) => Math.max(0, unit));
  const scores = through(gate.output, units).map((score, k) =>
    k > 0 && components[k - 1]!.length === 0 ? 0 : Math.exp(score),
  );
  const total = scores.reduce((a, b) => a + b);
  const byMatches = model.map(() => 0);
  for (const [k, { shares }] of components.entries())
    for (const [token, share] of shares) byMatches[token]! += (scores[k + 1]! / total) * share;
  return { probabilities: model.map((p, token) => (scores[0]! / total) * p + byMatches[token]!), byMatches };
}

/** The most frequent first; of equally frequent ones, the smallest token. */
function byShare(shares: ReadonlyMap<number, number>): [number, number][] {
  return [...shares].sort(([a, x], [b, y]) => (Math.abs(x - y) > 1e-9 ? y - x : a - b));
}

/** The mean over a text of the input of `down` and of its square, [layers * ffnSize], of the whole model. */
export function referenceActivations(config: ModelConfig, tensors: Tensors, tokens: number[]) {
  const mean = new Float64Array(config.layers * config.ffnSize);
  const square = new Float64Array(mean.length);
  referenceLogits(config, tensors, Array<number>(config.layers).fill(config.ffnSize), tokens, (layer, active) => {
    for (const [i, h] of active.entries()) {
      mean[layer * config.ffnSize + i]! += h / tokens.length;
      square[layer * config.ffnSize + i]! += h ** 2 / tokens.length;
    }
  });
  return { mean, square };
}

/**
 * The forward pass in double precision, written from the equations: logits after every token.
 * @param onActive hears the input of `down` of each token
 */
export function referenceLogits(
  config: ModelConfig,
  tensors: Tensors,
  widths: number[],
  tokens: number[],
  onActive: (layer: number, active: number[]) => void = () => undefined,
): number[][] {
  const { row, multiply } = matricesOf(tensors);
  const embedded = tokens.map((token) => [...row('model.embed_tokens', token)]);
  return referenceBlocks(config, tensors, widths, embedded, true, onActive).map((normed) =>
    multiply('model.embed_tokens', config.vocabularySize, normed),
  );
}

/** How an encoder pools and what it reads: tokens or pixels. */
export interface ReferenceInput {
  readonly tokens?: readonly number[];
  readonly pixels?: Uint8Array;
}

/** An encoder's embedding of one input in double precision, written from the equations. */
export function referenceEmbedding(
  config: NativeEncoderConfig,
  tensors: Tensors,
  widths: number[],
  { tokens = [], pixels = new Uint8Array() }: ReferenceInput,
): number[] {
  const { row, multiply } = matricesOf(tensors);
  const { hiddenSize, picture } = config;
  const patches = picture ? patchesOf(pixels, picture) : [];
  const input = picture
    ? patches.map((values, i) =>
        add(multiply('patch_embedding', hiddenSize, values), [...row('position_embedding', i)]),
      )
    : tokens.map((token) => [...row('model.embed_tokens', token)]);
  const normed = referenceBlocks(config, tensors, widths, input, config.isCausal);
  const mean = Array.from({ length: hiddenSize }, (_, j) => normed.reduce((sum, x) => sum + x[j]! / normed.length, 0));
  const embedding = multiply('projection', config.embeddingSize, config.poolsLast ? normed.at(-1)! : mean);
  const length = Math.sqrt(dot(embedding, embedding));
  return embedding.map((value) => value / length);
}

/** [patches, patch * patch * channels] of a picture [size, size, channels], in -1..1. */
function patchesOf(pixels: Uint8Array, { size, patch, channels }: Picture): number[][] {
  const side = size / patch;
  return Array.from({ length: side * side }, (_, i) => {
    const [top, left] = [Math.floor(i / side) * patch, (i % side) * patch];
    return Array.from({ length: patch * patch * channels }, (_, j) => {
      const [y, x, channel] = [Math.floor(j / channels / patch), Math.floor(j / channels) % patch, j % channels];
      return pixels[((top + y) * size + left + x) * channels + channel]! / 127.5 - 1;
    });
  });
}

type Picture = NonNullable<NativeEncoderConfig['picture']>;

/** Rows of matrices in whatever form they are, and their products. */
function matricesOf(tensors: Tensors) {
  const known = new Map<string, Float64Array>();
  const row = (name: string, r: number): Float64Array => {
    const key = `${name}[${r}]`;
    const found = known.get(key) ?? dequantised(tensors, name, r);
    known.set(key, found);
    return found;
  };
  const multiply = (name: string, rows: number, x: ArrayLike<number>) =>
    Array.from({ length: rows }, (_, r) => dot(row(name, r), x));
  return { row, multiply };
}

function dequantised(tensors: Tensors, name: string, r: number): Float64Array {
  const part = (end: string) => {
    const tensor = tensors[`${name}.weight${end}`];
    const columns = tensor?.shape[1] ?? 0;
    return tensor?.values.subarray(r * columns, (r + 1) * columns);
  };
  const [scales, minimums, bytes, values] = [part('_scale') ?? [1], part('_min'), part('_packed'), part('')];
  const zero = minimums ? 0 : 8;
  const numbers = new Float64Array(bytes ? 2 * bytes.length : values!.length);
  const group = numbers.length / scales.length;
  for (let i = 0; i < numbers.length; i++) {
    const q = bytes ? ((bytes[i >> 1]! >> (4 * (i & 1))) & 15) - zero : values![i]!;
    const g = Math.floor(i / group);
    numbers[i] = q * scales[g]! + (minimums ? minimums[g]! : 0);
  }
  return numbers;
}

/** From the inputs of the first layer, [positions, hidden], to those after the last norm. */
function referenceBlocks(
  config: ModelConfig,
  tensors: Tensors,
  widths: number[],
  input: number[][],
  isCausal: boolean,
  onActive: (layer: number, active: number[]) => void = () => undefined,
): number[][] {
  const { hiddenSize: d, heads, kvHeads, headDim, ropeFrequencies, normEps, hasQkNorm } = config;
  const vector = (name: string) => Array.from(tensors[name]!.values);
  const norm = (x: number[], weight: readonly number[] | undefined) => {
    if (!weight) return x;
    const scale = 1 / Math.sqrt(dot(x, x) / x.length + normEps);
    return x.map((v, i) => v * scale * weight[i]!);
  };
  const rotate = (x: number[], position: number) => {
    const half = headDim / 2;
    return x.map((v, i) => {
      const angle = position * (ropeFrequencies[i % half] ?? 0);
      return i < half
        ? v * Math.cos(angle) - x[i + half]! * Math.sin(angle)
        : v * Math.cos(angle) + x[i - half]! * Math.sin(angle);
    });
  };
  const split = (x: number[], count: number) =>
    Array.from({ length: count }, (_, h) => x.slice(h * headDim, (h + 1) * headDim));
  const scaled = (y: number[]) => y.map((v) => v * config.residualScale);

  let xs = input;
  widths.forEach((width, l) => {
    if (width === 0) return;
    const layer = `model.layers.${l}.`;
    const { multiply } = matricesOf(tensors);
    const ns = xs.map((x) => norm(x, vector(`${layer}input_layernorm.weight`)));
    const [qNorm, kNorm] = hasQkNorm ? ['q', 'k'].map((p) => vector(`${layer}self_attn.${p}_norm.weight`)) : [];
    const keys = ns.map((n, position) =>
      split(multiply(`${layer}self_attn.k_proj`, kvHeads * headDim, n), kvHeads).map((head) =>
        rotate(norm(head, kNorm), position),
      ),
    );
    const values = ns.map((n) => split(multiply(`${layer}self_attn.v_proj`, kvHeads * headDim, n), kvHeads));
    const afterAttention = xs.map((x, position) => {
      const q = split(multiply(`${layer}self_attn.q_proj`, heads * headDim, ns[position]!), heads);
      const mixed = q.flatMap((head, h) => {
        const turned = rotate(norm(head, qNorm), position);
        const kv = Math.floor((h * kvHeads) / heads);
        const seen = isCausal ? keys.slice(0, position + 1) : keys;
        const scores = seen.map((key) => dot(turned, key[kv]!) / Math.sqrt(headDim));
        const top = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - top));
        const total = weights.reduce((a, b) => a + b);
        return head.map((_, i) => weights.reduce((sum, w, p) => sum + (w / total) * values[p]![kv]![i]!, 0));
      });
      return add(x, scaled(multiply(`${layer}self_attn.o_proj`, d, mixed)));
    });
    xs = afterAttention.map((x) => {
      const f = norm(x, vector(`${layer}post_attention_layernorm.weight`));
      const gate = multiply(`${layer}mlp.gate_proj`, width, f);
      const up = multiply(`${layer}mlp.up_proj`, width, f);
      const active = gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
      onActive(l, active);
      // Each unit that is missing has its mean activation.
      const mean = config.hasCompensation ? vector(`${layer}mlp.mean_active`) : [];
      return add(x, scaled(multiply(`${layer}mlp.down_proj`, d, [...active, ...mean.slice(width)])));
    });
  });
  return xs.map((x) => norm(x, vector('model.norm.weight')));
}

/** The shorter of the two decides: a prefix of a row is a submodel's row. */
function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function add(a: number[], b: number[]): number[] {
  return a.map((v, i) => v + b[i]!);
}
