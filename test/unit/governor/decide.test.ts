import assert from 'node:assert/strict';
import {
  type Choice,
  type Costs,
  conditionsOf,
  decide,
  type Decision,
  type Declined,
  DWELL_MS,
  type Snapshot,
} from '../../../src/governor/decide';
import { english } from '../../../src/localisation/phrase';
import type { Expectations } from '../../../src/governor/expectation';
import { UNKNOWN_MACHINE, type Machine } from '../../../src/governor/machine';
import { refine } from '../../../src/governor/refine';
import { allowanceOf, WINDOW_MS } from '../../../src/governor/dutyCycle';
import { PLACES, cursorContextAt } from '../../../src/governor/place';
import { AUTO, type GovernorSettings } from '../../../src/governor/settings';
import { CHARACTERS_PER_SECOND, LOSS_BY_BITS, price } from '../../../src/governor/value';
import type { Candidate, Submodel } from '../../../src/matlm/submodel';
import { Random } from '../../../src/replay/random';

const MS: Record<string, number> = { S: 10, M: 20, L: 40, XL: 90 };
const candidates = Object.keys(MS).map((name, i): Candidate => ({
  submodel: { name, widths: [], draftWidths: [] },
  bytesPerToken: (i + 1) * 1e6,
  excessBits: (0.06 - 0.02 * i) / LOSS_BY_BITS,
}));
/** A hundred prompt tokens take as long as the output. */
const costs: Costs = {
  candidates,
  has: (name) => name in MS,
  named: (name) => candidates.find(({ submodel }) => submodel.name === name)!,
  predictMs: ({ name }, promptTokens) => (MS[name] ?? 0) * (1 + promptTokens / 100),
};

/** Expects this share of right requests and their length, if the engine's time costs 1.5 characters a second. */
const expecting = (chance: number, characters: number): Expectations => {
  const expectation = { rightShare: (chance / 1.5) * CHARACTERS_PER_SECOND, characters, passes: 12 };
  return { expect: () => expectation, expectInLine: () => expectation };
};
const GOOD = expecting(0.2, 20);
const POOR = expecting(0.004, 5);
const HOPELESS = expecting(0.0005, 5);

const calm: Snapshot = {
  explicit: false,
  gapMs: undefined,
  pauseChance: 0.1,
  ...cursorContextAt('word start'),
  block: true,
  unreadBy: () => 0,
  machine: { ...UNKNOWN_MACHINE, powerSource: 'mains' },
  engineShare: 0,
  nowMs: 10_000,
  previous: {},
};

/** So many tokens of the prompt are not in the cache. */
const reading = (tokens: number) => () => tokens;

const PLACE_OF_LINE = { '…': 'word start', '␤': 'line start', '{': 'block start' } as const;
/** On mains, with the engine on a GPU of which others take a share. */
function onGpu(busyByOthersShare: number | undefined): Machine {
  const gpu = { name: 'a card', ...(busyByOthersShare === undefined ? {} : { busyByOthersShare }) };
  return { ...calm.machine, runsOnGpu: true, gpu };
}

const MACHINES: Record<string, Machine> = {
  mains: calm.machine,
  battery: { ...calm.machine, powerSource: 'battery', chargeShare: 0.6 },
  'low battery': { ...calm.machine, powerSource: 'battery', chargeShare: 0.1 },
  saver: { ...calm.machine, lowPower: true },
  hot: { ...calm.machine, thermal: 'serious' },
  critical: { ...calm.machine, thermal: 'critical' },
  busy: { ...calm.machine, cpuBusyByOthersShare: 1 },
  'busy GPU': onGpu(1),
  'busy GPU, not ours': { ...onGpu(1), runsOnGpu: false },
};

/**
 * A snapshot in one line: the pace (a gap in milliseconds, `pause` or `asked`), the place (… in a line, ␤ a new line,
 * { a block's start), the machine.
 */
function drawn(line: string): Snapshot {
  const [pace = '', place = '', ...machine] = line.split(' ');
  const named = PLACE_OF_LINE[place as keyof typeof PLACE_OF_LINE];
  return {
    ...calm,
    explicit: pace === 'asked',
    gapMs: /^\d+$/.test(pace) ? Number(pace) : undefined,
    place: named,
    pauseChance: named === 'block start' ? 0.5 : named === 'line start' ? 0.3 : 0.1,
    machine: MACHINES[machine.join(' ')]!,
  };
}

