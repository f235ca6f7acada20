import type { Reading } from './reading.ts';
import { groupByStation, summarizeQuantity, type Quantity, type Summary } from './statistics.ts';
import { convertTemperature, type TemperatureUnit } from './units.ts';

export interface ReportOptions {
  title: string;
  temperatureUnit: TemperatureUnit;
  decimals: number;
}

const defaults: ReportOptions = {
  title: 'Weather report',
  temperatureUnit: 'celsius',
  decimals: 1,
};

const headings: Record<Quantity, string> = {
  temperature: 'Temperature',
  pressure: 'Pressure (hPa)',
  humidity: 'Humidity (%)',
  wind: 'Wind (m/s)',
};

function formatNumber(value: number, decimals: number): string {
  return value.toFixed(decimals).padStart(9);
}

function formatSummary(name: string, summary: Summary, decimals: number): string {
  const columns = [
    formatNumber(summary.minimum, decimals),
    formatNumber(summary.maximum, decimals),
    formatNumber(summary.mean, decimals),
    formatNumber(summary.median, decimals),
  ];
  return `  ${name.padEnd(16)}${columns.join('')}`;
}

/** A table for each station: a row for each quantity, with its least, greatest, mean and median value. */
export function formatReport(readings: readonly Reading[], options: Partial<ReportOptions> = {}): string {
  const { title, temperatureUnit, decimals } = { ...defaults, ...options };
  const lines = [title, '='.repeat(title.length)];
  const converted = readings.map((reading) => ({
    ...reading,
    temperature: convertTemperature(reading.temperature, temperatureUnit),
  }));
  for (const [station, group] of groupByStation(converted)) {
    lines.push('', `${station} (${group.length} readings)`);
    lines.push(formatSummary(headings.temperature, summarizeQuantity(group, 'temperature'), decimals));
    lines.push(formatSummary(headings.pressure, summarizeQuantity(group, 'pressure'), decimals));
    lines.push(formatSummary(headings.humidity, summarizeQuantity(group, 'humidity'), decimals));
    lines.push(formatSummary(headings.wind, summarizeQuantity(group, 'wind'), decimals));
  }
  return lines.join('\n');
}
