import { t } from '@vscode/l10n';
import { formatNumber } from '../localisation/language';

/** Whole milliseconds, or seconds from one second on. */
export function milliseconds(ms: number): string {
  return ms < 999.5 ? `${formatNumber(Math.max(1, Math.round(ms)))} ms` : `${decimal(ms / 1000, 1)} s`;
}

/** `43 milliseconds`, `1.2 seconds`: for a screen reader, which may spell units out letter by letter. */
export function spokenMilliseconds(ms: number): string {
  const [value, unit, digits] = ms < 999.5 ? [Math.max(1, Math.round(ms)), 'millisecond', 0] : [ms / 1000, 'second', 1];
  return formatNumber(value, { style: 'unit', unit, unitDisplay: 'long', ...digitsAfterPoint(digits) });
}

/** Decimal units with two or three digits: `3.5 MB`, `12.0 MB`. */
export function bytes(count: number): string {
  const units = ['kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'];
  if (count < 999.5) return `${formatNumber(Math.round(count))} B`;
  let value = count / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = value >= 99.95 ? 0 : 1;
  return formatNumber(value, { style: 'unit', unit: units[unit], ...digitsAfterPoint(digits), useGrouping: false });
}

export function percent(share: number): string {
  return formatNumber(Math.round(100 * share) / 100, { style: 'percent' });
}

/** With thousands separators: `12,345`. */
export function count(value: number): string {
  return formatNumber(Math.round(value));
}

export function decimal(value: number, digits: number): string {
  return formatNumber(value, { ...digitsAfterPoint(digits), useGrouping: false });
}

/** A share with its two counts: `38% (19 of 50)`; a dash if the whole is 0. */
export function ratio(part: number, whole: number): string {
  if (whole === 0) return '–';
  return t({
    message: '{0} ({1} of {2})',
    args: [percent(part / whole), count(part), count(whole)],
    comment: ['a share in percent, and the two counts behind it: 38% (19 of 50)'],
  });
}

/** `18 ms`, or a dash if nothing was measured. */
export function millisecondsOrNone(ms: number | undefined): string {
  return ms === undefined ? '–' : milliseconds(ms);
}

/** The size that is in use: `now M`. */
export function nowUsed(shortName: string): string {
  return t({ message: 'now {0}', args: [shortName], comment: ['the size that is used at the moment: now M'] });
}

/** The head of a column of latencies. */
export function percentile95(): string {
  return t({ message: '95%', comment: ['95th percentile of the latency'] });
}

/** `12 s ago`, `3 min ago`. */
export function agoOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return t('{0} s ago', seconds);
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? t('{0} min ago', minutes) : t('{0} h ago', Math.round(minutes / 60));
}

function digitsAfterPoint(digits: number) {
  return { minimumFractionDigits: digits, maximumFractionDigits: digits };
}
