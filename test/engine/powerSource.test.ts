import assert from 'node:assert/strict';
import { Models } from '../../src/completion/models';
import { type Plan, Planner, requestSettings } from '../../src/completion/plan';
import { shapeByIndentation } from '../../src/completion/syntax/shape';
import { READ_EVERY_MS, type SensedState, watchMachine } from '../../src/engine/sensors';
import { EngineHost } from '../../src/engine/shared/host';
import { CostModel } from '../../src/governor/costs';
import { DWELL_MS } from '../../src/governor/decide';
import { History } from '../../src/governor/history';
import { cursorContextAt } from '../../src/governor/place';
import { AUTO } from '../../src/governor/settings';
import { TypingRhythm } from '../../src/governor/typing';
import { CHARACTERS_PER_SECOND, LOSS_BY_BITS } from '../../src/governor/value';
import { ManualClock } from '../manualClock';
import { RecordedMachine } from '../recordedMachine';
import { requestAt } from '../unit/completion/hand';
import { exampleConfig, MODEL, small } from '../unit/model';
import { ROOT } from './harness';

/** The governor may go by the power source of so long ago, and no longer. */
const MAX_LAG_MS = 2000;

const NO_ENGINE = { generate: () => assert.fail('a plan needs no engine') };

describe('the governor, when the power source changes', function () {
  before(function () {
    if (process.platform !== 'linux') this.skip(); // the recordings are of Linux
  });

  it('uses the new source within two seconds, even directly after a choice', async () => {
    const machine = new RecordedMachine('laptop-on-battery');
    machine.write('sys/firmware/acpi/platform_profile', 'balanced\n');
    machine.write('sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference', 'balance_performance\n');
    const plugs = (online: boolean) => {
      const [from, to] = online ? ['0', '1'] : ['1', '0'];
      machine.change('sys/class/power_supply/AC/uevent', `ONLINE=${from}`, `ONLINE=${to}`);
      const [was, is] = online ? ['Discharging', 'Charging'] : ['Charging', 'Discharging'];
      machine.change('sys/class/power_supply/BAT0/uevent', `STATUS=${was}`, `STATUS=${is}`);
    };

    let state: SensedState | undefined;
    let onReading: () => void = () => undefined;
    const stop = watchMachine(ROOT, { root: machine.root, nvml: '' }, (heard) => {
      state = heard;
      onReading();
    });
    const powerSource = () => state?.powerSource;
    const reading = () => new Promise<void>((resolve) => (onReading = resolve));

    let nowMs = 0;
    const config = exampleConfig();
    const costs = new CostModel(config, {
      S: { prefillMsPerToken: 0, decodeMsPerToken: 1 },
      XL: { prefillMsPerToken: 0, decodeMsPerToken: 15 },
    });
    const history = new History();
    for (let i = 0; i < 400; i++) {
      history.answered(cursorContextAt('word start'), 10);
      // So much that a larger submodel is worth its time on mains, whatever that time and its loss are set to.
      if (i % 12 === 0) history.agreed(cursorContextAt('word start'), (4 * CHARACTERS_PER_SECOND) / LOSS_BY_BITS, 1);
    }
    const planner = new Planner({
      models: new Models({ checkpoint: { ...(await small()), config }, engine: NO_ENGINE, costs }),
      rhythm: new TypingRhythm(),
      history,
      syntax: { shapeAt: (_languageId, excerpt) => Promise.resolve(shapeByIndentation(excerpt, false)) },
      machine: () => state!,
      now: () => nowMs,
    });
    const bytesChosen = async () => {
      nowMs += DWELL_MS / 10;
      const plan = await planner.plan(requestAt('const a = █'), requestSettings(AUTO, 'balanced'));
      return costs.named((plan as Plan).decision.submodel.name).bytesPerToken;
    };

    try {
      if (!state) await reading();
      assert.equal(powerSource(), 'battery');
      let bytes = await bytesChosen();
      for (const source of ['mains', 'battery'] as const) {
        plugs(source === 'mains');
        let readings = 0;
        while (powerSource() !== source) {
          assert.equal(await bytesChosen(), bytes, 'nothing has been heard of it');
          await reading();
          readings++;
          assert.ok(readings * READ_EVERY_MS <= MAX_LAG_MS, `${readings} readings, each ${READ_EVERY_MS} ms`);
        }
        const chosen = await bytesChosen();
        assert.ok(source === 'mains' ? chosen > bytes : chosen < bytes, `${source}: ${bytes}, then ${chosen}`);
        bytes = chosen;
      }
    } finally {
      stop();
    }
  });
});

describe('the engine’s process, when the machine runs on battery', function () {
  before(function () {
    if (process.platform !== 'linux') this.skip(); // the recordings are of Linux
  });

  it('opens a model when it knows that, and so not on the GPU', async () => {
    const machine = new RecordedMachine('laptop-on-battery');
    const reasons: (string | undefined)[] = [];
    const host = new EngineHost(new ManualClock(), {
      openCheckpoint: small,
      openEngine: (_root, _checkpoint, options) => {
        reasons.push(options?.yieldReason);
        throw new Error('this is enough');
      },
    });
    const message = await new Promise((resolve) => {
      const client = host.connect((message) => {
        if (message.type !== 'unusable') return;
        client.close();
        resolve(message.message);
      });
      const sensors = { root: machine.root, nvml: '' };
      client.receive({ type: 'open', root: ROOT, folder: MODEL, threads: 1, sensors, avoidsGpu: false, window: 'w' });
    });
    assert.equal(message, 'this is enough');
    assert.match(reasons.join(), /^the machine runs on battery/);
  });
});
