/**
 * `tsx test/engineLogits.ts`: the engine for pytest. Each line of standard input is a request as JSON, each line of standard output
 * its answer, in the same order.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseConfig } from '../src/matlm/config';
import { readTensorEntries } from '../src/matlm/safetensors';
import { checkTensors } from '../src/matlm/tensors';
import type { Isa } from '../src/engine/addon';
import { addon, generate, logits } from './engine/harness';

interface Request {
  /** A checkpoint; its tokenizer is not read. */
  readonly folder: string;
  /** If none are given, the answer is the model's shape. */
  readonly tokens: readonly number[];
  /** Those of the submodel of this name if they are not given. */
  readonly widths?: readonly number[];
  /** That of this processor if it is not given. */
  readonly isa?: Isa;
  readonly threads?: number;
  /** Gets the logits after each token as float32 [tokens, vocabulary]. */
  readonly out: string;
  /** Tokens of greedy text to write after the prompt. */
  readonly greedy: number;
}

async function answer({ folder, tokens, widths, isa, threads = 1, out, greedy }: Request): Promise<object> {
  const configFile = join(folder, 'config.json');
  const config = parseConfig(configFile, readFileSync(configFile, 'utf8'));
  if (tokens.length === 0) return { shape: config.model };
  const weightsPath = join(folder, 'model.safetensors');
  const tensors = await readTensorEntries(weightsPath);
  checkTensors(weightsPath, config.model, tensors);
  const options = { weightsPath, tensors, config: config.model, threads };
  const engine = new addon.Engine({ ...options, ...(isa === undefined ? {} : { isa }) });
  const used = widths ?? config.granularities.XL ?? [];
  const found = await logits(engine, tokens, used);
  writeFileSync(out, new Uint8Array(found.buffer, found.byteOffset, found.byteLength));
  const written = greedy > 0 ? (await generate(engine, tokens, used, greedy)).tokens : [];
  const answered = { isa: engine.isa, greedy: written, supportedIsas: addon.supportedIsas };
  engine.dispose();
  return answered;
}

async function answerAll(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const found = await answer(JSON.parse(line) as Request).catch((error: unknown) => ({ fault: String(error) }));
    process.stdout.write(`${JSON.stringify(found)}\n`);
  }
}

void answerAll();
