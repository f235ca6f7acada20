import { ReadingError } from './reading.ts';

/** What is expected of a day at a station: `2026-04-02,north,9.5,1009.1`. */
export interface Forecast {
  day: Date;
  station: string;
  /** Degrees Celsius. */
  temperature: number;
  /** Hectopascal. */
  pressure: number;
}

export function parseForecast(text: string, line: number): Forecast {
  const [day, station, temperature, pressure] = text.split(',');
  if (day === undefined || station === undefined) throw new ReadingError(line, `no forecast: ${text}`);
  return { day: new Date(day), station, temperature: Number(temperature), pressure: Number(pressure) };
}
