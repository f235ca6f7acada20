import assert from 'node:assert/strict';
import { openSensors } from '../../src/engine/sensors';
import { EnergyMeter } from '../../src/replay/energy';
import { RecordedMachine } from '../recordedMachine';
import { ROOT } from './harness';

describe('the energy consumption of a machine', function () {
  before(function () {
    if (process.platform !== 'linux') this.skip(); // the recordings are of Linux
  });

  const closing: (() => void)[] = [];
  let nowMs = 0;

  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  function metered(machine: RecordedMachine): EnergyMeter {
    const sensors = openSensors(ROOT, { root: machine.root, nvml: '' });
    const meter = new EnergyMeter(sensors.read, () => nowMs);
    closing.push(() => {
      meter.stop();
      sensors.close();
    });
    meter.start();
    return meter;
  }

  const counter = (machine: RecordedMachine, name: string, addMicrojoules: number) => {
    const path = `sys/class/powercap/${name}/energy_uj`;
    const range = Number(machine.read(`sys/class/powercap/${name}/max_energy_range_uj`));
    machine.write(path, `${(Number(machine.read(path)) + addMicrojoules) % range}\n`);
  };

  it('is read from the processor’s packages', () => {
    const machine = new RecordedMachine('laptop-on-battery');
    const meter = metered(machine);
    counter(machine, 'intel-rapl:0', 2_000_000);
    meter.sample();
    counter(machine, 'intel-rapl:0', 1_500_000);
    meter.stop();
    assert.equal(meter.joules?.toFixed(3), '3.500');
    meter.start();
    meter.stop();
    assert.equal(meter.joules, 0, 'a meter begins anew');
  });

  it('is the discharge of the battery if the processor reports no energy', () => {
    const machine = new RecordedMachine('laptop-on-battery');
    machine.remove('sys/class/powercap');
    const meter = metered(machine);
    nowMs += 60_000;
    meter.stop();
    assert.equal(meter.joules?.toFixed(3), (9.482 * 60).toFixed(3));
  });

  for (const name of ['laptop-on-mains', 'desktop', 'container']) {
    it(`is unknown of a ${name.replaceAll('-', ' ')} that does not report it`, () => {
      const meter = metered(new RecordedMachine(name));
      nowMs += 60_000;
      meter.stop();
      assert.equal(meter.joules, undefined);
    });
  }

  it('is unknown if the counter disappeared meanwhile, whatever the battery reports', () => {
    const machine = new RecordedMachine('laptop-on-battery');
    const meter = metered(machine);
    nowMs += 1000;
    machine.write('sys/class/powercap/intel-rapl:0/energy_uj', '');
    meter.stop();
    assert.equal(meter.joules, undefined);
  });

  it('is unknown if the battery began to charge meanwhile', () => {
    const machine = new RecordedMachine('laptop-on-battery');
    machine.remove('sys/class/powercap');
    const meter = metered(machine);
    nowMs += 60_000;
    machine.change('sys/class/power_supply/AC/uevent', 'ONLINE=0', 'ONLINE=1');
    machine.change('sys/class/power_supply/BAT0/uevent', 'STATUS=Discharging', 'STATUS=Charging');
    meter.stop();
    assert.equal(meter.joules, undefined);
  });
});
