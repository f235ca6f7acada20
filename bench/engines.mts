/** The engines under one interface; each is opened in a process of its own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { openCheckpoint } from '../src/matlm/checkpoint';
import type { CheckpointConfig } from '../src/matlm/config';
import type { Engine, GenerateEvent } from '../src/engine/engine';
import { GpuEngine } from '../src/engine/gpu/gpuEngine';
import type { NativeEngine, NativeEvent } from '../src/engine/addon';
import { loadAddon } from '../src/engine/loadAddon';
import { isaOf, type Level, peerOf } from './levels.mts';

export interface Opened {
  /** Reads tokens that nothing was read of before: milliseconds. */
  prefill(tokens: readonly number[]): Promise<number>;
  /** Reads a prompt, then decodes greedily: the tokens, and the milliseconds for each but the first. */
  decode(prompt: readonly number[], count: number): Promise<{ tokens: number[]; msPerToken: number }>;
  /** Milliseconds to read one more token after the last prompt and to predict the next. */
  firstToken(prompt: readonly number[], typed: number): Promise<number>;
}

export interface Target {
  /** The repository's root. */
  readonly root: string;
  /** Folder that bench/prepare.py made, or that holds `model`, an imported checkpoint. */
  readonly folder: string;
  /** `least`: every layer with the narrowest FFN, so it has as many steps as XL and hardly any work in them. A number: a width. */
  readonly size: 'least' | 'S' | 'XL' | number;
  /** The file for llama.cpp, `SIZE.gguf` in the folder if none is given. */
  readonly gguf?: string;
  /** An instruction set that both engines are held to. */
  readonly level?: Level;
  /** Tokens for which the peers have room. */
  readonly context?: number;
  readonly threads: number;
}

export const ENGINES: Record<string, (target: Target) => Promise<Opened>> = {
  matcoder,
  'node-llama-cpp': llama,
  'onnxruntime-node': onnx,
  'llama-bench': llamaBench,
  'matcoder on the GPU': ourKernels,
  'llama.cpp on the GPU': (target) => llama(target, process.platform === 'darwin' ? 'metal' : 'vulkan'),
  'llama.cpp by CUDA': (target) => llama(target, 'cuda'),
};

const LEAST = 32;
function widthsOf(config: CheckpointConfig, size: Target['size']): readonly number[] {
  const { layers } = config.model;
  if (typeof size === 'number') return Array<number>(layers).fill(size);
  return size === 'least' ? Array<number>(layers).fill(LEAST) : (config.granularities[size] ?? []);
}

/** Our checkpoint with our kernels on the GPU. */
async function ourKernels({ root, folder, size }: Target): Promise<Opened> {
  const checkpoint = await openCheckpoint(`${folder}/model`);
  return openedBy(runOf(new GpuEngine(root, checkpoint), widthsOf(checkpoint.config, size)));
}

function runOf(engine: Engine, widths: readonly number[]): Run {
  return (prompt, maxTokens) =>
    heard((listen) => {
      engine.generate({ prompt, widths, maxTokens, stopTokens: [] }, new AbortController().signal, listen);
    });
}

interface Result {
  readonly tokens: number[];
  prefillMs: number;
  decodeMs: number;
}

type Run = (prompt: readonly number[], maxTokens: number) => Promise<Result>;

/** The result of a request to our engine, from its events. */
function heard(generate: (listen: (event: NativeEvent | GenerateEvent) => void) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    const result: Result = { tokens: [], prefillMs: 0, decodeMs: 0 };
    generate((event) => {
      if (event.type === 'prefill') result.prefillMs = event.prefillMs;
      if (event.type === 'token') result.tokens.push(event.token);
      if (event.type !== 'end') return;
      result.decodeMs = event.decodeMs;
      if (event.reason === 'failed') reject(new Error(event.message));
      else resolve(result);
    });
  });
}

function openedBy(run: Run): Opened {
  return {
    prefill: async (tokens) => (await run(tokens, 0)).prefillMs,
    decode: async (prompt, count) => {
      const { tokens, decodeMs } = await run(prompt, count);
      return { tokens, msPerToken: decodeMs / (tokens.length - 1) };
    },
    firstToken: async (prompt, typed) => {
      await run(prompt, 0);
      const start = performance.now();
      await run([...prompt, typed], 1);
      return performance.now() - start;
    },
  };
}

async function matcoder({ root, folder, size, threads, level = 'native' }: Target): Promise<Opened> {
  const { config, weightsFile, tensors } = await openCheckpoint(`${folder}/model`);
  const addon = loadAddon(root);
  const isa = isaOf(level);
  const engine: NativeEngine = new addon.Engine({
    weightsPath: weightsFile,
    tensors,
    config: config.model,
    threads,
    ...(isa && { isa }),
  });
  const widths = Int32Array.from(widthsOf(config, size));
  const run = (prompt: readonly number[], maxTokens: number) =>
    heard((listen) => {
      const stopTokens = new Int32Array();
      engine.generate({ tokens: Int32Array.from(prompt), widths, maxTokens, stopTokens }, listen);
    });
  return openedBy(run);
}

