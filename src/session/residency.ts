import type { Machine } from '../governor/machine';
import { type Phrase, phrase } from '../localisation/phrase';
import type { MachineMemory } from '../machine/memory';

/** The input of `residencyOf`. */
export interface ResidencyInput {
  readonly isLoaded: boolean;
  /** That the model takes while it is loaded. */
  readonly neededBytes: number;
  readonly memory: MachineMemory;
  readonly machine: Pick<Machine, 'powerSource' | 'lowPower'>;
  /** Milliseconds since the last key, or since the start. */
  readonly idleMs: number;
  /** The user has asked for a completion by hand while the model was not loaded. */
  readonly isAsked: boolean;
}

/** Whether a model should be in memory now, and why not. */
export type Residency = { readonly isWanted: true } | { readonly isWanted: false; readonly reason: Phrase };

/** Other programs keep so much free memory: a share of all, or a number of bytes if that is more. */
const RESERVE = { share: 0.05, bytes: 512e6 };
/** Below this part of the reserve the model is unloaded. It is less than all, so that the model is not loaded again at once. */
const PRESSURE = 0.5;
/** Loading takes both cores for a moment, so it waits for a pause in typing. */
const PAUSE_MS = 1000;
/** After so long without a key the user is away. */
const AWAY_MS = 15 * 60_000;

/** Whether a second model should be in memory. Memory decides first; on battery a model is loaded by hand only. */
export function residencyOf(input: ResidencyInput): Residency {
  const { isLoaded, neededBytes, memory, machine, idleMs, isAsked } = input;
  const { totalBytes, freeBytes } = memory;
  const reserve = Math.max(RESERVE.bytes, RESERVE.share * totalBytes);
  if (isLoaded) {
    if (freeBytes < PRESSURE * reserve) return without(phrase('the machine is short of memory'));
    return idleMs >= AWAY_MS ? without(phrase('nothing was typed for a while')) : { isWanted: true };
  }
  if (freeBytes < neededBytes + reserve) {
    const [needed, free] = [neededBytes + reserve, freeBytes].map((bytes) => Math.round(bytes / 1e6));
    return without(phrase('it needs {0} MB of free memory, and there are {1} MB', needed ?? 0, free ?? 0));
  }
  if (isAsked) return { isWanted: true };
  if (machine.powerSource === 'battery' || machine.lowPower === true)
    return without(phrase('on battery it is loaded once you ask by hand'));
  if (idleMs >= AWAY_MS) return without(phrase('nothing was typed for a while'));
  return idleMs < PAUSE_MS ? without(phrase('it is loaded in the next pause')) : { isWanted: true };
}

function without(reason: Phrase): Residency {
  return { isWanted: false, reason };
}
