import { CheckpointError } from '../matlm/errors';
import { isObject } from '../matlm/json';
import { parsePromptFormat, type PromptFormat } from '../matlm/promptFormat';
import { Tokenizer } from '../matlm/tokenizer';
import { fimCandidates, type TokenHints } from './fim';
import { ImportError } from './importError';
import type { Source } from './source';

/**
 * The prompt that a model says that it wants, or else the most probable one by the names of its tokens and by what its file
 * states. Measuring on the user's text may choose another one (`measureFormat`).
 * @param json the parsed tokenizer.json
 * @throws {ImportError} if the tokenizer is not supported, or if nothing tells which token ends a text
 */
export function promptOf(source: Source, json: Record<string, unknown>): PromptFormat {
  const { matcoder, vocab_size: rows } = source.config;
  const tokenizer = tokenizerOf(source.tokenizerFile, json, Number(rows));
  if (isObject(matcoder) && matcoder.prompt !== undefined)
    return parsePromptFormat(source.path, matcoder.prompt, Number(rows));
  const [prompt] = fimCandidates(tokenizer, withRows(source.hints, Number(rows)));
  if (!prompt || prompt.stop.length === 0)
    throw new ImportError(source.path, 'it does not tell which token ends a text');
  return prompt;
}

/** Without the tokens for which the model has no row: no prompt could hold them. */
function withRows({ fim = {}, begin, end = [] }: TokenHints, rows: number): TokenHints {
  const hasRow = (id: number | undefined) => id !== undefined && id >= 0 && id < rows;
  return {
    fim: Object.fromEntries(Object.entries(fim).filter(([, id]) => hasRow(id))),
    begin: hasRow(begin) ? begin : undefined,
    end: end.filter(hasRow),
  };
}

function tokenizerOf(file: string, json: Record<string, unknown>, rows: number): Tokenizer {
  try {
    return new Tokenizer(file, json, rows);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new ImportError(file, error.fault, 'Choose another model.');
  }
}
