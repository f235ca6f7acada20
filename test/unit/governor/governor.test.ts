import assert from 'node:assert/strict';
import { CostModel } from '../../../src/governor/costs';
import { type Costs, decide, type Snapshot } from '../../../src/governor/decide';
import { TypingRhythm } from '../../../src/governor/typing';
import type { CheckpointConfig } from '../../../src/matlm/config';
import { UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { AUTO, type GovernorSettings } from '../../../src/governor/settings';
import {
  bytesPerToken,
  type Candidate,
  candidatesOf,
  parameters,
  SIZES,
  submodelOf,
} from '../../../src/matlm/submodel';
import { shipped } from '../model';

const MS: Record<string, number> = { S: 10, M: 20, L: 40, XL: 90 };
const candidates = Object.keys(MS).map((name, i): Candidate => ({
  submodel: { name, widths: [], copyWeights: [], draftWidths: [] },
  bytesPerToken: (i + 1) * 1e6,
  agreementWithXL: 0.85 + 0.05 * i,
}));
const costs: Costs = {
  candidates,
  named: (name) => candidates.find(({ submodel }) => submodel.name === name)!,
  predictMs: ({ name }) => MS[name],
};
const calm: Snapshot = {
  explicit: false,
  gapMs: undefined,
  previous: undefined,
  newPromptTokens: 20,
  block: true,
  machine: UNKNOWN_MACHINE,
};
const chosen = (change: Partial<Snapshot>, settings: Partial<GovernorSettings> = {}) => {
  const decision = decide({ ...calm, ...change }, costs, { ...AUTO, ...settings });
  assert.ok(decision.submodel, decision.reason);
  return { ...decision, name: decision.submodel.name };
};

describe('the choice of a size', () => {
  const cases: [string, Partial<Snapshot>, string, RegExp][] = [
    ['takes all of the model in a pause', {}, 'XL', /^a pause in typing: XL answers in about 90 ms$/],
    ['takes what lands before the next key', { gapMs: 100 }, 'L', /^typing at 100 ms a key: L answers in about 40 ms$/],
    ['takes less for a faster hand', { gapMs: 75 }, 'M', /typing at 75 ms a key: M/],
    ['takes the smallest for the fastest', { gapMs: 61 }, 'S', /typing at 61 ms a key: S/],
    [
      'takes the smallest where even that is late, and says so',
      { gapMs: 40 },
      'S',
      /S answers in about 10 ms, late, but none is faster/,
    ],
    ['takes all of it for a slow hand', { gapMs: 200 }, 'XL', /typing at 200 ms a key: XL/],
    ['takes all of it when asked by hand in mid-typing', { gapMs: 50, explicit: true }, 'XL', /^asked for by hand: XL/],
    ['does not step up for a hair’s breadth', { gapMs: 95, previous: 'M' }, 'M', /M/],
    ['stays where it is at the same pace', { gapMs: 95, previous: 'L' }, 'L', /L/],
    ['steps up where there is room', { gapMs: 110, previous: 'M' }, 'L', /L/],
  ];
  for (const [name, change, size, reason] of cases) {
    it(name, () => {
      const decision = chosen(change);
      assert.equal(decision.name, size);
      assert.match(decision.reason, reason);
    });
  }

  it('is the user’s where the user made it', () => {
    const { name, reason } = chosen({ gapMs: 50 }, { submodel: 'XL' });
    assert.deepEqual([name, reason], ['XL', 'XL is fixed in the settings']);
  });

  it('is no larger than the user’s cap on battery, and on battery only', () => {
    assert.equal(chosen({ machine: { ...UNKNOWN_MACHINE, powerSource: 'battery' } }, { batteryCap: 'M' }).name, 'M');
    assert.equal(chosen({ machine: { ...UNKNOWN_MACHINE, powerSource: 'mains' } }, { batteryCap: 'M' }).name, 'XL');
  });

  it('keeps to the user’s latency budget', () => {
    assert.equal(chosen({}, { latencyBudgetMs: 45 }).name, 'L');
  });

  it('is none unless asked by hand, where the user wants it so', () => {
    const byItself = decide(calm, costs, { ...AUTO, manualOnly: true });
    assert.deepEqual(byItself, { submodel: undefined, reason: 'the settings say: only when asked by hand' });
    assert.equal(chosen({ explicit: true }, { manualOnly: true }).name, 'XL');
  });

  it('is the smallest while nothing was measured', () => {
    const decision = decide(calm, { ...costs, predictMs: () => undefined }, AUTO);
    assert.equal(decision.submodel?.name, 'S');
    assert.match(decision.reason, /no cost was measured yet/);
  });

  it('allows several lines only where a block is wanted and not in mid-typing', () => {
    const multiline = (change: Partial<Snapshot>) => chosen(change).multiline;
    assert.deepEqual([multiline({}), multiline({ block: false }), multiline({ gapMs: 100 })], [true, false, false]);
  });

  it('does not flicker while the pace wavers about a limit', () => {
    let previous: string | undefined;
    const names = [95, 99, 93, 98, 92, 97].map((gapMs) => {
      previous = chosen({ gapMs, previous }).name;
      return previous;
    });
    assert.equal(new Set(names).size, 1, names.join());
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
  let config: CheckpointConfig;
  const of = (name: string) => submodelOf(config, name);
  const measured = Object.fromEntries(
    SIZES.map((size, i) => [size, { prefillMsPerToken: 0.1 * (i + 1), decodeMsPerToken: i + 1 }]),
  );

  before(async () => {
    ({ config } = await shipped());
  });

  it('predict a request from its tokens', () => {
    assert.equal(new CostModel(config, measured).predictMs(of('M'), 100, 10), 100 * 0.2 + 10 * 2);
  });

  it('lie on a line over bytes and operations for a submodel that was never run', () => {
    const { model } = config;
    const onLine = Object.fromEntries(
      ['S', 'XL'].map((name) => {
        const { widths } = of(name);
        return [
          name,
          {
            prefillMsPerToken: 0.01 + parameters(model, widths) * 1e-8,
            decodeMsPerToken: 0.1 + bytesPerToken(model, widths) * 1e-7,
          },
        ];
      }),
    );
    const mix = of('mix 8-8-12-8-16-16');
    const expected =
      100 * (0.01 + parameters(model, mix.widths) * 1e-8) + 10 * (0.1 + bytesPerToken(model, mix.widths) * 1e-7);
    assert.ok(Math.abs(new CostModel(config, onLine).predictMs(mix, 100, 10)! - expected) < 1e-6);
  });

  it('stay positive and do not fall with size where the measurement was noisy', () => {
    const noisy = {
      S: { prefillMsPerToken: 0.3, decodeMsPerToken: 3 },
      XL: { prefillMsPerToken: 0.2, decodeMsPerToken: 2 },
    };
    const costs = new CostModel(config, noisy);
    const mixes = candidatesOf(config).filter(({ submodel }) => submodel.name.startsWith('mix'));
    const times = mixes.map(({ submodel }) => costs.predictMs(submodel, 100, 10)!);
    assert.ok(
      times.every((ms, i) => ms > 0 && ms >= (times[i - 1] ?? 0)),
      times.join(),
    );
  });

  it('are unknown while nothing was measured', () => {
    assert.equal(new CostModel(config, {}).predictMs(of('S'), 100, 10), undefined);
  });

  it('rise for all sizes when the machine is busy, and fall again', () => {
    const costs = new CostModel(config, measured);
    for (let i = 0; i < 20; i++) costs.observe(of('S'), 100, 100 * 0.3, 11, 10 * 3);
    const busy = SIZES.map((size) => costs.predictMs(of(size), 100, 10)!);
    assert.ok(Math.abs(busy[0]! - 60) < 1 && Math.abs(busy[3]! - 240) < 4, busy.join());
    for (let i = 0; i < 40; i++) costs.observe(of('XL'), 100, 100 * 0.4, 11, 10 * 4);
    assert.ok(Math.abs(costs.predictMs(of('S'), 100, 10)! - 20) < 1);
  });

  it('are not thrown off by one outlier', () => {
    const costs = new CostModel(config, measured);
    costs.observe(of('S'), 100, 60_000, 11, 60_000);
    assert.ok(costs.predictMs(of('S'), 100, 10)! < 2 * 20);
  });

  it('learn nothing from a handful of tokens', () => {
    const costs = new CostModel(config, measured);
    costs.observe(of('S'), 1, 50, 1, 50);
    assert.equal(costs.predictMs(of('S'), 100, 10), 20);
  });
});
