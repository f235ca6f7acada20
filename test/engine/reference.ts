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

/** The forward pass in double precision, written from the equations: logits after every token. */
export function referenceLogits(config: ModelConfig, tensors: Tensors, widths: number[], tokens: number[]): number[][] {
  const { hiddenSize: d, heads, kvHeads, headDim, ropeTheta, normEps } = config;
  const vector = (name: string) => Array.from(tensors[name]!.values);
  const row = (name: string, r: number): number[] => {
    const { dtype, shape, values } = tensors[`${name}.weight`]!;
    const k = shape[1]!;
    const scale = dtype === 'I8' ? tensors[`${name}.weight_scale`]!.values[r]! : 1;
    return Array.from(values.subarray(r * k, (r + 1) * k), (v) => v * scale);
  };
  const multiply = (name: string, rows: number, x: number[]) =>
    Array.from({ length: rows }, (_, r) => dot(row(name, r), x));
  const norm = (x: number[], weight: number[]) => {
    const scale = 1 / Math.sqrt(dot(x, x) / x.length + normEps);
    return x.map((v, i) => v * scale * weight[i]!);
  };
  const rotate = (x: number[], position: number) => {
    const half = headDim / 2;
    return x.map((v, i) => {
      const angle = position * ropeTheta ** ((-2 * (i % half)) / headDim);
      return i < half
        ? v * Math.cos(angle) - x[i + half]! * Math.sin(angle)
        : v * Math.cos(angle) + x[i - half]! * Math.sin(angle);
    });
  };
  const split = (x: number[], count: number) =>
    Array.from({ length: count }, (_, h) => x.slice(h * headDim, (h + 1) * headDim));

  const keys: number[][][][] = widths.map(() => []);
  const values: number[][][][] = widths.map(() => []);
  return tokens.map((token, position) => {
    let x = row('model.embed_tokens', token);
    widths.forEach((width, l) => {
      if (width === 0) return;
      const layer = `model.layers.${l}.`;
      const n = norm(x, vector(`${layer}input_layernorm.weight`));
      const [qNorm, kNorm] = ['q', 'k'].map((p) => vector(`${layer}self_attn.${p}_norm.weight`));
      const q = split(multiply(`${layer}self_attn.q_proj`, heads * headDim, n), heads);
      const k = split(multiply(`${layer}self_attn.k_proj`, kvHeads * headDim, n), kvHeads);
      keys[l]!.push(k.map((head) => rotate(norm(head, kNorm!), position)));
      values[l]!.push(split(multiply(`${layer}self_attn.v_proj`, kvHeads * headDim, n), kvHeads));
      const mixed = q.flatMap((head, h) => {
        const turned = rotate(norm(head, qNorm!), position);
        const kv = Math.floor((h * kvHeads) / heads);
        const scores = keys[l]!.map((past) => dot(turned, past[kv]!) / Math.sqrt(headDim));
        const top = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - top));
        const total = weights.reduce((a, b) => a + b);
        return head.map((_, i) => weights.reduce((sum, w, p) => sum + (w / total) * values[l]![p]![kv]![i]!, 0));
      });
      x = add(x, multiply(`${layer}self_attn.o_proj`, d, mixed));
      const f = norm(x, vector(`${layer}post_attention_layernorm.weight`));
      const gate = multiply(`${layer}mlp.gate_proj`, width, f);
      const up = multiply(`${layer}mlp.up_proj`, width, f);
      const active = gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
      x = add(x, multiply(`${layer}mlp.down_proj`, d, active));
    });
    return multiply('model.embed_tokens', config.vocabularySize, norm(x, vector('model.norm.weight')));
  });
}

/** The shorter of the two decides: a prefix of a row is a submodel's row. */
function dot(a: number[], b: number[]): number {
  let sum = 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) sum += a[i]! * b[i]!;
  return sum;
}

function add(a: number[], b: number[]): number[] {
  return a.map((v, i) => v + b[i]!);
}
