const MAX_STEPS = 30;
/** Keeps the weights of features that hardly vary small. */
const RIDGE = 1;

/**
 * Logistic regression by Newton's method.
 * @param rows features, [n, d]
 * @param labels right or not, [n]
 * @returns weights, [d]
 */
export function fitLogistic(rows: readonly (readonly number[])[], labels: readonly boolean[]): number[] {
  const size = rows[0]?.length ?? 0;
  let weights = new Array<number>(size).fill(0);
  for (let step = 0; step < MAX_STEPS; step++) {
    const gradient = weights.map((weight) => -RIDGE * weight);
    const hessian = weights.map((_, i) => weights.map((__, j): number => (i === j ? RIDGE : 0)));
    rows.forEach((row, n) => {
      const p = 1 / (1 + Math.exp(-dot(row, weights)));
      const error = Number(labels[n]) - p;
      for (let i = 0; i < size; i++) {
        gradient[i] = (gradient[i] ?? 0) + error * (row[i] ?? 0);
        const line = hessian[i] ?? [];
        for (let j = 0; j < size; j++) line[j] = (line[j] ?? 0) + p * (1 - p) * (row[i] ?? 0) * (row[j] ?? 0);
      }
    });
    const change = solve(hessian, gradient);
    weights = weights.map((weight, i) => weight + (change[i] ?? 0));
    if (Math.max(...change.map(Math.abs)) < 1e-6) break;
  }
  return weights;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}

/** Gaussian elimination with partial pivoting; both arguments are used up. */
function solve(matrix: number[][], right: number[]): number[] {
  const size = right.length;
  const at = (i: number, j: number) => matrix[i]?.[j] ?? 0;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let i = column + 1; i < size; i++) if (Math.abs(at(i, column)) > Math.abs(at(pivot, column))) pivot = i;
    [matrix[column], matrix[pivot]] = [matrix[pivot] ?? [], matrix[column] ?? []];
    [right[column], right[pivot]] = [right[pivot] ?? 0, right[column] ?? 0];
    for (let i = column + 1; i < size; i++) {
      const factor = at(i, column) / at(column, column);
      matrix[i] = (matrix[i] ?? []).map((value, j) => value - factor * at(column, j));
      right[i] = (right[i] ?? 0) - factor * (right[column] ?? 0);
    }
  }
  const solution = new Array<number>(size).fill(0);
  for (let i = size - 1; i >= 0; i--) {
    const known = solution.reduce((sum, value, j) => sum + (j > i ? at(i, j) * value : 0), 0);
    solution[i] = ((right[i] ?? 0) - known) / at(i, i);
  }
  return solution;
}
