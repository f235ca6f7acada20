/** A cost over a size, both positive. */
export type Line = (x: number) => number;

/** Costs below it, in milliseconds, are taken for it: a clock may show nothing at all. */
const SMALLEST = 1e-6;

/**
 * The line nearest to the points by least squares, each weighed by the inverse of its cost, so that the small ones
 * count as much as the large. Costs do not fall with size, nor below nothing at size 0: where noise says so, the line
 * is flat or goes through the origin.
 * @returns undefined where there is no point
 */
export function fitLine(points: readonly { readonly x: number; readonly y: number }[]): Line | undefined {
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
