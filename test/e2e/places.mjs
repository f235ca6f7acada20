/** Where the sample project leaves little doubt about what comes next, so that a small model is sure of itself. */

/** Below four calls alike, the beginning of a fifth. */
export const oneMoreCall = {
  path: 'src/report.ts',
  below: "lines.push(formatSummary(headings.wind, summarizeQuantity(group, 'wind'), decimals));",
  typed: 'lines.',
};

/** Below three functions alike, the head of a fourth up to its result. */
export const oneMoreFunction = {
  path: 'src/statistics.ts',
  below: "return summarizeQuantity(readings, 'humidity');",
  skipLines: 1,
  typed: '\nexport function summarizeWind(readings: readonly Reading[]):',
};
