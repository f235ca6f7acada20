/** Requests as clients send them, field by field. */

/** llama.vim, `llama#fim()` in autoload/llama.vim. */
export function llamaVim(prefix: string, middle: string, suffix: string, more: object = {}): object {
  return {
    id_slot: 0,
    input_prefix: prefix,
    input_suffix: suffix,
    input_extra: [],
    prompt: middle,
    n_predict: 128,
    stop: [],
    n_indent: 0,
    top_k: 40,
    top_p: 0.9,
    samplers: ['top_k', 'top_p', 'infill'],
    stream: false,
    cache_prompt: true,
    t_max_prompt_ms: 500,
    t_max_predict_ms: 250,
    response_fields: [
      'content',
      'timings/prompt_n',
      'timings/prompt_ms',
      'timings/prompt_per_token_ms',
      'timings/prompt_per_second',
      'timings/predicted_n',
      'timings/predicted_ms',
      'timings/predicted_per_token_ms',
      'timings/predicted_per_second',
      'truncated',
      'tokens_cached',
    ],
    ...more,
  };
}

/** llama.vim, `s:ring_update()`: the server is to read what the next request will have, and to answer nothing. */
export function llamaVimWarmUp(extra: readonly object[]): object {
  return {
    id_slot: 0,
    input_prefix: '',
    input_suffix: '',
    input_extra: extra,
    prompt: '',
    n_predict: 0,
    temperature: 0.0,
    samplers: [],
    stream: false,
    cache_prompt: true,
    t_max_prompt_ms: 1,
    t_max_predict_ms: 1,
    response_fields: [''],
  };
}

/** llama.vscode, `createRequestPayload()` in src/llama-server.ts. */
export function llamaVscode(prefix: string, prompt: string, suffix: string, more: object = {}): object {
  return {
    id_slot: 0,
    input_prefix: prefix,
    input_suffix: suffix,
    input_extra: [],
    prompt,
    n_predict: 128,
    n_cmpl: 3,
    top_k: 40,
    top_p: 0.99,
    stream: false,
    samplers: ['top_k', 'top_p', 'infill'],
    cache_prompt: true,
    t_max_prompt_ms: 500,
    t_max_predict_ms: 2500,
    ...more,
  };
}
