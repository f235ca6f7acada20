import { isObject, isPositive } from '../../matlm/json';

/** The text on which the sizes of a model were found: files of the user, or the sample that comes with MatCoder. */
export type SampleKind = 'user' | 'bundled';

/** How a model was made elastic: `matformer.elastic` in its config.json, for people. */
export interface ElasticRecord {
  readonly sample: SampleKind;
  readonly calibratedTokens: number;
  readonly searchedTokens: number;
  readonly heldOutTokens: number;
  /** Bytes of the text that the figures were measured on. */
  readonly heldOutBytes: number;
  readonly createdAt: string;
}

/**
 * @param config a config.json, or anything else: a list of models shows those too that do not open
 * @returns undefined if the model was not made elastic; members of another kind than expected are missing
 */
export function elasticRecordOf(config: unknown): Partial<ElasticRecord> | undefined {
  const record = isObject(config) && isObject(config.matformer) ? config.matformer.elastic : undefined;
  if (!isObject(record)) return undefined;
  const { sample, createdAt } = record;
  const numbers = (['calibratedTokens', 'searchedTokens', 'heldOutTokens', 'heldOutBytes'] as const)
    .map((key) => [key, record[key]] as const)
    .filter(([, value]) => isPositive(value));
  return {
    ...(sample === 'user' || sample === 'bundled' ? { sample } : {}),
    ...(typeof createdAt === 'string' && !Number.isNaN(Date.parse(createdAt)) ? { createdAt } : {}),
    ...Object.fromEntries(numbers),
  };
}