const nameOf = (decision: Decision | Declined) => decision.submodel?.name ?? 'none';
const described = (decision: Decision | Declined) =>
  nameOf(decision) + (decision.submodel && decision.delayMs > 0 ? ` after ${decision.delayMs} ms` : '');

describe('the choice of a submodel', () => {
  // pace, place, machine → submodel, delay, why
  const rows: [string, Expectations, string, RegExp][] = [
    ['pause … mains', GOOD, 'XL', /^a pause in typing: XL answers in about 90 ms$/],
    ['160 … mains', GOOD, 'L', /^typing at 160 ms a key: L answers in about 40 ms$/],
    ['85 … mains', GOOD, 'M', /^typing at 85 ms a key: M answers in about 20 ms$/],
    ['65 … mains', GOOD, 'S', /^typing at 65 ms a key: S answers in about 10 ms$/],
    ['55 … mains', GOOD, 'S', /S answers in about 10 ms, late, but no size is faster$/],
    ['85 ␤ mains', GOOD, 'M', /^typing at 85 ms a key, line start: M/],
    ['85 { mains', expecting(0.4, 40), 'XL', /^typing at 85 ms a key, block start: XL answers in about 90 ms$/],
    ['asked … mains', HOPELESS, 'XL', /^asked for by hand: XL/],
    ['asked … low battery', HOPELESS, 'XL', /^asked for by hand, low battery: XL/],
    ['pause … battery', GOOD, 'L', /^a pause in typing, on battery: L/],
    ['pause … low battery', GOOD, 'M', /^a pause in typing, low battery: M/],
    ['pause … saver', GOOD, 'L', /^a pause in typing, saving power: L/],
    ['pause … hot', GOOD, 'M', /^a pause in typing, hot: M/],
    ['pause … critical', GOOD, 'S', /^a pause in typing, hot: S/],
    ['pause … busy', GOOD, 'L', /^a pause in typing, busy processor: L/],
    ['pause … busy GPU', GOOD, 'L', /^a pause in typing, busy GPU: L/],
    ['pause … busy GPU, not ours', GOOD, 'XL', /^a pause in typing: XL/],
    ['pause … mains', POOR, 'S', /^a pause in typing: S/],
    ['100 … mains', POOR, 'S', /^typing at 100 ms a key: S answers in about 10 ms$/],
    ['100 … mains', HOPELESS, 'S', /^typing at 100 ms a key: S answers in about 10 ms$/],
    ['pause … battery', POOR, 'S', /^a pause in typing, on battery: S/],
    ['pause … critical', HOPELESS, 'S', /^a pause in typing, hot: S/],
  ];
  for (const [line, history, expected, reason] of rows) {
    it(`${line} → ${expected}`, () => {
      const decision = decide(drawn(line), costs, history, AUTO);
      assert.equal(described(decision), expected, english(decision.reason));
      assert.match(english(decision.reason), reason);
    });
  }

  const settled: [string, Partial<GovernorSettings>, string, string][] = [
    ['is the user’s if the user fixed it', { submodel: 'XL' }, '65 … low battery', 'XL'],
    ['is within the user’s cap on battery', { batteryCap: 'M' }, 'pause … battery', 'M'],
    ['is not capped on mains', { batteryCap: 'M' }, 'pause … mains', 'XL'],
    ['keeps to the user’s latency budget', { latencyBudgetMs: 45 }, 'pause … mains', 'L'],
    ['keeps to what its caller can use', { latencyCapMs: 45 }, 'pause … mains', 'L'],
    [
      'takes no longer than its pace allows if its caller can wait',
      { latencyCapMs: 45, latencyBudgetMs: 5 },
      'pause … mains',
      'S',
    ],
    ['is none while typing if suggestions are manual only', { manualOnly: true }, 'pause … mains', 'none'],
    ['is the largest if the user asks by hand', { manualOnly: true }, 'asked … mains', 'XL'],
  ];
  for (const [name, settings, line, expected] of settled) {
    it(name, () => {
      assert.equal(nameOf(decide(drawn(line), costs, GOOD, { ...AUTO, ...settings })), expected);
    });
  }

  it('waits until the next key is due at most, whatever latency the user allows', () => {
    const delayMs = (line: string, latencyBudgetMs?: number) => {
      const decision = decide({ ...drawn(line), engineShare: 0.2 }, costs, POOR, { ...AUTO, latencyBudgetMs });
      return decision.submodel && decision.delayMs;
    };
    assert.equal(delayMs('100 … mains', 1000), delayMs('100 … mains'));
    assert.equal(delayMs('100 … mains', 30), 20);
    assert.equal(delayMs('pause … mains', 1000), 0);
  });

  it('is smaller if a long prompt has to be prefilled first', () => {
    const snapshot = { ...drawn('160 … mains'), unreadBy: () => 300 };
    assert.equal(nameOf(decide(snapshot, costs, GOOD, AUTO)), 'M');
  });

  it('is the smallest before any measurement', () => {
    const decision = decide(calm, { ...costs, predictMs: () => undefined }, GOOD, AUTO);
    assert.equal(nameOf(decision), 'S');
    assert.match(english(decision.reason), /no cost has been measured yet/);
  });

  it('allows several lines for a block if a pause is likely or the user asks by hand, but not while typing', () => {
    const multiline = (line: string, change: Partial<Snapshot> = {}) => {
      const decision = decide({ ...drawn(line), ...change }, costs, GOOD, AUTO);
      return decision.submodel && decision.multiline;
    };
    assert.deepEqual(
      ['pause … mains', 'asked … mains', '160 { mains', '160 … mains', '160 ␤ mains'].map((line) => multiline(line)),
      [true, true, true, false, false],
    );
    assert.equal(multiline('pause … mains', { block: false }), false);
  });
});

