import assert from 'node:assert/strict';
import { countTests, faultsIn } from '../../scripts/lib/counts.mjs';

const mocha = [
  '  a suite',
  '    ✔ passes',
  '    1) does not pass',
  '',
  '  1 passing (2s)',
  '  1 failing',
  '',
  '  1) a suite',
  '       does not pass:',
  '     AssertionError: 1 !== 2',
].join('\n');
const pytest = [
  'FAILED test/python/test_a.py::test_b - assert 1 == 2',
  '1 failed, 3 passed, 2 skipped in 12.34s',
  'All checks passed!',
].join('\n');

describe('The counts of tests', () => {
  it('are those of mocha and of pytest', () => {
    assert.deepEqual(countTests(mocha), { passing: 1, failing: 1, skipped: 0 });
    assert.deepEqual(countTests(pytest), { passing: 3, failing: 1, skipped: 2 });
  });

  it('come with the names of the tests that failed', () => {
    assert.equal(faultsIn(mocha), mocha.slice(mocha.indexOf('  1 failing')));
    assert.equal(faultsIn(`failed to open a log\n${mocha}`), `${faultsIn(mocha)}\nfailed to open a log`);
    assert.equal(faultsIn(pytest), 'FAILED test/python/test_a.py::test_b - assert 1 == 2');
    assert.equal(
      faultsIn('a failed assertion of a program\nerror: no such file\n'),
      'a failed assertion of a program\nerror: no such file',
    );
  });
});
