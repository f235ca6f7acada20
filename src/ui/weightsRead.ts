import { PREFILL_CHUNK } from '../engine/engine';
import type { CheckpointConfig } from '../matlm/config';
import { bytesPerToken, submodelOf } from '../matlm/submodel';
import type { WeightReads } from '../statistics/counts';

/** Weight bytes that a completion read, and that XL would have read in as many passes. Drafts are not counted. */
export function weightsRead(
  config: CheckpointConfig,
  submodel: string,
  prefilledTokens: number,
  decodePasses: number,
): WeightReads {
  const passes = Math.ceil(prefilledTokens / PREFILL_CHUNK) + decodePasses;
  const by = (name: string) => passes * bytesPerToken(config.model, submodelOf(config, name).widths);
  return { bytes: by(submodel), bytesByXL: by('XL') };
}
