import type { CheckpointConfig } from '../matlm/config';
import { bytesPerToken, submodelOf } from '../matlm/submodel';
import type { Reading } from '../statistics/tally';

/** Tokens of a prompt that the engine reads the weights for at once. */
const PREFILL_CHUNK = 64;

/** Bytes of weights that a completion read, and that XL would have read in as many passes; what drafts read is left out. */
export function weightsRead(
  config: CheckpointConfig,
  submodel: string,
  prefilledTokens: number,
  decodePasses: number,
): Reading {
  const passes = Math.ceil(prefilledTokens / PREFILL_CHUNK) + decodePasses;
  const by = (name: string) => passes * bytesPerToken(config.model, submodelOf(config, name).widths);
  return { bytes: by(submodel), bytesByXL: by('XL') };
}
