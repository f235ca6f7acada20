import assert from 'node:assert/strict';
import { UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { REST_MS, whenOf, type WhenInput } from '../../../src/search/when';
import { QUIET } from './workspace';

const IDLE: WhenInput = {
  isReading: false,
  machine: QUIET,
  sinceKeyMs: Infinity,
  sinceQueryMs: Infinity,
  isCompleting: false,
  isAsked: false,
};
const BATTERY = { ...QUIET, powerSource: 'battery' } as const;
const HOT = { ...QUIET, thermal: 'serious' } as const;
const BUSY = { ...QUIET, cpuBusyByOthersShare: 0.8 };

describe('the moment to build the index', () => {
  const cases: [string, Partial<WhenInput>, string][] = [
    ['an idle machine on mains', {}, 'now'],
    ['a machine without sensors', { machine: UNKNOWN_MACHINE }, 'now'],
    ['a key just now', { sinceKeyMs: 0 }, 'typing'],
    ['a key a little while ago', { sinceKeyMs: REST_MS - 1 }, 'typing'],
    ['a rest since the last key', { sinceKeyMs: REST_MS }, 'now'],
    ['a query just now', { sinceQueryMs: 100 }, 'typing'],
    ['a query a second ago', { sinceQueryMs: 1000 }, 'now'],
    ['a suggestion that is being written', { isCompleting: true }, 'completion'],
    ['a battery', { machine: BATTERY }, 'mains'],
    ['a system that saves power', { machine: { ...QUIET, lowPower: true } }, 'mains'],
    ['a throttled processor', { machine: HOT }, 'cooling'],
    ['other programs at work', { machine: BUSY }, 'processor'],
    ['a battery, but the user has asked', { machine: BATTERY, isAsked: true }, 'now'],
    ['other programs, but the user has asked', { machine: BUSY, isAsked: true }, 'now'],
    ['a throttled processor, although the user has asked', { machine: HOT, isAsked: true }, 'cooling'],
    ['a key, although the user has asked', { sinceKeyMs: 0, isAsked: true }, 'typing'],
    ['files to read on a battery', { isReading: true, machine: BATTERY }, 'mains'],
    ['files to read on a battery after a search', { isReading: true, sinceQueryMs: 500, machine: BATTERY }, 'now'],
    ['files to read and other programs after a search', { isReading: true, sinceQueryMs: 500, machine: BUSY }, 'now'],
    ['files to read on a hot machine after a search', { isReading: true, sinceQueryMs: 500, machine: HOT }, 'cooling'],
    ['files to read and a search just now', { isReading: true, sinceQueryMs: 100 }, 'typing'],
    ['files to read and a search after the last key', { isReading: true, sinceKeyMs: 900, sinceQueryMs: 500 }, 'now'],
    [
      'files to read and a key after the last search',
      { isReading: true, sinceKeyMs: 400, sinceQueryMs: 500 },
      'typing',
    ],
  ];
  for (const [what, input, expected] of cases) {
    it(`${expected === 'now' ? 'has come' : `has not come, for the reason "${expected}",`} with ${what}`, () => {
      const when = whenOf({ ...IDLE, ...input });
      assert.equal(when.isNow ? 'now' : when.for, expected);
    });
  }

  it('is looked for again as soon as the rest since the last key is long enough', () => {
    const when = whenOf({ ...IDLE, sinceKeyMs: 1000 });
    assert.deepEqual(when, { isNow: false, for: 'typing', retryMs: REST_MS - 1000 });
  });
});
