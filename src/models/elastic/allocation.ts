/** How hidden units are shared out among the layers: an exact knapsack over steps of `WIDTH_STEP` units. */

/** The loss if a layer alone has this many steps, over that of the full model. */
export interface MeasuredLoss {
  readonly steps: number;
  readonly loss: number;
}

/**
 * The loss of a layer at each number of steps: monotone, and smooth between the measured points.
 * @param points narrowest first; the full width is not among them, because its loss is 0
 * @returns [full + 1] Infinity below the narrowest point, about which nothing is known
 */
export function lossCurve(points: readonly MeasuredLoss[], full: number): Float64Array {
  const x = [...points.map(({ steps }) => steps), full];
  const y = nonIncreasing([...points.map(({ loss }) => Math.max(0, loss)), 0]);
  const curve = new Float64Array(full + 1).fill(Infinity);
  const at = monotoneCubic(x, y);
  for (let steps = x[0] ?? full; steps <= full; steps++) curve[steps] = at(steps);
  return curve;
}

/** The nearest values that never rise, in least squares: pool adjacent violators (Barlow et al. 1972). */
export function nonIncreasing(values: readonly number[]): number[] {
  const pools: { mean: number; count: number }[] = [];
  for (const value of values) {
    let pool = { mean: value, count: 1 };
    for (let last = pools.at(-1); last && last.mean < pool.mean; last = pools.at(-1)) {
      pools.pop();
      const count = last.count + pool.count;
      pool = { mean: (last.mean * last.count + pool.mean * pool.count) / count, count };
    }
    pools.push(pool);
  }
  return pools.flatMap(({ mean, count }) => Array<number>(count).fill(mean));
}

/**
 * Through points of which neither coordinate turns back, without overshooting (Fritsch and Butland 1984).
 * @param x rising
 */
export function monotoneCubic(x: readonly number[], y: readonly number[]): (at: number) => number {
  const last = x.length - 1;
  const width = (i: number) => (x[i + 1] ?? 0) - (x[i] ?? 0);
  const secant = (i: number) => ((y[i + 1] ?? 0) - (y[i] ?? 0)) / width(i);
  const slopes = x.map((_, i) => {
    if (i === last) return 0;
    if (i === 0) return secant(0);
    const [before, after] = [secant(i - 1), secant(i)];
    if (before * after <= 0) return 0;
    const [w1, w2] = [2 * width(i) + width(i - 1), width(i) + 2 * width(i - 1)];
    return (w1 + w2) / (w1 / before + w2 / after);
  });
  return (at) => {
    const next = x.findIndex((value) => value >= at);
    if (next <= 0) return (y[next < 0 ? last : 0] ?? 0);
    const i = next - 1;
    const h = width(i);
    const t = (at - (x[i] ?? 0)) / h;
    const s = 1 - t;
    return (
      s * s * ((1 + 2 * t) * (y[i] ?? 0) + t * h * (slopes[i] ?? 0)) + t * t * ((1 + 2 * s) * (y[i + 1] ?? 0) - s * h * (slopes[i + 1] ?? 0))
    );
  };
}

/**
 * For each budget the steps of each layer with the least sum of losses, by dynamic programming.
 * @param curves from `lossCurve`, each of the same length
 * @returns the steps for a number of steps in all, or undefined if the layers need more
 */
export function allocations(curves: readonly Float64Array[]): (budget: number) => number[] | undefined {
  const full = (curves[0]?.length ?? 1) - 1;
  const most = curves.length * full;
  // best[b]: the least loss of the layers so far with at most b steps; taken[layer][b]: the steps of the layer in it.
  let best = new Float64Array(most + 1);
  const taken = curves.map((curve) => {
    const next = new Float64Array(most + 1).fill(Infinity);
    const steps = new Uint16Array(most + 1);
    for (let own = 0; own <= full; own++) {
      const loss = (curve[own] ?? 0);
      if (loss === Infinity) continue;
      for (let b = own; b <= most; b++) {
        const sum = (best[b - own] ?? 0) + loss;
        if (sum >= (next[b] ?? 0)) continue;
        next[b] = sum;
        steps[b] = own;
      }
    }
    best = next;
    return steps;
  });
  return (budget) => {
    let left = Math.min(budget, most);
    if (left < 0 || best[left] === Infinity) return undefined;
    const found: number[] = [];
    for (const steps of taken.toReversed()) {
      const own = (steps[left] ?? 0);
      found.unshift(own);
      left -= own;
    }
    return found;
  };
}

/** The least numbers of steps with which some losses are expected: each once, widest first, without the full one. */
export function stepsFor(targets: readonly number[], curve: Float64Array): number[] {
  const found = targets.map((target) => curve.findIndex((loss) => loss <= target));
  return [...new Set(found)].filter((steps) => steps < curve.length - 1).sort((a, b) => b - a);
}

/**
 * How much each layer matters, as a multiple of the mean of all: the geometric mean over the widths at which it was measured.
 * @param changes [widths, layers] of the predictions, if a layer alone is narrowed
 */
export function sensitivities(changes: readonly (readonly number[])[]): number[] {
  const [first = []] = changes;
  const logs = changes.map((row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    return row.map((value) => Math.log(Math.max(LEAST_SENSITIVITY, mean > 0 ? value / mean : 1)));
  });
  return first.map((_, layer) => Math.exp(logs.reduce((sum, row) => sum + (row[layer] ?? 0), 0) / logs.length));
}

/** A layer that seems to matter not at all was measured on too little text. */
const LEAST_SENSITIVITY = 0.05;
