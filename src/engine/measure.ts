import type { CheckpointConfig } from '../matlm/config';
import { type Cost, submodelOf, wholeSizes } from '../matlm/submodel';
import { AT_ONCE, type Engine } from './engine';

const DECODED_TOKENS = 12;
/** No measurement begins later than this. */
const MEASURING_MS = 200;

/**
 * The costs of the sizes on this machine, measured with a prompt of 64 tokens and a few decoded ones. The smallest and the
 * largest come first, because the others lie between them, then the rest, then all again until MEASURING_MS have passed.
 * @param inTurn runs each request
 */
export async function measureCosts(
  engine: Engine,
  config: CheckpointConfig,
  inTurn = AT_ONCE,
): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost> = {};
  const [smallest = 'XL', ...larger] = wholeSizes(config);
  const measured = [smallest, ...larger.slice(-1), ...larger.slice(0, -1)];
  const vocabulary = config.model.vocabularySize;
  const prompt = (seed: number) => Array.from({ length: 64 }, (_, i) => 10 + ((i * 37 + seed) % (vocabulary - 10)));
  // A warm-up run, because caches are cold and the processor's clock is low.
  await inTurn((onStep) => costOf(engine, prompt(measured.length * 2), submodelOf(config, smallest).widths, onStep));
  const startedMs = performance.now();
  for (const [round, size] of [...measured, ...measured].entries()) {
    if (round >= 2 && performance.now() - startedMs > MEASURING_MS) break;
    const cost = await inTurn((onStep) => costOf(engine, prompt(round), submodelOf(config, size).widths, onStep));
    const before = costs[size];
    // The faster of two rounds is closer to the machine; the difference is noise.
    costs[size] = before
      ? {
          prefillMsPerToken: Math.min(before.prefillMsPerToken, cost.prefillMsPerToken),
          decodeMsPerToken: Math.min(before.decodeMsPerToken, cost.decodeMsPerToken),
        }
      : cost;
  }
  return costs;
}

function costOf(
  engine: Engine,
  prompt: readonly number[],
  widths: readonly number[],
  onStep: () => void,
): Promise<Cost> {
  return new Promise((resolve, reject) => {
    let prefillMsPerToken = 0;
    engine.generate(
      { prompt, widths, maxTokens: DECODED_TOKENS, stopTokens: [] },
      new AbortController().signal,
      (event) => {
        onStep();
        if (event.type === 'prefill') prefillMsPerToken = event.prefillMs / event.prefilledTokens;
        if (event.type !== 'end') return;
        if (event.reason === 'failed' || event.reason === 'aborted')
          reject(new Error(event.message ?? 'the engine was closed while it was measured'));
        // The first token costs nothing, because its logits come from the prefill.
        else resolve({ prefillMsPerToken, decodeMsPerToken: event.decodeMs / Math.max(1, event.decodedTokens - 1) });
      },
    );
  });
}
