import type { MachineState } from '../machine/state';
import { percent } from './format';

/** The sensors' readings in words; values that they cannot read are unknown. */
export function describeMachine(machine: MachineState | undefined): { name: string; value: string }[] {
  if (!machine) return [{ name: 'Sensors', value: 'no reading yet' }];
  const { gpu, cpuBusyByOthersShare } = machine;
  return [
    { name: 'Power', value: power(machine) },
    { name: 'Low-power mode', value: machine.lowPower === 'unknown' ? 'unknown' : machine.lowPower ? 'on' : 'off' },
    { name: 'Heat', value: HEAT[machine.thermal] },
    {
      name: 'Processor',
      value: cpuBusyByOthersShare === undefined ? 'unknown' : `${percent(cpuBusyByOthersShare)} used by other programs`,
    },
    {
      name: 'GPU',
      value: !gpu
        ? 'unknown'
        : `${gpu.name}, ${gpu.busyByOthersShare === undefined ? 'load unknown' : `${percent(gpu.busyByOthersShare)} used by other programs`}`,
    },
  ];
}

const HEAT: Readonly<Record<MachineState['thermal'], string>> = {
  nominal: 'normal',
  fair: 'warm',
  serious: 'throttled by heat',
  critical: 'critical temperature',
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
            : `discharging at ${dischargeWatts.toFixed(1)} W`,
        ]),
  ].join(', ');
}
