/** Whole milliseconds, or seconds from one on. */
export function milliseconds(ms: number): string {
  return ms < 999.5 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Decimal units with three figures or so: `3.5 MB`, `12 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

export function percent(share: number): string {
  return `${Math.round(100 * share)}%`;
}

/** With separators: `12,345`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

/** A share of some, with what it is a share of: `38% (19 of 50)`; a dash where there is none. */
export function ratio(part: number, whole: number): string {
  return whole > 0 ? `${percent(part / whole)} (${count(part)} of ${count(whole)})` : '–';
}

/** `18 ms`, or a dash where nothing was measured. */
export function millisecondsOrNone(ms: number | undefined): string {
  return ms === undefined ? '–' : milliseconds(ms);
}