describe('a memory that is sure', () => {
  const match = { length: 12, count: 2, topShare: 1 };
  const choose = (change: Partial<Snapshot>) => decide({ ...calm, match, ...change }, costs, GOOD, AUTO);

  it('lets the cheapest size answer, because the others would write the same', () => {
    const decision = choose({});
    assert.equal(nameOf(decision), 'S');
    assert.match(
      english(decision.reason),
      /^a pause in typing: S answers in about 10 ms, and the workspace says how the text goes on$/,
    );
    assert.equal(nameOf(choose({ gapMs: 160 })), 'S');
  });

  it('changes nothing if its match is short or split, or if the user asks by hand or has fixed a size', () => {
    assert.equal(nameOf(choose({ match: { ...match, length: 11 } })), 'XL');
    assert.equal(nameOf(choose({ match: { ...match, topShare: 0.99 } })), 'XL');
    assert.equal(nameOf(choose({ explicit: true })), 'XL');
    assert.equal(nameOf(decide({ ...calm, match }, costs, GOOD, { ...AUTO, submodel: 'L' })), 'L');
  });

  it('needs no refinement', () => {
    const better = (change: Partial<Snapshot>) => refine({ ...calm, ...change }, 'S', costs, expecting(0.4, 40), AUTO);
    assert.equal(nameOf(better({})), 'XL');
    assert.equal(nameOf(better({ match })), 'none');
  });
});

