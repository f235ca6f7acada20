/**
 * The numbers of tests that passed, failed and were skipped, added up from the closing lines of mocha (`12 passing`, `1 failing`,
 * `2 pending`), pytest (`12 passed, 1 failed, 2 skipped`) and our native tests, which write as mocha does.
 *
 * @param {string} output
 * @returns {{passing: number, failing: number, skipped: number}}
 */
export function countTests(output) {
  const plain = output.replaceAll(/\u001b\[[\d;]*m/g, '');
  const total = (pattern) => [...plain.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  // mocha gives each count a line of its own; pytest gives them all one line, after equals signs.
  const pytest =
    plain.split('\n').findLast((line) => /^(=+ )?\d+ (passed|failed|skipped|errors?)\b.* in [\d.:]+/.test(line)) ?? '';
  const inPytest = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(pytest)?.[1] ?? 0);
  return {
    passing: total(/^\s*(\d+) passing\b/gm) + inPytest('passed'),
    failing: total(/^\s*(?:\d+ passing, )?(\d+) failing\b/gm) + inPytest('failed') + inPytest('errors?'),
    skipped: total(/^\s*(\d+) pending\b/gm) + inPytest('skipped'),
  };
}

/** Longer reports would hide the names of the tests. */
const MAX_FAULT_LINES = 60;

/**
 * What a failed stage printed about its faults: what follows mocha's count of failures, the lines of single faults (pytest, our own
 * programs), or else the end.
 *
 * @param {string} output
 * @returns {string}
 */
export function faultsIn(output) {
  const lines = output
    .replaceAll(/\u001b\[[\d;]*m/g, '')
    .trimEnd()
    .split('\n');
  const count = lines.findIndex((line) => /^\s*\d+ failing\b/.test(line));
  const single = lines.filter((line) => /^\s*(failed|FAILED|ERROR)\b/.test(line));
  const report = [...(count >= 0 ? lines.slice(count) : []), ...single];
  return (report.length > 0 ? report.slice(0, MAX_FAULT_LINES) : lines.slice(-MAX_FAULT_LINES)).join('\n');
}
