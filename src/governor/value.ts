import type { Candidate } from '../matlm/submodel';
import type { Expectation } from './expectation';
import { type Machine, takenByOthers } from './machine';

/** Characters that a second of the engine's work has to bring, on a quiet machine on mains. */
export const CHARACTERS_PER_SECOND = 8;

/** How much dearer the engine's time is in a state of the machine: battery, heat and others' work multiply. */
export function price(machine: Machine): number {
  const { powerSource, chargeShare, lowPower, thermal } = machine;
  const battery = powerSource !== 'battery' ? 1 : chargeShare !== undefined && chargeShare < 0.2 ? 4 : 2;
  const saving = lowPower === true ? 2 : 1;
  const heat = { unknown: 1, nominal: 1, fair: 1.5, serious: 3, critical: 8 }[thermal];
  // What others take has made the engine slower too, and with that dearer already.
  const load = 1 + takenByOthers(machine);
  return CHARACTERS_PER_SECOND * battery * saving * heat * load;
}

/** What a hundredth more bits per byte costs of the characters that are completed, in hundredths: replayed on held-out files. */
export const LOSS_BY_BITS = 0.5;

/** Of the characters that XL completes, the share that a submodel does. */
export function quality({ excessBits }: Candidate): number {
  return Math.max(0, 1 - LOSS_BY_BITS * excessBits);
}

/** What takes longer to read than to type helps nobody: characters typed while a suggestion is read, at least. */
const READING_MS = 300;

/** Characters that a request is expected to save a hand that types on at `gapMs`, had XL answered it. */
export function expectedCharacters({ rightShare, characters }: Expectation, gapMs: number | undefined): number {
  const typedMeanwhile = gapMs === undefined ? 0 : READING_MS / gapMs;
  return rightShare * Math.max(0.5 * characters, characters - typedMeanwhile);
}
