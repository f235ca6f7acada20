/** Places in the sample project whose continuation is so clear that a small model is confident. */

/** Below the last entry of an object of statistics, the name of one more. */
export const oneMoreEntry = {
  path: 'src/statistics.ts',
  below: 'median: median(values),',
  typed: 'sum: ',
};

/** Below three functions alike, the result of a fourth: every size is confident of it. */
export const oneMoreSignature = {
  path: 'src/statistics.ts',
  below: "return summarizeQuantity(readings, 'humidity');",
  skipLines: 1,
  typed: '\nexport function summarizeWind(readings: readonly Reading[]): ',
};
