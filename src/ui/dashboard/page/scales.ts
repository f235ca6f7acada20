/** Maps values to positions on the screen. */
export type Scale = (value: number) => number;

/** A straight line through (from, start) and (to, end); a domain without extent maps to the middle. */
export function linear([from, to]: readonly [number, number], [start, end]: readonly [number, number]): Scale {
  if (from === to) return () => (start + end) / 2;
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

/** About `wanted` round values (1, 2 or 5 times a power of ten apart) that lie within the domain, ascending. */
export function ticks([from, to]: readonly [number, number], wanted: number): number[] {
  const step = roundStep((to - from) / wanted);
  if (!(step > 0)) return [from];
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(decimals)));
}

/** The domain of the values, widened to the round values around it; 0 to 1 if there are none. */
export function roundDomain(values: readonly number[], wanted: number): [number, number] {
  if (values.length === 0) return [0, 1];
  const from = Math.min(...values);
  const to = Math.max(...values);
  const step = roundStep((to - from || Math.abs(to) || 1) / wanted);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const round = (value: number) => Number(value.toFixed(decimals));
  return [round(Math.floor(from / step + 1e-9) * step), round(Math.ceil(to / step - 1e-9) * step)];
}

/** The least of 1, 2, 5 times a power of ten that is not below the value. */
function roundStep(value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((f) => f * power >= value * (1 - 1e-9)) ?? 10;
  return factor * power;
}