describe('the duty cycle', () => {
  // The share that the engine has used; pace, place, machine → submodel, or why none
  const rows: [number, string, Expectations, string][] = [
    [0.23, '160 … mains', GOOD, 'L'],
    [
      0.24,
      '160 … mains',
      GOOD,
      'skipped: the engine has used its 25 % of a core in the last 30 s; typing at 160 ms a key',
    ],
    [0.24, '160 ␤ mains', GOOD, 'L'],
    [0.24, '160 { mains', GOOD, 'L'],
    [0.18, '160 … mains', HOPELESS, 'S'],
    [0.19, '160 … mains', HOPELESS, 'S after 100 ms'],
    [0.19, '160 … mains', GOOD, 'L'],
    [0.19, '100 … mains', POOR, 'S after 40 ms'],
    [0.22, '160 … mains', HOPELESS, 'S after 100 ms'],
    [
      0.23,
      '160 … mains',
      HOPELESS,
      'skipped: the engine has used its 25 % of a core in the last 30 s; typing at 160 ms a key',
    ],
    [0.09, '160 … battery', GOOD, 'L'],
    [
      0.1,
      '160 … battery',
      GOOD,
      'skipped: the engine has used its 10 % of a core (on battery); typing at 160 ms a key',
    ],
    [
      0.05,
      '160 … low battery',
      GOOD,
      'skipped: the engine has used its 5 % of a core (low battery); typing at 160 ms a key',
    ],
    [
      0.1,
      '160 … saver',
      GOOD,
      'skipped: the engine has used its 10 % of a core (saving power); typing at 160 ms a key',
    ],
    [0.05, '160 … hot', GOOD, 'skipped: the engine has used its 5 % of a core (hot); typing at 160 ms a key'],
    [
      0.05,
      '160 … busy',
      GOOD,
      'skipped: the engine has used its 5 % of a core (busy processor); typing at 160 ms a key',
    ],
    [0.05, '160 … busy GPU', GOOD, 'skipped: the engine has used its 5 % of a core (busy GPU); typing at 160 ms a key'],
    [
      0.06,
      '160 ␤ busy',
      GOOD,
      'skipped: the engine has used its 5 % of a core (busy processor); typing at 160 ms a key, line start',
    ],
    [0.3, 'pause … mains', GOOD, 'S'],
    [0.3, '160 { mains', GOOD, 'S'],
    [1, 'pause … busy', HOPELESS, 'S'],
    [1, 'asked … busy', HOPELESS, 'XL'],
  ];
  for (const [engineShare, line, history, expected] of rows) {
    it(`${line}, ${100 * engineShare} % used → ${expected}`, () => {
      const decision = decide({ ...drawn(line), engineShare }, costs, history, AUTO);
      assert.equal(
        decision.submodel ? described(decision) : english(decision.reason),
        expected,
        english(decision.reason),
      );
    });
  }

  it('takes a smaller size in a pause if the rest of the allowance is enough for that only', () => {
    const almostUsed = { ...drawn('pause … mains'), engineShare: 0.25 - 45 / WINDOW_MS };
    assert.equal(nameOf(decide(almostUsed, costs, GOOD, AUTO)), 'L');
  });

  const XS: Candidate = {
    submodel: { name: 'XS', widths: [1, 0], draftWidths: [] },
    bytesPerToken: 5e5,
    excessBits: 0.15 / LOSS_BY_BITS,
  };
  const withLastResort: Costs = {
    ...costs,
    lastResort: XS,
    predictMs: (submodel, promptTokens, passes) =>
      submodel.name === 'XS' ? 5 * (1 + promptTokens / 100) : costs.predictMs(submodel, promptTokens, passes),
  };
  const answered: [number, string, string][] = [
    [0.18, '160 … mains', 'L'],
    [0.19, '160 … mains', 'XS'],
    [0.19, 'pause … mains', 'XS'],
    [0.03, '160 … busy', 'L'],
    [0.04, '160 … busy', 'XS'],
    [1, 'pause … busy', 'XS'],
    [1, 'asked … busy', 'XL'],
  ];
  for (const [engineShare, line, expected] of answered) {
    it(`${line}, ${100 * engineShare} % used, with a last resort → ${expected}`, () => {
      const decision = decide({ ...drawn(line), engineShare }, withLastResort, GOOD, AUTO);
      assert.equal(nameOf(decision), expected, english(decision.reason));
    });
  }

  it('keeps the last resort if the others had to prefill its prompt again', () => {
    const halfRead = ({ name }: Submodel) => (name === 'XS' ? 0 : 8000);
    const read = { ...drawn('160 … mains'), engineShare: 0.17 };
    assert.equal(nameOf(decide(read, withLastResort, GOOD, AUTO)), 'L');
    assert.equal(nameOf(decide({ ...read, unreadBy: halfRead }, withLastResort, GOOD, AUTO)), 'XS');
    assert.equal(nameOf(decide({ ...read, unreadBy: () => 8000 }, withLastResort, GOOD, AUTO)), 'XS');
  });

  it('reads ahead what a pause would have to wait for, up to twice the allowance', () => {
    /** Slow to decode: 500 ms an answer, and a millisecond a token of the prompt. */
    const slow: Costs = {
      ...costs,
      predictMs: (_submodel, promptTokens, passes) => promptTokens + (500 / 12) * passes,
    };
    const readsAhead = (newPromptTokens: number, engineShare: number, line = '160 … mains') => {
      const decision = decide({ ...drawn(line), unreadBy: () => newPromptTokens, engineShare }, slow, GOOD, AUTO);
      return decision.submodel ? 'answered' : decision.readAhead;
    };
    assert.deepEqual(
      [1, 150, 151, 2000].map((newPromptTokens) => readsAhead(newPromptTokens, 0.3)),
      [false, false, true, true],
      'the time for the decode does not count',
    );
    assert.deepEqual(
      [0.3, 0.49, 0.5, 1].map((engineShare) => readsAhead(2000, engineShare)),
      [true, true, false, false],
    );
    assert.deepEqual(
      [0.09, 0.1].map((engineShare) => readsAhead(2000, engineShare, '160 … busy')),
      [true, false],
    );
  });

  it('leaves a fixed size alone', () => {
    const decision = decide({ ...drawn('160 … busy'), engineShare: 1 }, costs, GOOD, { ...AUTO, submodel: 'XL' });
    assert.equal(nameOf(decision), 'XL');
  });

  it('ends speculative work before all else', () => {
    const speculates = (engineShare: number) => {
      const decision = decide({ ...calm, engineShare }, costs, GOOD, AUTO);
      return decision.submodel && decision.speculateNext;
    };
    assert.deepEqual([0.12, 0.13].map(speculates), [true, false]);
  });

  it('never declines in a pause or by hand, whatever the machine and the work so far', () => {
    const random = new Random(6);
    for (let i = 0; i < 500; i++) {
      for (const machine of Object.values(MACHINES)) {
        for (const explicit of [false, true]) {
          const snapshot = {
            ...calm,
            explicit,
            machine,
            engineShare: random.next(),
            unreadBy: reading(2000 * random.next()),
          };
          assert.ok(decide(snapshot, costs, expecting(random.next() ** 6, 5), AUTO).submodel);
        }
      }
    }
  });
});

