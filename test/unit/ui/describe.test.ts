import assert from 'node:assert/strict';
import { AUTO, type GovernorSettings } from '../../../src/governor/settings';
import type { MachineState } from '../../../src/machine/state';
import { describeMachine } from '../../../src/ui/describeMachine';
import { budgetFault, describeSettings } from '../../../src/ui/describeSettings';

describe('the settings', () => {
  const cases: [GovernorSettings, string][] = [
    [AUTO, 'Auto'],
    [{ ...AUTO, submodel: 'M', batteryCap: 'S', latencyBudgetMs: 60 }, 'M, fixed'],
    [{ ...AUTO, batteryCap: 'S', latencyBudgetMs: 60 }, 'Auto, at most S on battery, within 60 ms'],
    [{ ...AUTO, manualOnly: true }, 'Auto, only when asked by hand'],
  ];
  for (const [settings, expected] of cases) {
    it(`are described as ${expected}`, () => {
      assert.equal(describeSettings(settings), expected);
    });
  }
});

describe('a latency budget', () => {
  for (const text of ['', ' ', '1', ' 60 ', '10000']) {
    it(`may be ${JSON.stringify(text)}`, () => {
      assert.equal(budgetFault(text, 10_000), undefined);
    });
  }
  for (const text of ['soon', '-5', '0', '2.5', '1e3', '10001', '0x10', '١']) {
    it(`may not be ${JSON.stringify(text)}`, () => {
      assert.match(budgetFault(text, 10_000) ?? '', /whole milliseconds from 1 to 10000/);
    });
  }
});

describe('the machine', () => {
  const UNREAD: MachineState = { powerSource: 'unknown', lowPower: 'unknown', thermal: 'unknown', readAtMs: 0 };
  const told = (state: MachineState | undefined) =>
    describeMachine(state)
      .map(({ name, value }) => `${name}: ${value}`)
      .join('; ');

  it('is unknown if nothing could be read', () => {
    assert.equal(
      told(UNREAD),
      'Power: unknown; Low-power mode: unknown; Heat: unknown; Processor: unknown; GPU: unknown',
    );
  });

  it('is described as the sensors read it', () => {
    const laptop: MachineState = {
      ...UNREAD,
      powerSource: 'battery',
      chargeShare: 0.614,
      dischargeWatts: 7.24,
      lowPower: true,
      thermal: 'serious',
      cpuBusyByOthersShare: 0.12,
      gpu: { name: 'A100', busyByOthersShare: 0.5 },
    };
    assert.equal(
      told(laptop),
      'Power: battery, 61% charged, discharging at 7.2 W; Low-power mode: on; Heat: throttled by heat; ' +
        'Processor: 12% used by other programs; GPU: A100, 50% used by other programs',
    );
  });

  it('charges if the discharge is negative', () => {
    assert.match(told({ ...UNREAD, powerSource: 'mains', dischargeWatts: -20 }), /mains, charging at 20\.0 W/);
  });

  it('says that no reading has come yet', () => {
    assert.equal(told(undefined), 'Sensors: no reading yet');
  });
});
