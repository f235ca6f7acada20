import { LocalEngine } from '../engine/native';
import { CostModel } from '../governor/costs';
import type { Checkpoint } from '../matlm/checkpoint';
import { usualSizes } from '../matlm/submodel';
import type { Speed, Typical } from './importProtocol';

/**
 * Milliseconds of a typical completion by each size of a model on this machine.
 * @param root the folder that holds the addon
 * @param threads 0 for the engine's own choice
 */
export async function speedOf(
  root: string,
  checkpoint: Checkpoint,
  threads: number,
  { promptTokens, newTokens }: Typical,
): Promise<Speed> {
  const { config } = checkpoint;
  const engine = new LocalEngine(root, checkpoint, threads);
  try {
    const costs = new CostModel(config, (await engine.measure()).costs);
    const times = usualSizes(config).flatMap((size) => {
      const ms = costs.predictMs(costs.named(size).submodel, promptTokens, newTokens);
      return ms === undefined ? [] : [[size, ms] as const];
    });
    const { XL: typicalMs, ...smallerMs } = Object.fromEntries(times);
    return {
      ...(typicalMs !== undefined && { typicalMs }),
      ...(Object.keys(smallerMs).length > 0 && { smallerMs }),
    };
  } finally {
    engine.dispose();
  }
}
