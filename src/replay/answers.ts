import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { EndReason, Engine, GenerateRequest } from '../engine/engine';

/** The model's output for a request that is not aborted. */
export interface ModelAnswer {
  readonly tokens: readonly number[];
  readonly probabilities: readonly number[];
  /** Empty if the model decided alone. */
  readonly memoryShares: readonly number[];
  readonly matchLengths: readonly number[];
  readonly reason: EndReason;
}

/** A source of the model's answers. */
export type Answers = (request: GenerateRequest) => Promise<ModelAnswer>;

/**
 * Answers of a real engine, cached in memory and optionally in a file with one answer a line, so that several processes
 * may append to it. An answer depends on the request and on the content of the memory, because each submodel has an engine
 * of its own.
 * @param engineOf returns an unused engine for the submodel's widths
 * @param model identifies the checkpoint
 * @param memory identifies the content of the engine's memory
 */
export function keptAnswers(
  engineOf: (widths: readonly number[]) => Engine,
  model: string,
  memory: () => string = () => '',
  file?: string,
): Answers {
  const kept = new Map<string, ModelAnswer>();
  const engines = new Map<string, Engine>();
  if (file !== undefined && existsSync(file)) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [key, answer] = parseLine(line) ?? [];
      if (key !== undefined && answer) kept.set(key, answer);
    }
  }
  return async (request) => {
    const key = keyOf(`${model} ${memory()}`, request);
    const known = kept.get(key);
    if (known) return known;
    const widths = request.widths.join();
    const engine = engines.get(widths) ?? engineOf(request.widths);
    engines.set(widths, engine);
    const answer = await answerOf(engine, request);
    kept.set(key, answer);
    if (file !== undefined) appendFileSync(file, `${JSON.stringify([key, answer])}\n`);
    return answer;
  };
}

/**
 * A key of the fields that change the answer. Drafts and expected tokens change the time only.
 * @param state of the model and the memory
 */
function keyOf(state: string, request: GenerateRequest): string {
  const { prompt, widths, maxTokens, stopTokens, bannedFirstTokens, healingPrefix, memory, endsWithLine } = request;
  const fields = [state, prompt, widths, maxTokens, stopTokens, bannedFirstTokens, healingPrefix, memory, endsWithLine];
  return createHash('sha1')
    .update(JSON.stringify([...fields, request.scoreBound, ...(request.suffixAt ?? [])]))
    .digest('base64url');
}

/** Undefined for an unfinished line, because another process may be writing it. */
function parseLine(line: string): [string, ModelAnswer] | undefined {
  try {
    return JSON.parse(line) as [string, ModelAnswer];
  } catch {
    return undefined;
  }
}

type Mutable<T> = { -readonly [key in keyof T]: T[key] };

function answerOf(engine: Engine, request: GenerateRequest): Promise<ModelAnswer> {
  // Drafts change the time only, which is not measured here.
  const alone: Mutable<GenerateRequest> = { ...request };
  delete alone.speculation;
  const tokens: number[] = [];
  const probabilities: number[] = [];
  const memoryShares: number[] = [];
  const matchLengths: number[] = [];
  return new Promise((resolve, reject) => {
    engine.generate(alone, new AbortController().signal, (event) => {
      if (event.type === 'token') {
        tokens.push(event.token);
        probabilities.push(event.probability);
        if (event.memoryShare !== undefined) memoryShares.push(event.memoryShare);
        if (event.matchLength !== undefined) matchLengths.push(event.matchLength);
      } else if (event.type === 'end') {
        if (event.reason === 'failed') reject(new Error(event.message ?? 'the engine failed'));
        else resolve({ tokens, probabilities, memoryShares, matchLengths, reason: event.reason });
      }
    });
  });
}
