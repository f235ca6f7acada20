import assert from 'node:assert/strict';
import { allowanceOf, DutyCycle, WINDOW_MS } from '../../../src/governor/dutyCycle';
import { type Machine, UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { english } from '../../../src/localisation/phrase';

describe('the allowance of a core', () => {
  const mains: Machine = { ...UNKNOWN_MACHINE, powerSource: 'mains' };
  const rows: [string, Partial<Machine>, number, string][] = [
    ['on mains', {}, 0.25, ''],
    ['if the power source is unknown', { powerSource: 'unknown' }, 0.25, ''],
    ['on battery', { powerSource: 'battery', chargeShare: 0.6 }, 0.1, 'on battery'],
    ['on a battery of unknown charge', { powerSource: 'battery' }, 0.1, 'on battery'],
    ['on a low battery', { powerSource: 'battery', chargeShare: 0.19 }, 0.05, 'low battery'],
    ['if the system saves power', { lowPower: true }, 0.1, 'saving power'],
    ['in heat', { thermal: 'serious' }, 0.05, 'hot'],
    ['next to other work', { cpuBusyByOthersShare: 0.9 }, 0.05, 'busy processor'],
    ['on battery and hot', { powerSource: 'battery', chargeShare: 0.6, thermal: 'critical' }, 0.05, 'hot'],
    ['next to a little other work', { cpuBusyByOthersShare: 0.4 }, 0.25, ''],
  ];
  for (const [name, change, share, because] of rows) {
    it(`is ${100 * share} % ${name}`, () => {
      const found = allowanceOf({ ...mains, ...change });
      assert.deepEqual([found.share, found.because ? english(found.because) : ''], [share, because]);
    });
  }
});

describe('the duty cycle of the engine', () => {
  it('is the engine’s work as a share of the window that ends now', () => {
    const cycle = new DutyCycle();
    assert.equal(cycle.share(0), 0);
    cycle.worked(1000, 1600);
    cycle.worked(5000, 5900);
    assert.equal(cycle.share(6000), 1500 / WINDOW_MS);
    assert.equal(cycle.share(1300 + WINDOW_MS), (300 + 900) / WINDOW_MS, 'the first has half left the window');
    assert.equal(cycle.share(5900 + WINDOW_MS), 0);
  });

  it('counts all work in the window, however many requests followed', () => {
    const cycle = new DutyCycle();
    for (let at = 0; at < 100_000; at += 100) cycle.worked(at, at + 10);
    assert.ok(Math.abs(cycle.share(100_000) - 0.1) < 0.001, String(cycle.share(100_000)));
  });
});
