/** What a model's vocabulary says of filling in the middle: the candidates, among which `measureFormat` decides. */
import type { PromptFormat, PromptOrder, PromptTokens } from '../matlm/promptFormat';
import { addsBosByDefault } from './ggufTokenizer';

/** The ids of tokens by their names. */
export interface Vocabulary {
  idOf(token: string): number | undefined;
}

/** What a file states about its tokens beyond their names. */
export interface TokenHints {
  /** As GGUF states them; they count more than names. */
  readonly fim?: Pick<PromptTokens, 'prefix' | 'suffix' | 'middle' | 'pad' | 'file'>;
  /** The token of the beginning (BOS), if the model wants it first. */
  readonly begin?: number | undefined;
  /** Tokens that end a text or an answer (EOS, EOT). */
  readonly end?: readonly number[];
}

/** The spelling of a family's tokens, and the orders that its models may have been trained on, the usual one first. */
export interface Family {
  /** For people. */
  readonly name: string;
  readonly prefix: string;
  readonly suffix: string;
  readonly middle?: string;
  readonly orders: readonly PromptOrder[];
}

/**
 * Names do not tell the order: Mellum and StarCoder2 begin with the same five tokens, and one has the suffix first. So a
 * family may have several orders.
 */
export const FAMILIES: readonly Family[] = [
  {
    name: 'Qwen2.5-Coder, Granite 4, CodeGemma',
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    orders: ['psm', 'spm', 'joined'],
  },
  {
    name: 'StarCoder, Granite Code, StableCode, Mellum',
    prefix: '<fim_prefix>',
    suffix: '<fim_suffix>',
    middle: '<fim_middle>',
    orders: ['psm', 'joined', 'spm'],
  },
  { name: 'SantaCoder', prefix: '<fim-prefix>', suffix: '<fim-suffix>', middle: '<fim-middle>', orders: ['psm', 'joined'] },
  // The hole is where the middle was cut out, so its token stands between prefix and suffix.
  {
    name: 'DeepSeek-Coder',
    prefix: '<｜fim▁begin｜>',
    suffix: '<｜fim▁hole｜>',
    middle: '<｜fim▁end｜>',
    orders: ['psm'],
  },
  {
    name: 'Seed-Coder',
    prefix: '<[fim-prefix]>',
    suffix: '<[fim-suffix]>',
    middle: '<[fim-middle]>',
    orders: ['spm', 'psm'],
  },
  { name: 'Codestral', prefix: '[PREFIX]', suffix: '[SUFFIX]', orders: ['spm'] },
  { name: 'CodeLlama', prefix: '▁<PRE>', suffix: '▁<SUF>', middle: '▁<MID>', orders: ['psm', 'joined'] },
  {
    name: 'GLM',
    prefix: '<|code_prefix|>',
    suffix: '<|code_suffix|>',
    middle: '<|code_middle|>',
    orders: ['psm', 'spm'],
  },
  { name: 'Falcon-H1 Coder', prefix: '<|prefix|>', suffix: '<|suffix|>', middle: '<|middle|>', orders: ['psm', 'spm'] },
];

/** Tokens before a file's path. */
const FILE_NAMES = ['<|file_sep|>', '<|file_separator|>', '<filename>', '<file_sep>'];
const PAD_NAMES = ['<|fim_pad|>', '<fim_pad>', '<fim-pad>'];
/** Tokens that end a middle in the families that have them, whatever ends a text or a turn. */
const MIDDLE_END_NAMES = ['▁<EOT>', '<|endoftext|>'];
/** Tokens that end a text, an answer or a file: no middle contains one. */
const END_NAMES = [
  '<|end_of_text|>',
  '</s>',
  '<eos>',
  '<|im_end|>',
  '<|im_start|>',
  '<|eot_id|>',
  '<|EOT|>',
  '<EOT>',
  '<end_of_turn>',
  '<｜end▁of▁sentence｜>',
  '<[end▁of▁sentence]>',
  '<|repo_name|>',
  '<repo_name>',
  '<reponame>',
  ...FILE_NAMES,
  ...PAD_NAMES,
];

/**
 * The ways in which a model may want its prompt, the most probable first. The last ones are those without a suffix, with
 * which a model that fills in is compared, and which are all that another one has.
 */