async function llama(target: Target, gpu: 'vulkan' | 'cuda' | 'metal' | false = false): Promise<Opened> {
  const { folder, size, threads, level = 'native', gguf = `${folder}/${size}.gguf` } = target;
  const { getLlama } = (await import(peerOf(level))) as typeof import('node-llama-cpp');
  const options = { gpu, build: 'never', logLevel: 'error' as never, maxThreads: threads } as const;
  const llama = await getLlama(options).catch((error: unknown) => {
    const driver = gpu ? ` for ${gpu}; is its driver there?` : '';
    throw new Error(`llama.cpp does not load${driver} (${(error as Error).message})`);
  });
  // Without a card it would compute on the processor and not say so. It takes a driver in software for none.
  if (gpu && (await llama.getGpuDeviceNames()).length === 0) throw new Error(`llama.cpp finds no card for ${gpu}`);
  const gpuLayers = gpu ? ('max' as const) : 0;
  const model = await llama.loadModel({ modelPath: gguf, gpuLayers });
  const contextSize = target.context ?? model.trainContextSize;
  const context = await model.createContext({ contextSize, batchSize: 512, threads });
  const sequence = context.getSequence();
  const read = async (tokens: readonly number[]) => {
    const start = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens([...tokens] as never);
    return performance.now() - start;
  };
  return {
    prefill: async (tokens) => {
      await sequence.clearHistory();
      return read(tokens);
    },
    decode: async (prompt, count) => {
      await sequence.clearHistory();
      await read(prompt.slice(0, -1));
      const tokens: number[] = [];
      let first = 0;
      let last = 0;
      const options = { temperature: 0, yieldEogToken: true };
      for await (const token of sequence.evaluate([prompt.at(-1)] as never, options)) {
        last = performance.now();
        if (tokens.length === 0) first = last;
        tokens.push(token);
        if (tokens.length === count) break;
      }
      return { tokens, msPerToken: (last - first) / (tokens.length - 1) };
    },
    firstToken: async (prompt, typed) => {
      await sequence.clearHistory();
      await read(prompt);
      const start = performance.now();
      for await (const _ of sequence.evaluate([typed] as never, { temperature: 0, yieldEogToken: true })) break;
      return performance.now() - start;
    },
  };
}

async function onnx({ folder, size, threads }: Target): Promise<Opened> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const session = await InferenceSession.create(`${folder}/${size}.onnx`, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const pastNames = session.inputNames.filter((name) => name.startsWith('past_'));
  const { config } = await openCheckpoint(`${folder}/model`);
  const { kvHeads, headDim } = config.model;
  const empty = () => new Tensor('float32', new Float32Array(), [1, kvHeads, 0, headDim]);
  let past: Record<string, InstanceType<typeof Tensor>> = {};
  let read = 0;
  const clear = () => {
    past = Object.fromEntries(pastNames.map((name) => [name, empty()]));
    read = 0;
  };
  /** Reads tokens; the likeliest next one. */
  const step = async (tokens: readonly number[]) => {
    const ids = BigInt64Array.from(tokens, BigInt);
    const positions = BigInt64Array.from(tokens, (_, i) => BigInt(read + i));
    const shape = [1, tokens.length];
    const outputs = await session.run({
      ids: new Tensor('int64', ids, shape),
      positions: new Tensor('int64', positions, shape),
      ...past,
    });
    past = Object.fromEntries(pastNames.map((name) => [name, outputs[name.replace('past', 'present')]!]));
    read += tokens.length;
    const logits = outputs.logits!.data as Float32Array;
    let best = 0;
    for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
    return best;
  };
  const timed = async (tokens: readonly number[]) => {
    const start = performance.now();
    await step(tokens);
    return performance.now() - start;
  };
  return {
    prefill: (tokens) => {
      clear();
      return timed(tokens);
    },
    decode: async (prompt, count) => {
      clear();
      const tokens = [await step(prompt)];
      const start = performance.now();
      while (tokens.length < count) tokens.push(await step([tokens.at(-1)!]));
      return { tokens, msPerToken: (performance.now() - start) / (count - 1) };
    },
    firstToken: async (prompt, typed) => {
      clear();
      await step(prompt);
      return timed([typed]);
    },
  };
}

/**
 * llama.cpp's own measuring program, where `LLAMA_BENCH` names one. It starts again for each measurement, chooses its
 * tokens itself and reports only times. It has no text to compare, and no first token after a key.
 */
function llamaBench({ folder, size, threads, gguf = `${folder}/${size}.gguf` }: Target): Promise<Opened> {
  const program = process.env.LLAMA_BENCH ?? '';
  const msPerToken = async (...work: string[]) => {
    const flags = ['--model', gguf, '--threads', `${threads}`, '-ngl', '0', '-r', '1', '-o', 'json'];
    const { stdout } = await promisify(execFile)(program, [...flags, ...work]);
    const [{ avg_ns, n_prompt, n_gen }] = JSON.parse(stdout) as [{ avg_ns: number; n_prompt: number; n_gen: number }];
    return avg_ns / 1e6 / (n_prompt + n_gen);
  };
  return Promise.resolve({
    prefill: async ({ length }) => (await msPerToken('-p', `${length}`, '-n', '0')) * length,
    decode: async ({ length }, count) => ({
      tokens: [],
      msPerToken: await msPerToken('-p', '0', '-n', `${count}`, '-d', `${length}`),
    }),
    firstToken: () => Promise.resolve(Number.NaN),
  });
}
