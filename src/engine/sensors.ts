import { setTimeout } from 'node:timers/promises';
import type { MachineState } from '../machine/state';
import type { NativeReading, SensorOptions } from './addon';
import { loadAddon } from './loadAddon';

/** A reading without its time, which the receiver adds, because processes have different clocks. */
export type SensedState = Omit<MachineState, 'readAtMs'>;

/** Load changes within a second, and a reading costs a fraction of a millisecond. */
export const READ_EVERY_MS = 1000;

/**
 * Listen to the machine's sensors: a reading at once, one a second, and one whenever the power source changes.
 * Does not keep the process alive.
 * @param root the folder that holds the addon
 * @returns stops it
 */
export function watchMachine(root: string, options: SensorOptions, listener: (state: SensedState) => void): () => void {
  const addon = loadAddon(root);
  const sensors = new addon.Sensors(options);
  sensors.watch(READ_EVERY_MS, (reading) => {
    listener(stateOf(reading));
  });
  return () => {
    sensors.close();
  };
}

/** The machine's sensors, to be read from time to time and closed by the caller. */
export function openSensors(
  root: string,
  options: SensorOptions = {},
): { readonly read: () => SensedState; readonly close: () => void } {
  const addon = loadAddon(root);
  const sensors = new addon.Sensors(options);
  return {
    read: () => stateOf(sensors.read()),
    close: () => {
      sensors.close();
    },
  };
}

/**
 * One reading with its sources. The load is measured over `windowMs`.
 * @param root the folder that holds the addon
 */
export async function readMachine(root: string, options: SensorOptions, windowMs: number): Promise<NativeReading> {
  const addon = loadAddon(root);
  const sensors = new addon.Sensors(options);
  try {
    sensors.read();
    await setTimeout(windowMs);
    return sensors.read();
  } finally {
    sensors.close();
  }
}

/** The values of a reading; a value that could not be read is unknown or absent. */
export function stateOf(reading: NativeReading): SensedState {
  return {
    powerSource: reading.powerSource.value ?? 'unknown',
    ...present('chargeShare', reading.chargeShare.value),
    ...present('dischargeWatts', reading.dischargeWatts.value),
    lowPower: reading.lowPower.value ?? 'unknown',
    thermal: reading.thermal.value ?? 'unknown',
    ...present('cpuBusyByOthersShare', reading.cpuBusyByOthersShare.value),
    ...present('cpuPressureShare', reading.cpuPressureShare.value),
    ...present('gpu', reading.gpu.value),
    ...present('energyJoules', reading.energyJoules.value),
  };
}

function present<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, T>>);
}
