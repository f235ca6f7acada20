import type { EngineInfo } from '../../engine/engine';
import type { CheckpointConfig } from '../../matlm/config';
import { bytesPerToken, parameters, submodelOf } from '../../matlm/submodel';
import type { Choice } from '../../models/importProtocol';

/** The measured speed of a model that runs on this machine. */
export interface Speed {
  /** Weights that are read for a token. */
  readonly bytesPerToken: number;
  readonly parameters: number;
  readonly prefillMsPerToken: number;
  readonly decodeMsPerToken: number;
}

/** Undefined if its largest submodel was not measured. */
export function speedOf(config: CheckpointConfig, costs: EngineInfo['costs']): Speed | undefined {
  const cost = Object.hasOwn(costs, 'XL') ? costs.XL : undefined;
  const { widths } = submodelOf(config, 'XL');
  return (
    cost && {
      ...cost,
      bytesPerToken: bytesPerToken(config.model, widths),
      parameters: parameters(config.model, widths),
    }
  );
}

/**
 * Milliseconds of a typical completion by a model that has not run yet. To read a prompt is bound by arithmetic, so it grows
 * with the parameters; to write a token is bound by memory, so it grows with the bytes that are read.
 */
export function expectedMs(
  { bytesPerToken: bytes }: Pick<Choice, 'bytesPerToken'>,
  parameterCount: number,
  speed: Speed,
  typical: { readonly promptTokens: number; readonly newTokens: number },
): number {
  const prefill = typical.promptTokens * speed.prefillMsPerToken * (parameterCount / speed.parameters);
  return prefill + typical.newTokens * speed.decodeMsPerToken * (bytes / speed.bytesPerToken);
}
