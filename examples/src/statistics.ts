import type { Reading } from './reading.ts';

/** The measured quantities of a reading, the names of its numbers. */
export type Quantity = 'temperature' | 'pressure' | 'humidity' | 'wind';

export interface Summary {
  count: number;
  minimum: number;
  maximum: number;
  mean: number;
  median: number;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  const lower = sorted[middle - 1] ?? NaN;
  return sorted.length % 2 === 0 ? (lower + upper) / 2 : upper;
}

export function summarize(values: readonly number[]): Summary {
  return {
    count: values.length,
    minimum: Math.min(...values),
    maximum: Math.max(...values),
    mean: mean(values),
    median: median(values),
  };
}

/** The readings of each station, in the order in which the stations first appear. */
export function groupByStation(readings: readonly Reading[]): Map<string, Reading[]> {
  const groups = new Map<string, Reading[]>();
  for (const reading of readings) {
    const group = groups.get(reading.station);
    if (group === undefined) {
      groups.set(reading.station, [reading]);
    } else {
      group.push(reading);
    }
  }
  return groups;
}

export function summarizeQuantity(readings: readonly Reading[], quantity: Quantity): Summary {
  return summarize(readings.map((reading) => reading[quantity]));
}

export function summarizeTemperature(readings: readonly Reading[]): Summary {
  return summarizeQuantity(readings, 'temperature');
}

export function summarizePressure(readings: readonly Reading[]): Summary {
  return summarizeQuantity(readings, 'pressure');
}

export function summarizeHumidity(readings: readonly Reading[]): Summary {
  return summarizeQuantity(readings, 'humidity');
}
