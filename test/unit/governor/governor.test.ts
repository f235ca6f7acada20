import assert from 'node:assert/strict';
import { CostModel } from '../../../src/governor/costs';
import { decide, type Snapshot } from '../../../src/governor/decide';
import { TypingRhythm } from '../../../src/governor/typing';
import { SIZES, type Size } from '../../../src/matlm/submodel';

const MS: Record<Size, number> = { S: 10, M: 20, L: 40, XL: 90 };
const predict = (size: Size) => MS[size];
const calm: Snapshot = { explicit: false, gapMs: undefined, previous: undefined, newPromptTokens: 20, atLineEnd: true };

describe('the choice of a size', () => {
  const cases: [string, Partial<Snapshot>, Size, RegExp][] = [
    ['takes all of the model in a pause', {}, 'XL', /^a pause in typing: XL answers in about 90 ms$/],
    ['takes what lands before the next key', { gapMs: 100 }, 'L', /^typing at 100 ms a key: L answers in about 40 ms$/],
    ['takes less for a faster hand', { gapMs: 75 }, 'M', /typing at 75 ms a key: M/],
    ['takes the smallest for the fastest', { gapMs: 61 }, 'S', /typing at 61 ms a key: S/],
    [
      'takes the smallest where even that is late, and says so',
      { gapMs: 40 },
      'S',
      /S answers in about 10 ms, late, but no size is faster/,
    ],
    ['takes all of it for a slow hand', { gapMs: 200 }, 'XL', /typing at 200 ms a key: XL/],
    ['takes all of it when asked by hand in mid-typing', { gapMs: 50, explicit: true }, 'XL', /^asked for by hand: XL/],
    ['does not step up for a hair’s breadth', { gapMs: 95, previous: 'M' }, 'M', /M/],
    ['stays where it is at the same pace', { gapMs: 95, previous: 'L' }, 'L', /L/],
    ['steps up where there is room', { gapMs: 110, previous: 'M' }, 'L', /L/],
  ];
  for (const [name, change, size, reason] of cases) {
    it(name, () => {
      const decision = decide({ ...calm, ...change }, predict, 'auto');
      assert.equal(decision.size, size);
      assert.match(decision.reason, reason);
    });
  }

  it('is the user’s where the user made it', () => {
    const decision = decide({ ...calm, gapMs: 50 }, predict, 'XL');
    assert.deepEqual([decision.size, decision.reason], ['XL', 'XL is fixed in the settings']);
  });

  it('is the smallest while nothing was measured', () => {
    const decision = decide(calm, () => undefined, 'auto');
    assert.equal(decision.size, 'S');
    assert.match(decision.reason, /no cost was measured yet/);
  });

  it('allows several lines only at a line’s end and not in mid-typing', () => {
    const multiline = (change: Partial<Snapshot>) => decide({ ...calm, ...change }, predict, 'auto').multiline;
    assert.deepEqual([multiline({}), multiline({ atLineEnd: false }), multiline({ gapMs: 100 })], [true, false, false]);
  });

  it('does not flicker while the pace wavers about a limit', () => {
    let previous: Size | undefined;
    const chosen = [95, 99, 93, 98, 92, 97].map((gapMs) => {
      previous = decide({ ...calm, gapMs, previous }, predict, 'auto').size;
      return previous;
    });
    assert.equal(new Set(chosen).size, 1, chosen.join());
  });
});

describe('the typing rhythm', () => {
  const typed = (...timesMs: number[]) => {
    const rhythm = new TypingRhythm();
    timesMs.forEach((timeMs) => {
      rhythm.key(timeMs);
    });
    return rhythm;
  };

  it('is the median gap between keys', () => {
    assert.equal(typed(0, 100, 210, 300, 390).gapMs(400), 100);
  });

  it('leaves pauses for thought out', () => {
    assert.equal(typed(0, 100, 200, 900, 1000, 1100).gapMs(1150), 100);
  });

  it('takes what one key sets off as one: pasted lines, closed brackets', () => {
    assert.equal(typed(0, 100, 101, 102, 103, 200, 201).gapMs(210), 100);
  });

  it('ends with a pause', () => {
    assert.equal(typed(0, 100, 200).gapMs(601), undefined);
  });

  it('is not known from one gap', () => {
    assert.equal(typed(0, 100).gapMs(110), undefined);
  });

  it('begins anew after a long pause', () => {
    assert.equal(typed(0, 300, 600, 10_000, 10_050, 10_100).gapMs(10_110), 50);
  });

  it('follows a hand that gets faster', () => {
    const slow = Array.from({ length: 12 }, (_, i) => i * 300);
    const fast = Array.from({ length: 12 }, (_, i) => 3300 + (i + 1) * 60);
    assert.equal(typed(...slow, ...fast).gapMs(4030), 60);
  });
});

describe('the costs', () => {
  const measured = Object.fromEntries(
    SIZES.map((size, i) => [size, { prefillMsPerToken: 0.1 * (i + 1), decodeMsPerToken: i + 1 }]),
  );

  it('predict a request from its tokens', () => {
    assert.equal(new CostModel(measured).predictMs('M', 100, 10), 100 * 0.2 + 10 * 2);
  });

  it('rise for all sizes when the machine is busy, and fall again', () => {
    const costs = new CostModel(measured);
    for (let i = 0; i < 20; i++) costs.observe('S', 100, 100 * 0.3, 11, 10 * 3);
    const busy = SIZES.map((size) => costs.predictMs(size, 100, 10)!);
    assert.ok(Math.abs(busy[0]! - 60) < 1 && Math.abs(busy[3]! - 240) < 4, busy.join());
    for (let i = 0; i < 40; i++) costs.observe('XL', 100, 100 * 0.4, 11, 10 * 4);
    assert.ok(Math.abs(costs.predictMs('S', 100, 10)! - 20) < 1);
  });

  it('are not thrown off by one outlier', () => {
    const costs = new CostModel(measured);
    costs.observe('S', 100, 60_000, 11, 60_000);
    assert.ok(costs.predictMs('S', 100, 10)! < 2 * 20);
  });

  it('learn nothing from a handful of tokens', () => {
    const costs = new CostModel(measured);
    costs.observe('S', 1, 50, 1, 50);
    assert.equal(costs.predictMs('S', 100, 10), 20);
  });
});