describe('the decision', () => {
  const cases: [string, Partial<Machine>, boolean][] = [
    ['on mains', {}, true],
    ['on mains next to a little work', { cpuBusyByOthersShare: 0.5 }, true],
    ['on battery, however full', { powerSource: 'battery', chargeShare: 1 }, false],
    ['if the power source is unknown', { powerSource: 'unknown' }, false],
    ['if the system saves power', { lowPower: true }, false],
    ['with the fan on', { thermal: 'fair' }, true],
    ['if the processor is throttled', { thermal: 'serious' }, false],
    ['next to much work', { cpuBusyByOthersShare: 0.6 }, false],
    ['next to much work on the GPU that it runs on', onGpu(0.6), false],
    ['beside a GPU that tells no load', onGpu(undefined), true],
  ];
  for (const [name, change, expected] of cases) {
    it(`allows speculative work: ${expected ? 'yes' : 'no'} ${name}`, () => {
      // The size is fixed, so nothing else depends on the machine.
      const snapshot = { ...calm, machine: { ...calm.machine, ...change } };
      const decision = decide(snapshot, costs, GOOD, { ...AUTO, submodel: 'S' });
      assert.equal(decision.submodel && decision.speculateNext, expected);
    });
  }
});

describe('a suggestion in a pause', () => {
  // pace, place, machine; the submodel that wrote it → the submodel that refines it
  const rows: [string, string, Expectations, string][] = [
    ['pause … mains', 'S', expecting(0.4, 40), 'XL'],
    ['pause … mains', 'L', expecting(0.4, 40), 'XL'],
    ['pause … mains', 'XL', expecting(0.4, 40), 'none'],
    ['pause … mains', 'S', expecting(0.05, 8), 'none'],
    ['pause … mains', 'S', expecting(0.0005, 5), 'none'],
    ['160 … mains', 'S', expecting(0.4, 40), 'none'],
    ['pause … battery', 'S', expecting(0.4, 40), 'none'],
    ['pause … busy', 'S', expecting(0.4, 40), 'none'],
  ];
  for (const [line, shown, history, expected] of rows) {
    const { rightShare, characters } = history.expect(cursorContextAt('word start'));
    it(`by ${shown}, ${line}, ${rightShare * characters} characters expected → ${expected}`, () => {
      const decision = refine(drawn(line), shown, costs, history, AUTO);
      assert.equal(nameOf(decision), expected, english(decision.reason));
    });
  }

  it('is not refined if the size is fixed', () => {
    const fixed = { ...AUTO, submodel: 'M' };
    assert.equal(nameOf(refine(drawn('pause … mains'), 'M', costs, expecting(0.4, 40), fixed)), 'none');
  });

  it('is not refined before any measurement', () => {
    const unmeasured = { ...costs, predictMs: () => undefined };
    assert.equal(nameOf(refine(drawn('pause … mains'), 'S', unmeasured, expecting(0.4, 40), AUTO)), 'none');
  });
});

