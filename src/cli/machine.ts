import { availableParallelism } from 'node:os';
import type { NativeReading, SensorOptions } from '../engine/addon';
import { readMachine } from '../engine/sensors';
import type { GpuState } from '../machine/state';
import { layOut } from './table';

/** The output of `matcoder inspect --machine`. */
export interface MachineReport {
  readonly platform: string;
  readonly cores: number;
  /** Each value with its source, or why it is unknown. */
  readonly sensors: NativeReading;
}

/** Read the machine's sensors, with the load of half a second. */
export async function inspectMachine(root: string, options: SensorOptions = {}): Promise<MachineReport> {
  const sensors = await readMachine(root, options, 500);
  return { platform: `${process.platform}-${process.arch}`, cores: availableParallelism(), sensors };
}

/** The report as a table for a terminal. */
export function machineTable({ platform, cores, sensors }: MachineReport): string {
  const row = <T>(
    name: string,
    { value, note }: { readonly value?: T; readonly note: string },
    show: (value: T) => string,
  ) => [name, value === undefined ? 'unknown' : show(value), note];
  const rows = [
    ['sensor', 'value', 'source, or why it is unknown'],
    row('power source', sensors.powerSource, String),
    row('charge', sensors.chargeShare, percent),
    row('discharge', sensors.dischargeWatts, (watts) => `${watts.toFixed(1)} W`),
    row('low-power mode', sensors.lowPower, (low) => (low ? 'on' : 'off')),
    row('thermal state', sensors.thermal, String),
    row('processor, other programs', sensors.cpuBusyByOthersShare, percent),
    row('processor, pressure', sensors.cpuPressureShare, percent),
    row('GPU, other programs', sensors.gpu, gpu),
    row('processor, energy', sensors.energyJoules, (joules) => `${joules.toFixed(2)} J`),
  ];
  return `${platform}, ${cores} hardware threads\n\n${layOut(rows, [1, 2])}`;
}

function gpu({ name, busyByOthersShare, memoryUsedByOthersBytes, memoryBytes }: GpuState): string {
  const busy = busyByOthersShare === undefined ? 'load unknown' : `${percent(busyByOthersShare)} busy`;
  const memory = memoryBytes === undefined ? [] : [`${gib(memoryUsedByOthersBytes)} of ${gib(memoryBytes)} GiB`];
  return [name, busy, ...memory].join(', ');
}

const percent = (share: number) => `${Math.round(100 * share)}%`;
const gib = (bytes: number | undefined) => (bytes === undefined ? '?' : (bytes / 2 ** 30).toFixed(1));
