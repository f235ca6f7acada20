import type { Machine } from '../governor/machine';
import type { Speed } from './hand';

/** A machine and a hand. */
export interface Scenario {
  readonly name: string;
  readonly machine: Machine;
  /** Virtual milliseconds that a millisecond of the engine's takes. The processor time it uses stays what it is. */
  readonly slowdown: number;
  /** Of the files in turn. */
  readonly speeds: readonly Speed[];
}

const ALL_SPEEDS: readonly Speed[] = ['slow', 'average', 'fast'];
const QUIET: Machine = { powerSource: 'mains', lowPower: false, thermal: 'nominal', cpuBusyByOthersShare: 0.05 };

/**
 * The slowdowns are virtual, so that they are the same for every policy: a decode beside a busy loop on every core gets
 * half of each, and a processor that is too hot runs at about 60 % of its clock.
 */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'quiet', machine: QUIET, slowdown: 1, speeds: ALL_SPEEDS },
  {
    name: 'battery',
    machine: { ...QUIET, powerSource: 'battery', chargeShare: 0.5 },
    slowdown: 1,
    speeds: ALL_SPEEDS,
  },
  { name: 'busy', machine: { ...QUIET, cpuBusyByOthersShare: 0.95 }, slowdown: 2, speeds: ALL_SPEEDS },
  { name: 'hot', machine: { ...QUIET, thermal: 'serious' }, slowdown: 1.6, speeds: ALL_SPEEDS },
  { name: 'fast', machine: QUIET, slowdown: 1, speeds: ['fast'] },
];
