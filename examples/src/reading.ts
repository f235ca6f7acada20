/** One line of the station's log: `2026-04-01T06:00Z,north,8.4,1013.2,71,3.5`. */
export interface Reading {
  time: Date;
  station: string;
  /** Degrees Celsius. */
  temperature: number;
  /** Hectopascal, reduced to sea level. */
  pressure: number;
  /** Percent. */
  humidity: number;
  /** Metres per second. */
  wind: number;
}

export class ReadingError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.name = 'ReadingError';
    this.line = line;
  }
}

function parseNumber(text: string | undefined, name: string, line: number): number {
  const value = Number(text);
  if (text === undefined || text === '' || Number.isNaN(value)) {
    throw new ReadingError(line, `${name} is not a number: ${text}`);
  }
  return value;
}

function parseTime(text: string | undefined, line: number): Date {
  const time = new Date(text ?? '');
  if (Number.isNaN(time.getTime())) {
    throw new ReadingError(line, `time is not a date: ${text}`);
  }
  return time;
}

function validate(reading: Reading, line: number): void {
  if (reading.temperature < -90 || reading.temperature > 60) {
    throw new ReadingError(line, `temperature is out of range: ${reading.temperature}`);
  }
  if (reading.pressure < 850 || reading.pressure > 1100) {
    throw new ReadingError(line, `pressure is out of range: ${reading.pressure}`);
  }
  if (reading.humidity < 0 || reading.humidity > 100) {
    throw new ReadingError(line, `humidity is out of range: ${reading.humidity}`);
  }
  if (reading.wind < 0 || reading.wind > 120) {
    throw new ReadingError(line, `wind is out of range: ${reading.wind}`);
  }
}

export function parseReading(text: string, line: number): Reading {
  const [time, station, temperature, pressure, humidity, wind] = text.split(',');
  const reading: Reading = {
    time: parseTime(time, line),
    station: station ?? '',
    temperature: parseNumber(temperature, 'temperature', line),
    pressure: parseNumber(pressure, 'pressure', line),
    humidity: parseNumber(humidity, 'humidity', line),
    wind: parseNumber(wind, 'wind', line),
  };
  validate(reading, line);
  return reading;
}

/** Every line that is not empty; the first faulty one throws. */
export function parseLog(text: string): Reading[] {
  return text
    .split('\n')
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== '')
    .map(({ line, number }) => parseReading(line, number));
}
