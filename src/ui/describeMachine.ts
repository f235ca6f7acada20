import type { MachineState } from '../machine/state';
import { percent } from './format';

/** What the sensors say, and what they cannot. */
export function describeMachine(machine: MachineState | undefined): { name: string; value: string }[] {
  if (!machine) return [{ name: 'Sensors', value: 'not heard of yet' }];
  const { gpu, cpuBusyByOthersShare } = machine;
  return [
    { name: 'Power', value: power(machine) },
    { name: 'Low-power mode', value: machine.lowPower === 'unknown' ? 'unknown' : machine.lowPower ? 'on' : 'off' },
    { name: 'Heat', value: HEAT[machine.thermal] },
    {
      name: 'Processor',
      value: cpuBusyByOthersShare === undefined ? 'unknown' : `${percent(cpuBusyByOthersShare)} taken by others`,
    },
    {
      name: 'GPU',
      value: !gpu
        ? 'unknown'
        : `${gpu.name}, ${gpu.busyByOthersShare === undefined ? 'load unknown' : `${percent(gpu.busyByOthersShare)} taken by others`}`,
    },
  ];
}

const HEAT: Readonly<Record<MachineState['thermal'], string>> = {
  nominal: 'as usual',
  fair: 'warm',
  serious: 'slowed down by heat',
  critical: 'about to stop for heat',
  unknown: 'unknown',
};

function power({ powerSource, chargeShare, dischargeWatts }: MachineState): string {
  return [
    powerSource,
    ...(chargeShare === undefined ? [] : [`${percent(chargeShare)} charged`]),
    ...(dischargeWatts === undefined
      ? []
      : [
          dischargeWatts < 0
            ? `charging at ${(-dischargeWatts).toFixed(1)} W`
            : `drawing ${dischargeWatts.toFixed(1)} W`,
        ]),
  ].join(', ');
}
