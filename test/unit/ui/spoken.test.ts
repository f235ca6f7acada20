import assert from 'node:assert/strict';
import { spokenMilliseconds } from '../../../src/ui/format';
import { spokenStatus } from '../../../src/ui/spoken';
import { type StatusInput, statusOf } from '../../../src/ui/status';
import { READY } from './statusInput';

describe('the status bar for a screen reader', () => {
  const cases: [string, Partial<StatusInput>, RegExp][] = [
    [
      'the size and the latency in words',
      { last: { shortName: 'M+', latencyMs: 43.4 } },
      /^MatCoder: M\+ 43 ms\. Size M\+, last completion in 43 milliseconds\. Choose Model Size$/,
    ],
    [
      'why it is off here',
      { off: { cause: 'language', reason: 'completion is off for markdown' } },
      /^MatCoder: off here\. Off here, because completion is off for markdown\. Why No Suggestion\?$/,
    ],
    [
      'why it is quiet',
      { declinedInARow: 3, strains: [{ cause: 'power', short: 'power', long: 'the machine runs on battery' }] },
      /^MatCoder: quiet: power\. Quiet, because the machine runs on battery\. Why No Suggestion\?$/,
    ],
    [
      'that it suggests only by hand',
      { manualOnly: true },
      /^MatCoder: manual only\. Suggests only when asked by hand\. /,
    ],
    ['that the engine is ready', {}, /^MatCoder\. Ready, .+ of weights\. Choose Model Size$/],
    [
      'that the engine starts',
      { engine: { kind: 'starting' } },
      /^MatCoder starting\. Starting\. Why No Suggestion\?$/,
    ],
    [
      'that the engine failed, and that something can be done',
      { engine: { kind: 'failed', reason: 'no such folder' } },
      /^MatCoder\. Stopped: no such folder\. Show what can be done$/,
    ],
  ];
  for (const [what, change, spoken] of cases) {
    it(`says ${what}`, () => {
      for (const isBusy of [false, true]) assert.match(spokenStatus(statusOf({ ...READY, ...change, isBusy })), spoken);
    });
  }

  it('says no icon and no blanks that only fill the item', () => {
    const spoken = spokenStatus(statusOf({ ...READY, last: { shortName: 'S', latencyMs: 9 } }));
    assert.doesNotMatch(spoken, /\$\(|\u2007/);
  });

  it('says units in words', () => {
    const spoken = [0.2, 1, 43.4, 999.6, 12_345].map(spokenMilliseconds);
    assert.deepEqual(spoken, ['1 millisecond', '1 millisecond', '43 milliseconds', '1.0 seconds', '12.3 seconds']);
  });
});
