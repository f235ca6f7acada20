import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Completion } from '../../../src/cli/complete';
import type { MachineReport } from '../../../src/cli/machine';
import { ROOT } from '../../engine/harness';
import { sameEverywhere } from './everywhere';

/** The documented example. */
const PLACE = 'examples/src/station.ts:17:22';

function matcoder(...args: string[]): string {
  const cli = join(ROOT, 'dist', 'cli.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: ROOT });
  assert.equal(status, 0, stderr);
  return stdout;
}

describe('the command line', () => {
  for (const size of ['S', 'XL']) {
    it(`completes the documented example with ${size}, and the same on each platform`, () => {
      const found = JSON.parse(matcoder('complete', PLACE, '--submodel', size, '--json')) as Completion;
      assert.equal(found.text, '\n      this.readings.splice(index, 1);');
      const { text, submodel, promptTokens, tokens } = found;
      sameEverywhere(`completion with ${size}`, { text, submodel, promptTokens, tokens });
    });
  }

  it('reads each sensor, or says why it is unknown', () => {
    const { sensors, cores } = JSON.parse(matcoder('inspect', '--machine', '--json')) as MachineReport;
    assert.ok(cores >= 1);
    const names = [
      'powerSource',
      'chargeShare',
      'dischargeWatts',
      'lowPower',
      'thermal',
      'cpuBusyByOthersShare',
      'cpuPressureShare',
      'gpu',
      'energyJoules',
    ];
    assert.deepEqual(Object.keys(sensors).sort(), names.sort());
    for (const [name, { note }] of Object.entries(sensors) as [string, { note: string }][]) {
      assert.notEqual(note, '', `${name} has neither a source nor a reason`);
    }
  });
});
