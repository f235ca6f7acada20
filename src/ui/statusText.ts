import { milliseconds } from './format';

/** As wide as a digit, and kept where blanks would be run together. */
const FIGURE_SPACE = '\u2007';

/** `XL+ 999 ms` */
const WIDTH = 10;

/** The submodel and the latency, always equally wide, so that the items beside it stay where they are. */
export function statusText(shortName: string, latencyMs: number): string {
  return `${shortName} ${milliseconds(latencyMs)}`.padEnd(WIDTH, FIGURE_SPACE);
}
