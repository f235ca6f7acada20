import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { EndReason, Engine, GenerateRequest } from '../engine/engine';

/** What the model writes for a request, if nothing stops it. */
export interface Answer {
  readonly tokens: readonly number[];
  readonly probabilities: readonly number[];
  readonly reason: EndReason;
}

/** The model's answers, however they are come by. */
export type Answers = (request: GenerateRequest) => Promise<Answer>;

/**
 * Answers of a real engine, kept in memory and, if a file is given, there: a line each, so that several processes may add to it.
 * An answer depends on the request alone: each submodel has an engine of its own and reads every prompt itself.
 * @param engineOf an engine that nothing else uses, by the submodel's widths
 * @param model says which checkpoint it is
 */
export function keptAnswers(engineOf: (widths: readonly number[]) => Engine, model: string, file?: string): Answers {
  const kept = new Map<string, Answer>();
  const engines = new Map<string, Engine>();
  if (file !== undefined && existsSync(file)) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [key, answer] = parseLine(line) ?? [];
      if (key !== undefined && answer) kept.set(key, answer);
    }
  }
  return async (request) => {
    const key = keyOf(model, request);
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

/** What the answer depends on: drafts and what is expected change the time only. */
function keyOf(model: string, request: GenerateRequest): string {
  const { prompt, widths, maxTokens, stopTokens, bannedFirstTokens, healingPrefix, copyWeights, endsWithLine } =
    request;
  const what = [
    model,
    prompt,
    widths,
    maxTokens,
    stopTokens,
    bannedFirstTokens,
    healingPrefix,
    copyWeights,
    endsWithLine,
  ];
  return createHash('sha1')
    .update(JSON.stringify([...what, request.scoreBound]))
    .digest('base64url');
}

/** Another process may be in the middle of writing the last line. */
function parseLine(line: string): [string, Answer] | undefined {
  try {
    return JSON.parse(line) as [string, Answer];
  } catch {
    return undefined;
  }
}

type Mutable<T> = { -readonly [key in keyof T]: T[key] };

function answerOf(engine: Engine, request: GenerateRequest): Promise<Answer> {
  // Drafts change the time only, and here that is not measured.
  const alone: Mutable<GenerateRequest> = { ...request };
  delete alone.speculation;
  const tokens: number[] = [];
  const probabilities: number[] = [];
  return new Promise((resolve, reject) => {
    engine.generate(alone, new AbortController().signal, (event) => {
      if (event.type === 'token') {
        tokens.push(event.token);
        probabilities.push(event.probability);
      } else if (event.type === 'end') {
        if (event.reason === 'failed') reject(new Error(event.message ?? 'the engine failed'));
        else resolve({ tokens, probabilities, reason: event.reason });
      }
    });
  });
}
