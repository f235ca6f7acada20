import { isObject } from '../../matlm/json';
import type { Answered } from '../typists';
import type { Extra, Wanted } from '../wanted';
import { type ModelFacts, reasonOf, stoppedAt, timingsOf, workOf } from './answer';
import { fileName, type Fields, Refused } from './fields';

/** llama.cpp's `POST /infill`. */
export interface InfillRequest {
  readonly wanted: Wanted;
  readonly slot: number;
  /** Of a request that only wants the server to read its context, nothing is predicted. */
  readonly isWarmUp: boolean;
  /** Blanks before the cursor that the client leaves out and expects at the beginning of the answer. */
  readonly indentation: string;
  readonly stops: readonly string[];
  readonly isStream: boolean;
  /** Whether the client asked for several completions, so that it expects an array. */
  readonly isArray: boolean;
  /** The fields that the answer is to have, by their paths; empty for all. */
  readonly responseFields: readonly string[];
}

/** @throws {Refused} */
export function parseInfill(fields: Fields): InfillRequest {
  const [before, after] = ['input_prefix', 'input_suffix'].map((name) => fields.text(name));
  if (before === undefined) throw new Refused(400, 'input_prefix is required');
  if (after === undefined) throw new Refused(400, 'input_suffix is required');
  const prompt = fields.text('prompt') ?? '';
  const tokens = fields.count('n_predict');
  const count = fields.count('n_cmpl') ?? fields.count('n') ?? 1;
  const indentation = prompt === '' ? indentationOf(fields.count('n_indent') ?? 0, before) : '';
  return {
    wanted: {
      prefix: before + prompt + indentation,
      suffix: after,
      extra: fields.list('input_extra').map(extraOf),
      path: fields.name('filename'),
      languageId: fields.text('language_id'),
      maxTokens: tokens,
      budgetMs: fields.amount('t_max_predict_ms'),
    },
    slot: fields.count('id_slot') ?? 0,
    isWarmUp: tokens === 0,
    indentation,
    stops: fields.texts('stop'),
    isStream: fields.flag('stream'),
    isArray: count > 1,
    responseFields: fields.texts('response_fields'),
  };
}

/** @throws {Refused} */
function extraOf(value: unknown): Extra {
  if (!isObject(value) || typeof value.text !== 'string')
    throw new Refused(400, 'input_extra is not an array of objects with a text');
  return { path: fileName(value.filename), text: value.text.replaceAll('\r\n', '\n') };
}

const MAX_INDENTATION = 200;

/** The blanks of a line that has nothing else, of the kind that the lines before it begin with. */
function indentationOf(count: number, before: string): string {
  const kind = /(?:^|\n)([\t ])[^\n]*$/.exec(before.replace(/\n$/, ''))?.[1] ?? / ?\t/.exec(before)?.[0].at(-1) ?? ' ';
  return kind.repeat(Math.min(MAX_INDENTATION, count));
}

/** The answer as llama.cpp gives it, as far as a client can use it. */
export function infillAnswer(request: InfillRequest, answered: Answered | undefined, model: ModelFacts): object {
  const one = cutTo(request.responseFields, contentOf(request, answered, model));
  return request.isArray ? [one] : one;
}

function contentOf(request: InfillRequest, answered: Answered | undefined, model: ModelFacts): object {
  const { indentation, stops, slot, wanted } = request;
  const text = stoppedAt(answered?.text ?? '', stops);
  const work = answered && workOf(answered);
  const { promptTokens = 0, prefilledTokens = 0, decodedTokens = 0 } = work ?? {};
  return {
    index: 0,
    content: text === '' ? '' : indentation + text,
    id_slot: slot,
    stop: true,
    model: model.name,
    tokens_predicted: decodedTokens,
    tokens_evaluated: promptTokens,
    tokens_cached: promptTokens + decodedTokens,
    generation_settings: { n_ctx: model.contextLength, n_predict: wanted.maxTokens ?? -1, model: model.name },
    has_new_line: text.includes('\n'),
    truncated: false,
    stop_type: 'eos',
    stopping_word: '',
    timings: { cache_n: promptTokens - prefilledTokens, ...timingsOf(work) },
    ...(answered && { matcoder: { ...reasonOf(answered), ...(work && { submodel: work.submodel }) } }),
  };
}

/** The values at some paths, each under its path: `timings/prompt_n`, as llama.cpp takes apart what is nested. */
function cutTo(paths: readonly string[], answer: object): object {
  if (paths.length === 0) return answer;
  const found = paths.flatMap((path): [string, unknown][] => {
    let value: unknown = answer;
    for (const name of path.split('/')) {
      if (!isObject(value) || !Object.hasOwn(value, name)) return [];
      value = value[name];
    }
    return [[path, value]];
  });
  return Object.fromEntries(found);
}
