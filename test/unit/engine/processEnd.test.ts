import assert from 'node:assert/strict';
import { endOf, firstLineOf } from '../../../src/engine/processEnd';

describe('the end of a process, for people', () => {
  const cases: [number | null, NodeJS.Signals | null, string][] = [
    [null, 'SIGSEGV', 'ended by SIGSEGV'],
    [3, null, 'ended with exit code 3'],
    [0xc0000005, null, 'ended with exit code 0xC0000005'], // an access violation on Windows
    [null, null, 'ended with exit code null'],
  ];
  for (const [code, signal, expected] of cases) {
    it(expected, () => {
      assert.equal(endOf(code, signal), expected);
    });
  }

  it('quotes the first line, whichever line ends the system has', () => {
    assert.equal(firstLineOf('\r\nC:\\a.node is no program.\r\nat load\r\n'), 'C:\\a.node is no program.');
    assert.equal(firstLineOf('lost\nat load\n'), 'lost');
    assert.equal(firstLineOf(''), '');
  });
});