export function fimCandidates(vocabulary: Vocabulary, hints: TokenHints = {}): readonly PromptFormat[] {
  const idOf = (token: string | undefined) => (token === undefined ? undefined : vocabulary.idOf(token));
  const firstOf = (names: readonly string[]) => names.map(idOf).find((id) => id !== undefined);
  const file = hints.fim?.file ?? firstOf(FILE_NAMES);
  const pad = hints.fim?.pad ?? firstOf(PAD_NAMES);
  const around = { ...given({ begin: hints.begin, file }) };
  // The first one is the most probable after a middle.
  const ends = [...MIDDLE_END_NAMES.map(idOf), ...(hints.end ?? []), ...END_NAMES.map(idOf), pad];
  const formats: PromptFormat[] = [];
  const add = (order: PromptOrder, tokens: PromptTokens) => {
    const marks = [tokens.prefix, tokens.suffix, tokens.middle];
    const stop = [...new Set([...ends, ...marks].filter((token) => token !== undefined))];
    for (const hasHeader of [true, false]) formats.push({ order, hasHeader, tokens, stop });
  };
  for (const { orders, ...names } of familiesOf(vocabulary, hints)) {
    const marks = { prefix: names.prefix, suffix: names.suffix, ...given({ middle: names.middle }) };
    for (const order of orders) add(order, { ...marks, ...given({ pad }), ...around });
  }
  add('none', around);
  return formats;
}

interface Marks {
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: number | undefined;
  readonly orders: readonly PromptOrder[];
}

/** The families whose tokens are all there, and what a GGUF states, if that is none of them. */
function familiesOf(vocabulary: Vocabulary, { fim }: TokenHints): readonly Marks[] {
  const byName = FAMILIES.flatMap((family): Marks[] => {
    const [prefix, suffix] = [vocabulary.idOf(family.prefix), vocabulary.idOf(family.suffix)];
    const middle = family.middle === undefined ? undefined : vocabulary.idOf(family.middle);
    const isWhole = prefix !== undefined && suffix !== undefined && (family.middle === undefined || middle !== undefined);
    return isWhole ? [{ prefix, suffix, middle, orders: family.orders }] : [];
  });
  if (fim?.prefix === undefined || fim.suffix === undefined) return byName;
  const { prefix, suffix, middle } = fim;
  const known = byName.find((marks) => marks.prefix === prefix && marks.suffix === suffix);
  if (known) return [known];
  const orders: readonly PromptOrder[] = middle === undefined ? ['spm'] : ['psm', 'spm', 'joined'];
  return [{ prefix, suffix, middle, orders }];
}

/** Whether a model can be asked for the text between two others, as far as its tokens tell. */
export function mayFillIn(candidates: readonly PromptFormat[]): boolean {
  return candidates.some(({ order }) => order !== 'none');
}

/**
 * What a GGUF states about its tokens.
 * @param metadata of the file, by key
 */
export function hintsOfGguf(metadata: Readonly<Record<string, unknown>>): TokenHints {
  const id = (...keys: string[]): number | undefined => {
    const found = keys.map((key) => metadata[`tokenizer.ggml.${key}_token_id`]).find((value) => value !== undefined);
    const number = typeof found === 'bigint' ? Number(found) : found;
    // Some converters write the largest number for a token that is not there.
    return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < 1 << 30 ? number : undefined;
  };
  const fim = given({
    prefix: id('fim_pre', 'prefix'),
    suffix: id('fim_suf', 'suffix'),
    middle: id('fim_mid', 'middle'),
    pad: id('fim_pad'),
    file: id('fim_sep'),
  });
  const end = [id('eos'), id('eot'), id('eom'), id('fim_rep')].filter((token) => token !== undefined);
  // Most files of Llama 3 leave it to the name of the pre-tokenizer.
  const addsBos = metadata['tokenizer.ggml.add_bos_token'] ?? addsBosByDefault(metadata['tokenizer.ggml.pre']);
  const begin = addsBos === true ? id('bos') : undefined;
  return { fim, end, ...given({ begin }) };
}

/** The members that are defined. */
function given<T extends Record<string, number | undefined>>(values: T): { [K in keyof T]?: number } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: number;
  };
}
