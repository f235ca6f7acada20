import type { ModelConfig } from '../../src/matlm/config';
import type { Tensors } from './tinyCheckpoint';

/** The longest earlier match by trying every place and every length. */
export function longestMatch(tokens: readonly number[]): { length: number; token: number } | undefined {
  for (let length = Math.min(16, tokens.length - 1); length > 0; length--) {
    const end = tokens.slice(-length).join();
    for (let start = tokens.length - length - 1; start >= 0; start--) {
      if (tokens.slice(start, start + length).join() === end) return { length, token: tokens[start + length]! };
    }
  }
  return undefined;
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
