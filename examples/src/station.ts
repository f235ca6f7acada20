import type { Reading } from './reading.ts';

/** The readings of one station. The body of the last condition is missing, for a completion on the command line. */
export class Station {
  private readonly readings: Reading[] = [];

  add(reading: Reading): void {
    this.readings.push(reading);
  }

  get latest(): Reading | undefined {
    return this.readings.at(-1);
  }

  remove(reading: Reading): void {
    const index = this.readings.indexOf(reading);
    if (index >= 0) {
    }
  }
}
