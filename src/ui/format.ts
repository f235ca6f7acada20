/** Whole milliseconds, or seconds from one second on. */
export function milliseconds(ms: number): string {
  return ms < 999.5 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Decimal units with two or three digits: `3.5 MB`, `12.0 MB`. */
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

/** With thousands separators: `12,345`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

/** A share with its two counts: `38% (19 of 50)`; a dash if the whole is 0. */
export function ratio(part: number, whole: number): string {
  return whole > 0 ? `${percent(part / whole)} (${count(part)} of ${count(whole)})` : '–';
}

/** `18 ms`, or a dash if nothing was measured. */
export function millisecondsOrNone(ms: number | undefined): string {
  return ms === undefined ? '–' : milliseconds(ms);
}

/** `12 s ago`, `3 min ago`. */
export function agoOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`;
}
