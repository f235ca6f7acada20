import type { Machine } from '../governor/machine';
import type { Speed } from './hand';
import { Random } from './random';

/** A machine and a hand. */
export interface Scenario {
  readonly name: string;
  readonly machine: Machine;
  /** Virtual milliseconds that a millisecond of the engine's takes. */
  readonly slowdown: number;
  /** So many of the passes over the weights take so many times as long again. */
  readonly stalls?: { readonly share: number; readonly factor: number };
  /** Share of the letters that the hand gets wrong; none if it is absent. */
  readonly mistakes?: number;
  /** Of the files in turn. */
  readonly speeds: readonly Speed[];
}

const ALL_SPEEDS: readonly Speed[] = ['slow', 'average', 'fast'];
const QUIET: Machine = { powerSource: 'mains', lowPower: false, thermal: 'nominal', cpuBusyByOthersShare: 0.05 };
const BUSY: Machine = { ...QUIET, cpuBusyByOthersShare: 0.95 };

/**
 * What the machine does to the engine's times is assumed, so that it is the same for every policy. Next to a busy loop on
 * every core a decode gets half of each; next to a compiler with several processes on every core it gets a third, and one
 * pass in ten waits for the core four times as long; a processor that is too hot runs at about 60 % of its clock; a slow one
 * has a fifth of the speed, and a crowded one is slow and has a compiler next to it.
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

/** How many times as long as at rest the next pass takes. */
export function paceOf({ name, slowdown, stalls }: Scenario, seed: number): () => number {
  const random = new Random(seed, name, 'pace');
  return () => slowdown * (stalls && random.next() < stalls.share ? stalls.factor : 1);
}
