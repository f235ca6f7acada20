import assert from 'node:assert/strict';
import { type StatusInput, statusOf } from '../../../src/ui/status';
import { READY } from './statusInput';

const LAST = { shortName: 'M', latencyMs: 43 };
const BUSY = { cause: 'busy', short: 'busy', long: 'other programs use the processor' } as const;
const BATTERY = { cause: 'power', short: 'power', long: 'the machine runs on battery' } as const;
const OFF = { cause: 'language', reason: 'completion is off for markdown' } as const;

const WHY = 'matcoder.whyNoSuggestion';
const PICK = 'matcoder.pickSubmodel';

describe('the status bar', () => {
  const cases: [string, Partial<StatusInput>, text: string, label: RegExp, command: string][] = [
    ['that the engine starts', { engine: { kind: 'starting' } }, '$(sync~spin) MatCoder starting', /^starting$/, WHY],
    [
      'that the engine restarts, and why',
      { engine: { kind: 'restarting', reason: 'it ended by SIGSEGV', delayMs: 1 }, last: LAST, off: OFF },
      '$(sync~spin) MatCoder restarting',
      /^restarting, because it ended by SIGSEGV$/,
      WHY,
    ],
    [
      'that the engine failed, before all else',
      { engine: { kind: 'failed', reason: 'no such folder' }, last: LAST, off: OFF, manualOnly: true },
      '$(error) MatCoder',
      /^stopped: no such folder$/,
      'matcoder.recover',
    ],
    ['its name before the first completion', {}, '$(sparkle) MatCoder', /^ready, /, PICK],
    ['the last completion', { last: LAST }, '$(sparkle) M 43 ms', /^size M, last completion in 43 milliseconds$/, PICK],
    ['that one is in progress', { last: LAST, isBusy: true }, '$(loading~spin) M 43 ms', /^size M/, PICK],
    [
      'that it is off here',
      { off: OFF, last: LAST, manualOnly: true, isBusy: true },
      '$(circle-slash) off here',
      /^off here, because completion is off for markdown$/,
      WHY,
    ],
    [
      'that it suggests only by hand',
      { manualOnly: true, last: LAST, declinedInARow: 9 },
      '$(debug-pause) manual only',
      /^suggests only when asked by hand$/,
      WHY,
    ],
    [
      'that it is quiet on a busy machine',
      { declinedInARow: 3, strains: [BUSY, BATTERY], last: LAST },
      '$(watch) quiet: busy',
      /^quiet, because other programs use the processor and the machine runs on battery$/,
      WHY,
    ],
    [
      'that it is quiet on battery',
      { declinedInARow: 3, strains: [BATTERY] },
      '$(watch) quiet: power',
      /battery$/,
      WHY,
    ],
    [
      'that it is quiet because its share of the processor is used up',
      { declinedInARow: 3, last: LAST },
      '$(dash) quiet',
      /^quiet, because the engine has used its share of the processor for now$/,
      WHY,
    ],
    [
      'the last completion, if a request or two were declined since',
      { declinedInARow: 2, strains: [BUSY], last: LAST },
      '$(sparkle) M 43 ms',
      /^size M/,
      PICK,
    ],
    [
      'the last completion by an imported model, whose name is short enough for the status bar',
      { last: { shortName: 'SmolLM2 135M Instruct', latencyMs: 143 } },
      '$(sparkle) SmolLM2 135M… 143 ms',
      /^size SmolLM2 135M Instruct, last completion in 143 milliseconds$/,
      PICK,
    ],
    [
      'the last completion by a size of an imported model, which is not cut off',
      { last: { shortName: 'SmolLM2 135M Instruct L', latencyMs: 97 } },
      '$(sparkle) SmolLM2 135… L 97 ms',
      /^size SmolLM2 135M Instruct L, last completion in 97 milliseconds$/,
      PICK,
    ],
    [
      'the last completion on a busy machine that answers',
      { strains: [BUSY], last: LAST },
      '$(sparkle) M 43 ms',
      /^size M/,
      PICK,
    ],
  ];
  for (const [what, change, text, label, command] of cases) {
    it(`shows ${what}`, () => {
      const status = statusOf({ ...READY, ...change });
      assert.equal(status.text.replaceAll('\u2007', ''), text);
      assert.match(status.label, label);
      assert.equal(status.command, command);
      assert.equal(status.isError, command === 'matcoder.recover');
    });
  }

  it('is equally wide in all states that change while the user works', () => {
    const states: Partial<StatusInput>[] = [
      { last: LAST },
      { last: { shortName: 'XL+', latencyMs: 999 } },
      { last: { shortName: 'S', latencyMs: 1500 } },
      { off: OFF },
      { manualOnly: true },
      { declinedInARow: 3 },
      { declinedInARow: 3, strains: [BUSY] },
      { declinedInARow: 3, strains: [BATTERY] },
      { declinedInARow: 3, strains: [{ cause: 'hot', short: 'hot', long: 'the machine is hot' }] },
    ];
    const widths = states.map(
      (change) => statusOf({ ...READY, ...change }).text.replace(/^\$\([a-z~-]+\) /, '').length,
    );
    assert.deepEqual(new Set(widths).size, 1, widths.join(', '));
  });
});
