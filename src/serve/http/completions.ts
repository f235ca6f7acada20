import { randomUUID } from 'node:crypto';
import type { Answered } from '../typists';
import type { Wanted } from '../wanted';
import { type ModelFacts, reasonOf, stoppedAt, timingsOf, workOf } from './answer';
import { type Fields, Refused } from './fields';
import { splitPrompt } from './markers';

/** OpenAI's `POST /v1/completions`. */
export interface CompletionsRequest {
  readonly wanted: Wanted;
  readonly stops: readonly string[];
  readonly isStream: boolean;
}

/** @throws {Refused} */
export function parseCompletions(fields: Fields): CompletionsRequest {
  const [prompt, ...more] = fields.texts('prompt');
  if (prompt === undefined || more.length > 0) throw new Refused(400, 'prompt is required: one string');
  const suffix = fields.text('suffix');
  const split = suffix === undefined ? splitPrompt(prompt) : undefined;
  const { prefix, path, extra } = split ?? { prefix: prompt, path: undefined, extra: [] };
  return {
    wanted: {
      prefix,
      suffix: suffix ?? split?.suffix ?? '',
      extra,
      path: fields.name('filename') ?? path,
      languageId: fields.text('language_id'),
      maxTokens: fields.count('max_tokens'),
      budgetMs: fields.amount('t_max_predict_ms'),
    },
    stops: fields.texts('stop'),
    isStream: fields.flag('stream'),
  };
}

/** @param model as OpenAI's API gives it */
export function completionsAnswer(
  { stops }: CompletionsRequest,
  answered: Answered | undefined,
  model: ModelFacts,
  nowMs: number,
): object {
  const text = stoppedAt(answered?.text ?? '', stops);
  const work = answered && workOf(answered);
  const { promptTokens = 0, decodedTokens = 0 } = work ?? {};
  return {
    id: `cmpl-${randomUUID()}`,
    object: 'text_completion',
    created: Math.floor(nowMs / 1000),
    model: model.name,
    choices: [{ index: 0, text, logprobs: null, finish_reason: 'stop' }],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: decodedTokens,
      total_tokens: promptTokens + decodedTokens,
    },
    timings: timingsOf(work),
    ...(answered && { matcoder: reasonOf(answered) }),
  };
}
