/** A cost as a linear function of a size, both positive. */
export type CostLine = (x: number) => number;

/** Lower bound of a cost in milliseconds, because a coarse clock may show 0. */
const SMALLEST = 1e-6;

/**
 * Least squares of the relative errors, so that small costs count as much as large ones. Costs neither fall with size nor
 * are negative at size 0. If noise suggests otherwise, the line is flat or goes through the origin.
 * @returns undefined if there is no point
 */
export function fitLine(points: readonly { readonly x: number; readonly y: number }[]): CostLine | undefined {
  if (points.length === 0) return undefined;
  const sum = (of: (x: number, y: number) => number) =>
    points.reduce((total, { x, y }) => total + of(x, y) / Math.max(y, SMALLEST) ** 2, 0);
  const weight = sum(() => 1);
  const meanX = sum((x) => x) / weight;
  const meanY = sum((_, y) => y) / weight;
  const spread = sum((x) => (x - meanX) ** 2);
  const slope = spread > 0 ? Math.max(0, sum((x, y) => (x - meanX) * (y - meanY)) / spread) : meanY / meanX;
  const base = meanY - slope * meanX;
  if (base >= 0) return (x) => base + slope * x;
  const throughOrigin = sum((x, y) => x * y) / sum((x) => x * x);
  return (x) => throughOrigin * x;
}