describe('a choice, whatever the moment,', () => {
  const MOMENTS = 2000;

  /** Bytes per token of the chosen submodel; 0 for none. */
  const sizeOf = (snapshot: Snapshot, history: Expectations) => {
    const { submodel } = decide(snapshot, costs, history, AUTO);
    return submodel ? costs.named(submodel.name).bytesPerToken : 0;
  };

  function moment(random: Random): { snapshot: Snapshot; history: Expectations } {
    const one = <T>(of: readonly T[]): T => of[Math.floor(random.next() * of.length)]!;
    const previous: Choice = {
      submodel: one(['S', 'M', 'L', 'XL']),
      sinceMs: 10_000 - random.next() * 2 * DWELL_MS,
      conditions: conditionsOf(MACHINES.battery!),
    };
    const snapshot: Snapshot = {
      ...calm,
      gapMs: one([undefined, 60, 90, 160, 250, 380]),
      place: one(PLACES),
      pauseChance: random.next(),
      unreadBy: reading(Math.floor(random.next() * 200)),
      engineShare: random.next() * 0.3,
      previous: random.next() < 0.5 ? {} : { pause: previous, start: previous, typing: previous },
    };
    return { snapshot, history: expecting(random.next() ** 3, 1 + 40 * random.next()) };
  }

  it('is never larger when the battery is lower and all else is equal', () => {
    const random = new Random(1);
    for (let i = 0; i < MOMENTS; i++) {
      const { snapshot, history } = moment(random);
      const sizes = [1, 0.6, 0.3, 0.15, 0.02].map((chargeShare) => {
        const machine: Machine = { ...snapshot.machine, powerSource: 'battery', chargeShare };
        return sizeOf({ ...snapshot, machine }, history);
      });
      assert.deepEqual(
        sizes,
        sizes.toSorted((a, b) => b - a),
        JSON.stringify(snapshot),
      );
    }
  });

  it('is never larger on battery, in heat or next to other work than without', () => {
    const random = new Random(2);
    for (let i = 0; i < MOMENTS; i++) {
      const { snapshot, history } = moment(random);
      const size = (machine: Machine) => {
        return sizeOf({ ...snapshot, previous: {}, machine }, history);
      };
      for (const machine of Object.values(MACHINES)) assert.ok(size(machine) <= size(calm.machine));
    }
  });

  it('is never larger when the GPU it runs on is busier and all else is equal', () => {
    const random = new Random(5);
    for (let i = 0; i < MOMENTS; i++) {
      const { snapshot, history } = moment(random);
      const cpuBusyByOthersShare = random.next();
      const sizes = [undefined, 0.2, 0.5, 0.8, 1].map((share) => {
        const machine: Machine = { ...onGpu(share), cpuBusyByOthersShare };
        return sizeOf({ ...snapshot, machine }, history);
      });
      assert.deepEqual(
        sizes,
        sizes.toSorted((a, b) => b - a),
        JSON.stringify(snapshot),
      );
    }
  });

  it('does not switch within the dwell time, unless it is too late or too expensive by now', () => {
    const random = new Random(3);
    for (let i = 0; i < MOMENTS; i++) {
      const drawnMoment = moment(random);
      const { history } = drawnMoment;
      const snapshot = { ...drawnMoment.snapshot, engineShare: 0 };
      const machine = MACHINES.battery!;
      const free = decide({ ...snapshot, machine, previous: {}, nowMs: 0 }, costs, history, AUTO);
      if (!free.submodel) continue;
      const choice = { submodel: free.submodel.name, sinceMs: 0, conditions: conditionsOf(machine) };
      const later = moment(random);
      const decision = decide(
        {
          ...snapshot,
          machine: { ...machine, chargeShare: 0.5 * random.next(), cpuBusyByOthersShare: random.next() },
          nowMs: DWELL_MS - 1,
          previous: { [free.situation]: choice },
        },
        costs,
        later.history,
        AUTO,
      );
      if (decision.submodel) assert.equal(nameOf(decision), choice.submodel);
    }
  });

  it('comes before the next key is due, the delay included, if any submodel can', () => {
    const random = new Random(4);
    for (let i = 0; i < MOMENTS; i++) {
      const { snapshot, history } = moment(random);
      const decision = decide({ ...snapshot, gapMs: 160, pauseChance: 0 }, costs, history, AUTO);
      if (!decision.submodel) continue;
      const answerMs = costs.predictMs(decision.submodel, snapshot.unreadBy(decision.submodel), 12)!;
      assert.ok(nameOf(decision) === 'S' || decision.delayMs + answerMs <= 110);
    }
  });

  it('waits for a pause and is the cheapest if it does not pay and the engine has worked much', () => {
    const random = new Random(6);
    let waited = 0;
    for (let i = 0; i < MOMENTS; i++) {
      const { snapshot, history } = moment(random);
      const machine = Object.values(MACHINES)[i % Object.keys(MACHINES).length]!;
      const engineShare = 0.8 * allowanceOf(machine).share;
      const free = { ...snapshot, machine, engineShare, previous: {}, unreadBy: () => 0, gapMs: 160 };
      const decision = decide(free, costs, history, AUTO);
      assert.ok(decision.submodel);
      const { rightShare, characters } = history.expect(free);
      const paid = rightShare * characters - (price(machine) * costs.predictMs(decision.submodel, 0, 12)!) / 1000;
      if (paid > 0) continue;
      waited++;
      assert.ok(nameOf(decision) === 'S' && decision.delayMs > 0, english(decision.reason));
    }
    assert.ok(waited > MOMENTS / 50 && waited < MOMENTS / 2, `${waited} of ${MOMENTS}`);
  });

  it('does not alternate while the worth varies around a threshold', () => {
    const previous: { typing?: Choice } = {};
    const names = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const nowMs = i * 200;
      const snapshot = { ...drawn(`160 … mains`), nowMs, previous };
      const decision = decide(snapshot, costs, expecting(i % 2 ? 0.13 : 0.17, 12), AUTO);
      assert.ok(decision.submodel);
      names.add(decision.submodel.name);
      if (previous.typing?.submodel !== decision.submodel.name) {
        previous.typing = { submodel: decision.submodel.name, sinceMs: nowMs, conditions: conditionsOf(calm.machine) };
      }
    }
    assert.equal(names.size, 1, [...names].join());
  });

  it('is revised at once if the power source changes', () => {
    const typing = { submodel: 'XL', sinceMs: 9999, conditions: conditionsOf(MACHINES.mains!) };
    const previous = { pause: typing };
    assert.equal(nameOf(decide({ ...drawn('pause … mains'), previous }, costs, GOOD, AUTO)), 'XL');
    assert.equal(nameOf(decide({ ...drawn('pause … battery'), previous }, costs, GOOD, AUTO)), 'L');
  });
});

