import assert from 'node:assert/strict';
import { join } from 'node:path';
import { inspectMachine, machineTable } from '../../src/cli/machine';
import { EngineClient } from '../../src/engine/client';
import { SYSTEM_CLOCK } from '../../src/machine/clock';
import { stateOf } from '../../src/engine/sensors';
import type { MachineState } from '../../src/machine/state';
import { RecordedMachine } from '../recordedMachine';
import { addon, ROOT } from './harness';

describe('the machine’s sensors', function () {
  before(function () {
    if (process.platform !== 'linux') this.skip(); // the recordings are of Linux
  });

  const open = (name: string) => new addon.Sensors({ root: new RecordedMachine(name).root, nvml: '' });

  const machines: [string, Omit<MachineState, 'readAtMs'>][] = [
    [
      'laptop-on-battery',
      {
        powerSource: 'battery',
        chargeShare: 0.62,
        dischargeWatts: 9.482,
        lowPower: true,
        thermal: 'nominal',
        gpu: { name: 'i915 8086:9A49 (card1)' },
        energyJoules: 0,
      },
    ],
    [
      'laptop-on-mains',
      {
        powerSource: 'mains',
        chargeShare: 0.75,
        dischargeWatts: -18.5,
        lowPower: false,
        thermal: 'serious',
        gpu: { name: 'xe 8086:64A0 (card0)' },
      },
    ],
    [
      'desktop',
      {
        powerSource: 'mains',
        lowPower: false,
        thermal: 'nominal',
        gpu: {
          name: 'amdgpu 1002:744C (card1)',
          busyByOthersShare: 0.37,
          memoryUsedByOthersBytes: 2 ** 32,
          memoryBytes: 17163091968,
        },
      },
    ],
    ['container', { powerSource: 'unknown', lowPower: 'unknown', thermal: 'unknown' }],
  ];
  for (const [name, state] of machines) {
    it(`read a ${name.replaceAll('-', ' ')}`, () => {
      const sensors = open(name);
      assert.deepEqual(stateOf(sensors.read()), state);
      sensors.close();
    });
  }

  it('name the source of a value, and the reason if it is unknown', () => {
    const sensors = open('laptop-on-battery');
    const { powerSource, cpuBusyByOthersShare } = sensors.read();
    assert.match(powerSource.note, /power_supply: BAT0 is discharging$/);
    assert.deepEqual(cpuBusyByOthersShare, { note: 'needs two readings' });
    sensors.close();
  });

  it('are printed by matcoder inspect --machine', async () => {
    const machine = new RecordedMachine('laptop-on-battery');
    const report = await inspectMachine(ROOT, { root: machine.root, nvml: '' });
    const rows = machineTable(report).replaceAll(machine.root, '').split('\n');
    assert.deepEqual(
      rows
        .filter((row) => /^(power|charge|discharge|low|thermal|processor, other|GPU)/.test(row))
        .map((row) => row.replace(/ {2,}/g, ' | ')),
      [
        'power source | battery | /sys/class/power_supply: BAT0 is discharging',
        'charge | 62% | /sys/class/power_supply: BAT0 (energy)',
        'discharge | 9.5 W | /sys/class/power_supply: BAT0',
        'low-power mode | on | /sys/firmware/acpi/platform_profile: low-power',
        'thermal state | nominal | thermal_zone0 (acpitz), thermal_zone2 (SEN1), cooling_device0 (Processor), cooling_device1 (intel_powerclamp), package_throttle_count',
        'processor, other programs | unknown | /proc/stat: the times do not advance',
        'GPU, other programs | i915 8086:9A49 (card1), 100% busy | files of i915',
      ],
    );
  });

  it('read this machine, at least its load', async () => {
    const { sensors } = await inspectMachine(ROOT);
    const share = sensors.cpuBusyByOthersShare.value;
    assert.ok(share !== undefined && share >= 0 && share <= 1, JSON.stringify(sensors.cpuBusyByOthersShare));
  });

  it('refuse a reading after they were closed', () => {
    const sensors = new addon.Sensors();
    sensors.close();
    sensors.close();
    assert.throws(() => sensors.read(), /the sensors were closed/);
  });

  it('reach the editor’s process, and so does a change of the power source', async () => {
    const machine = new RecordedMachine('laptop-on-battery');
    const heard: MachineState[] = [];
    const mains = new Promise<void>((resolve, reject) => {
      const client: EngineClient = new EngineClient({
        hostFile: join(ROOT, 'dist', 'engine.js'),
        root: ROOT,
        modelFolder: join(ROOT, 'models', 'matlm-6m'),
        threads: 1,
        sensors: { root: machine.root, nvml: '' },
        clock: { ...SYSTEM_CLOCK, now: () => 42 },
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
