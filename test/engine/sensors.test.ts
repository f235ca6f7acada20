import assert from 'node:assert/strict';
import { join } from 'node:path';
import { EngineClient } from '../../src/engine/client';
import { stateOf } from '../../src/engine/sensors';
import type { MachineState } from '../../src/machine/state';
import { RecordedMachine } from '../recordedMachine';
import { addon, ROOT } from './harness';

describe('the machine’s sensors', function () {
  before(function () {
    if (process.platform !== 'linux') this.skip(); // the recordings are of Linux
  });

  it('read a laptop on battery', () => {
    const sensors = new addon.Sensors({ root: new RecordedMachine('laptop-on-battery').root });
    assert.deepEqual(stateOf(sensors.read()), {
      powerSource: 'battery',
      chargeShare: 0.62,
      dischargeWatts: 9.482,
      lowPower: 'unknown',
      thermal: 'unknown',
    });
    sensors.close();
  });

  it('say where a value came from, and why another is unknown', () => {
    const sensors = new addon.Sensors({ root: new RecordedMachine('laptop-on-battery').root });
    const { powerSource, cpuBusyByOthersShare } = sensors.read();
    assert.match(powerSource.note, /power_supply: BAT0 is discharging$/);
    assert.deepEqual(cpuBusyByOthersShare, { note: 'it takes two readings' });
    sensors.close();
  });

  it('refuse to be read after they were closed', () => {
    const sensors = new addon.Sensors();
    sensors.close();
    sensors.close();
    assert.throws(() => sensors.read(), /the sensors were closed/);
  });

  it('reach the editor’s process, with a change of the power source within two seconds', async () => {
    const machine = new RecordedMachine('laptop-on-battery');
    const heard: MachineState[] = [];
    const mains = new Promise<void>((resolve, reject) => {
      const client = new EngineClient({
        hostFile: join(ROOT, 'dist', 'engine.js'),
        root: ROOT,
        modelFolder: join(ROOT, 'models', 'matlm-6m'),
        threads: 1,
        sensors: { root: machine.root },
        now: () => 42,
        onState: (state) => {
          if (state.kind === 'failed') reject(new Error(state.reason));
        },
        onMachine: (state) => {
          assert.equal(client.machine, state);
          heard.push(state);
          if (heard.length === 1) {
            machine.change('sys/class/power_supply/AC/uevent', 'ONLINE=0', 'ONLINE=1');
            machine.change('sys/class/power_supply/BAT0/uevent', 'STATUS=Discharging', 'STATUS=Charging');
          }
          if (state.powerSource !== 'mains') return;
          client.stop();
          assert.equal(client.machine, undefined);
          resolve();
        },
      });
      client.start();
    });
    await mains;
    assert.deepEqual([heard.at(0)?.powerSource, heard.at(-1)?.powerSource], ['battery', 'mains']);
    assert.equal(heard[0]?.readAtMs, 42);
  });
});
