import { type Engine, PREFILL_CHUNK } from '../engine/engine';
import type { CheckpointConfig } from '../matlm/config';
import { isObject } from '../matlm/json';
import { bytesPerToken, type Cost, parameters, submodelOf, wholeSizes } from '../matlm/submodel';
import { type CostLine, fitLine } from '../governor/line';

/** The engine's times on an idle machine, all in milliseconds. */
export interface EngineTimes {
  /**
   * By submodel: a token of a long prompt, and a pass over the weights for one token, both without attention. Other
   * submodels lie on the lines through these.
   */
  readonly submodels: Readonly<Record<string, Cost>>;
  /** The attention of one token to one earlier position, in one layer. */
  readonly attentionMs: number;
}

/**
 * The duration of a pass: the longer of reading the weights once and computing the tokens, plus attention. Attention
 * reads all keys and values once per token, and once more per pass.
 */
export class PassCosts {
  private readonly named = new Map<string, Cost>();
  private readonly prefillLine: CostLine;
  private readonly decodeLine: CostLine;

  /** @throws {Error} if the times name no submodel */
  constructor(
    private readonly config: CheckpointConfig,
    readonly times: EngineTimes,
  ) {
    const { model } = config;
    const rows = Object.entries(times.submodels).map(([name, cost]) => ({
      cost,
      widths: submodelOf(config, name).widths,
    }));
    const prefill = fitLine(
      rows.map(({ cost, widths }) => ({ x: parameters(model, widths), y: cost.prefillMsPerToken })),
    );
    const decode = fitLine(
      rows.map(({ cost, widths }) => ({ x: bytesPerToken(model, widths), y: cost.decodeMsPerToken })),
    );
    if (!prefill || !decode) throw new Error('the times name no submodel; measure them again');
    [this.prefillLine, this.decodeLine] = [prefill, decode];
    for (const { cost, widths } of rows) this.named.set(widths.join(), cost);
  }

  /**
   * Milliseconds of a pass.
   * @param tokens at most PREFILL_CHUNK
   * @param context number of earlier positions
   */
  passMs(widths: readonly number[], tokens: number, context: number): number {
    const { prefillMsPerToken, decodeMsPerToken } = this.costOf(widths);
    const layers = widths.filter((width) => width > 0).length;
    const attentionMs = (tokens + 1) * (context + tokens / 2) * layers * this.times.attentionMs;
    return Math.max(decodeMsPerToken, tokens * prefillMsPerToken) + attentionMs;
  }

  private costOf(widths: readonly number[]): Cost {
    const named = this.named.get(widths.join());
    if (named) return named;
    const { model } = this.config;
    return {
      prefillMsPerToken: this.prefillLine(parameters(model, widths)),
      decodeMsPerToken: this.decodeLine(bytesPerToken(model, widths)),
    };
  }

  /** The costs that the engine measures when it starts, as the governor first knows them. */
  get measured(): Record<string, Cost> {
    return Object.fromEntries(
      wholeSizes(this.config).map((size) => {
        const { widths } = submodelOf(this.config, size);
        return [
          size,
          {
            prefillMsPerToken: this.passMs(widths, PREFILL_CHUNK, 0) / PREFILL_CHUNK,
            decodeMsPerToken: this.passMs(widths, 1, PREFILL_CHUNK),
          },
        ];
      }),
    );
  }
}

/** Number of tokens after which attention is measured. */
const FAR = 512;
const ROUNDS = 3;
const DECODED = 12;

/** The engine's times on this machine. Each is the least of several rounds, because noise only adds time. */
export async function measureTimes(engine: Engine, config: CheckpointConfig): Promise<EngineTimes> {
  const { vocabularySize } = config.model;
  let seed = 0;
  /** Each prompt begins differently, so none is in the cache. */
  const promptOf = (length: number) => {
    seed++;
    return Array.from({ length }, (_, i) => 10 + ((i * 37 + seed * 101) % (vocabularySize - 10)));
  };
  const quickest = async (name: string, measure: (widths: readonly number[]) => Promise<number>) => {
    const { widths } = submodelOf(config, name);
    let least = Infinity;
    for (let round = 0; round < ROUNDS; round++) least = Math.min(least, await measure(widths));
    return least;
  };
  const chunkMs = async (widths: readonly number[]) =>
    (await run(engine, promptOf(PREFILL_CHUNK), widths, 0)).prefillMs;
  const passMs = async (widths: readonly number[]) =>
    (await run(engine, promptOf(PREFILL_CHUNK), widths, DECODED)).passMs;
  const farMs = async (widths: readonly number[]) => {
    const prompt = promptOf(FAR + PREFILL_CHUNK);
    await run(engine, prompt.slice(0, FAR), widths, 0);
    return (await run(engine, prompt, widths, 0)).prefillMs;
  };

  const [smallest = 'XL'] = wholeSizes(config);
  const nearMs = await quickest(smallest, chunkMs);
  const layers = submodelOf(config, smallest).widths.length;
  const attentionMs = Math.max(0, (await quickest(smallest, farMs)) - nearMs) / ((PREFILL_CHUNK + 1) * FAR * layers);
  const submodels: Record<string, Cost> = {};
  for (const name of Object.keys(config.granularities)) {
    const used = submodelOf(config, name).widths.filter((width) => width > 0).length;
    const prefillMs = (await quickest(name, chunkMs)) - (PREFILL_CHUNK + 1) * (PREFILL_CHUNK / 2) * used * attentionMs;
    const decodeMs = (await quickest(name, passMs)) - 2 * (PREFILL_CHUNK + DECODED / 2) * used * attentionMs;
    submodels[name] = {
      prefillMsPerToken: Math.max(SMALLEST_MS, prefillMs / PREFILL_CHUNK),
      decodeMsPerToken: Math.max(SMALLEST_MS, decodeMs),
    };
  }
  return { submodels, attentionMs };
}

/** Lower bound of a time, because a noisy measurement of attention may leave nothing for the rest. */
const SMALLEST_MS = 1e-3;

function run(
  engine: Engine,
  prompt: readonly number[],
  widths: readonly number[],
  maxTokens: number,
): Promise<{ prefillMs: number; passMs: number }> {
  return new Promise((resolve, reject) => {
    let prefillMs = 0;
    engine.generate({ prompt, widths, maxTokens, stopTokens: [] }, new AbortController().signal, (event) => {
      if (event.type === 'prefill') ({ prefillMs } = event);
      if (event.type !== 'end') return;
      if (event.reason === 'failed') reject(new Error(event.message));
      else resolve({ prefillMs, passMs: event.decodeMs / Math.max(1, event.passes) });
    });
  });
}

/** @throws {Error} if the text is not JSON of the expected form */
export function parseTimes(text: string): EngineTimes {
  const json: unknown = JSON.parse(text);
  const { submodels, attentionMs } = isObject(json) ? json : {};
  const isPositive = (value: unknown) => typeof value === 'number' && value > 0;
  const areCosts =
    isObject(submodels) &&
    Object.values(submodels).every(
      (cost) => isObject(cost) && isPositive(cost.prefillMsPerToken) && isPositive(cost.decodeMsPerToken),
    );
  if (!areCosts || typeof attentionMs !== 'number') {
    throw new Error(
      'the times are not of the form {"submodels": {NAME: {"prefillMsPerToken", "decodeMsPerToken"}}, "attentionMs"}',
    );
  }
  return { submodels: submodels as EngineTimes['submodels'], attentionMs };
}