describe('a choice between two models', () => {
  /** Better than all sizes of the main model, and as slow as an answer may be by hand. */
  const other: Candidate = {
    submodel: { name: 'Other', widths: [], draftWidths: [] },
    bytesPerToken: 1e9,
    excessBits: 0,
    relativeBits: 0.5,
    isForMains: true,
  };
  const both: Costs = {
    candidates: [...candidates, other],
    has: (name) => name === 'Other' || costs.has(name),
    named: (name) => (name === 'Other' ? other : costs.named(name)),
    predictMs: (submodel, promptTokens, passes) =>
      submodel.name === 'Other' ? 900 + 10 * promptTokens : costs.predictMs(submodel, promptTokens, passes),
  };
  const MUCH = expecting(0.9, 200);

  const rows: [string, string][] = [
    ['asked … mains', 'Other'],
    ['asked … battery', 'Other'],
    ['160 … mains', 'XL'],
    ['pause … mains', 'XL'],
    ['pause … battery', 'XL'],
  ];
  for (const [line, expected] of rows) {
    it(`${line} → ${expected}`, () => {
      const decision = decide(drawn(line), both, MUCH, AUTO);
      assert.equal(nameOf(decision), expected, english(decision.reason));
    });
  }

  it('takes the better one in a pause too if it is fast enough, but not on battery', () => {
    const fast = { ...both, predictMs: () => 90 };
    assert.equal(nameOf(decide(drawn('pause … mains'), fast, MUCH, AUTO)), 'Other');
    assert.notEqual(nameOf(decide(drawn('pause … battery'), fast, MUCH, AUTO)), 'Other');
  });

  it('takes by hand the best one that answers in time, which need not be the largest', () => {
    const worse = { ...both, candidates: [...candidates, { ...other, relativeBits: 1.2 }] };
    assert.equal(nameOf(decide(drawn('asked … mains'), worse, MUCH, AUTO)), 'XL');
    const unread = { ...drawn('asked … mains'), unreadBy: ({ name }: Submodel) => (name === 'Other' ? 11 : 0) };
    assert.equal(nameOf(decide(unread, both, MUCH, AUTO)), 'XL', 'the other one would be late');
  });

  it('lets Auto answer while the model of a fixed size is not loaded, and says so', () => {
    const fixed = { ...AUTO, submodel: 'Other', batteryCap: 'Another' };
    assert.equal(nameOf(decide(drawn('pause … mains'), both, GOOD, fixed)), 'Other');
    const decision = decide(drawn('pause … battery'), costs, GOOD, fixed);
    assert.equal(nameOf(decision), 'L');
    assert.match(english(decision.reason), /L answers in about 40 ms, because Other is not loaded$/);
  });

  it('refines by the better one in a pause, although it would be late as an answer', () => {
    const refined = (machine: string) => nameOf(refine(drawn(`pause … ${machine}`), 'XL', both, MUCH, AUTO));
    assert.deepEqual(['mains', 'battery', 'busy'].map(refined), ['Other', 'none', 'none']);
    assert.equal(nameOf(refine(drawn('pause … mains'), 'Other', both, MUCH, AUTO)), 'none', 'it is its own');
  });

  it('asks the other one in a pause where the main one had nothing to show, if that is worth its time', () => {
    const onlyOther: Costs = { ...both, candidates: [other], has: (name) => name === 'Other' };
    const second = (history: Expectations, settings: GovernorSettings = AUTO, line = 'pause … mains') =>
      nameOf(refine(drawn(line), undefined, onlyOther, history, settings));
    assert.equal(second(MUCH), 'Other');
    assert.equal(second(POOR), 'none');
    assert.equal(second(MUCH, { ...AUTO, submodel: 'S' }), 'none', 'the user has fixed a size');
    assert.equal(second(MUCH, AUTO, 'pause … battery'), 'none');
    assert.equal(second(MUCH, AUTO, '160 … mains'), 'none');
  });

  it('reads the better one’s prompt first if only that makes it late for a refinement', () => {
    const reads = (tokens: number, engineShare = 0) => {
      const unreadBy = ({ name }: Submodel) => (name === 'Other' ? tokens : 0);
      const decision = refine({ ...drawn('pause … mains'), unreadBy, engineShare }, 'XL', both, MUCH, AUTO);
      return decision.submodel ? nameOf(decision) : `${decision.considered?.name} ${decision.readAhead}`;
    };
    assert.deepEqual(
      [60, 61, 1400].map((tokens) => reads(tokens)),
      ['Other', 'Other true', 'Other true'],
    );
    assert.doesNotMatch(reads(1500), /true/, 'that would take half of the window');
    assert.doesNotMatch(reads(61, 0.2), /true/, 'the machine has no time to spare');
  });
});
