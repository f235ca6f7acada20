import type { Machine } from '../governor/machine';
import type { Speed } from './hand';
import { Random } from './random';

/** A machine and a typist. */
export interface Scenario {
  readonly name: string;
  readonly machine: Machine;
  /** Virtual milliseconds per millisecond of the engine's work. */
  readonly slowdown: number;
  /** A share of the passes takes longer by a further factor. */
  readonly stalls?: { readonly share: number; readonly factor: number };
  /** Share of the letters that are typed wrong; 0 by default. */
  readonly mistakes?: number;
  /** The speeds of the files, in turn. */
  readonly speeds: readonly Speed[];
}

const ALL_SPEEDS: readonly Speed[] = ['slow', 'average', 'fast'];
const QUIET: Machine = { powerSource: 'mains', lowPower: false, thermal: 'nominal', cpuBusyByOthersShare: 0.05 };
const BUSY: Machine = { ...QUIET, cpuBusyByOthersShare: 0.95 };

/**
 * The slowdowns are assumptions, so that they are the same for every policy. Next to a busy loop on every core, a decode
 * gets half of each core. Next to a compiler with several processes on every core, it gets a third, and one pass in ten
 * takes four times as long. A hot processor runs at about 60 % of its clock. A slow machine has a fifth of the speed. A
 * crowded machine is slow and runs a compiler.
 */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'quiet', machine: QUIET, slowdown: 1, speeds: ALL_SPEEDS },
  {
    name: 'battery',
    machine: { ...QUIET, powerSource: 'battery', chargeShare: 0.5 },
    slowdown: 1,
    speeds: ALL_SPEEDS,
  },
  { name: 'busy', machine: BUSY, slowdown: 2, speeds: ALL_SPEEDS },
  { name: 'hot', machine: { ...QUIET, thermal: 'serious' }, slowdown: 1.6, speeds: ALL_SPEEDS },
  { name: 'fast', machine: QUIET, slowdown: 1, speeds: ['fast'] },
  { name: 'slow', machine: QUIET, slowdown: 5, speeds: ALL_SPEEDS },
  { name: 'build', machine: BUSY, slowdown: 3, stalls: { share: 0.1, factor: 4 }, speeds: ALL_SPEEDS },
  { name: 'crowded', machine: BUSY, slowdown: 15, stalls: { share: 0.1, factor: 4 }, speeds: ALL_SPEEDS },
  { name: 'mistakes', machine: QUIET, slowdown: 1, mistakes: 0.04, speeds: ALL_SPEEDS },
];

/** Returns the slowdown of the next pass, relative to an idle machine. */
export function paceOf({ name, slowdown, stalls }: Scenario, seed: number): () => number {
  const random = new Random(seed, name, 'pace');
  return () => slowdown * (stalls && random.next() < stalls.share ? stalls.factor : 1);
}
