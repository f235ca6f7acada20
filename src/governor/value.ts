import type { Candidate } from '../matlm/submodel';
import type { Expectation } from './expectation';
import { type Machine, takenByOthers } from './machine';

/** Characters that a second of the engine's work has to save, on a quiet machine on mains. */
export const CHARACTERS_PER_SECOND = 8;

/** Characters that a second of the engine's work has to save. The factors of battery, heat and other work multiply. */
export function price(machine: Machine): number {
  const { powerSource, chargeShare, lowPower, thermal } = machine;
  const battery = powerSource !== 'battery' ? 1 : chargeShare !== undefined && chargeShare < 0.2 ? 4 : 2;
  const saving = lowPower === true ? 2 : 1;
  const heat = { unknown: 1, nominal: 1, fair: 1.5, serious: 3, critical: 8 }[thermal];
  // The factor is small, because other work also makes the engine slower, which raises the price of a decode by itself.
  const load = 1 + takenByOthers(machine);
  return CHARACTERS_PER_SECOND * battery * saving * heat * load;
}

/** The relative loss of completed characters per relative excess of bits per byte, by replays of held-out files. */
export const LOSS_BY_BITS = 0.5;

/**
 * The same between models that were trained apart, as an exponent. It is an assumption: replays of SmolLM2-135M, which has 7 to 8 %
 * more bits than XL on some Python files, say 0.4 if its probabilities alone are its score, and 3.7 with the careful general score.
 */
export const LOSS_BETWEEN_MODELS = 1;

/**
 * The characters that a submodel completes, as a share of those of the main model's XL. A better model has more than 1. One of
 * which nothing was measured is expected to be as good.
 */
export function quality({ excessBits, relativeBits = 1 }: Pick<Candidate, 'excessBits' | 'relativeBits'>): number {
  return relativeBits ** -LOSS_BETWEEN_MODELS * Math.max(0, 1 - LOSS_BY_BITS * excessBits);
}

/** The time to read a suggestion. Characters that the user could type in this time are not saved. */
const READING_MS = 300;

/** Characters that a request is expected to save at a pace of `gapMs` per key, as if XL answered it. */
export function expectedCharacters({ rightShare, characters }: Expectation, gapMs: number | undefined): number {
  const typedMeanwhile = gapMs === undefined ? 0 : READING_MS / gapMs;
  return rightShare * Math.max(0.5 * characters, characters - typedMeanwhile);
}
