import { CheckpointError } from './errors';
import { isObject } from './json';

/**
 * The order of a prompt's parts. `spm`: suffix, prefix, middle, so that a key only appends. `joined`: the same, but the middle's
 * token stands before the prefix, which the middle continues without a token between (Bavarian et al. 2022, section 3: the
 * second form of SPM). `psm`: prefix, suffix, middle, so that the suffix is read again after each key. `none`: the prefix
 * alone, for a model that was not trained to fill in.
 */
export const ORDERS = ['spm', 'joined', 'psm', 'none'] as const;
export type PromptOrder = (typeof ORDERS)[number];

/** The ids of the tokens between the parts of a prompt. */
export interface PromptTokens {
  /** Before the text before the cursor. */
  readonly prefix?: number;
  /** Before the text after the cursor. */
  readonly suffix?: number;
  /** After both: the model writes the middle next. */
  readonly middle?: number;
  /** Before a file's path. */
  readonly file?: number;
  readonly pad?: number;
  /** Before all else (BOS), if the model wants one. */
  readonly begin?: number;
}

/** How a model wants its prompt: `matcoder.prompt` of config.json. */
export interface PromptFormat {
  readonly order: PromptOrder;
  /** Whether the file's path comes first. */
  readonly hasHeader: boolean;
  readonly tokens: PromptTokens;
  /** Tokens that end an answer: the end of text, and all that end a middle. */
  readonly stop: readonly number[];
}

/** The names of the tokens between the parts in our own checkpoints. */
const OWN = {
  end: '<|endoftext|>',
  prefix: '<|fim_prefix|>',
  middle: '<|fim_middle|>',
  suffix: '<|fim_suffix|>',
  file: '<|file_sep|>',
} as const;

/**
 * The format of our own checkpoints, by the names of their tokens.
 * @throws {CheckpointError} naming a token that is missing
 */
export function ownFormat(tokenizerFile: string, idOf: (token: string) => number | undefined): PromptFormat {
  const id = (token: string): number => {
    const found = idOf(token);
    if (found === undefined) throw new CheckpointError(tokenizerFile, `the token ${token} is missing`);
    return found;
  };
  const [end, prefix, middle, suffix, file] = [OWN.end, OWN.prefix, OWN.middle, OWN.suffix, OWN.file].map(id) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const tokens = { prefix, suffix, middle, file };
  return { order: 'spm', hasHeader: true, tokens, stop: [end, prefix, middle, suffix, file] };
}

const TOKEN_NAMES = ['prefix', 'suffix', 'middle', 'file', 'pad', 'begin'] as const;

/** The tokens that an order cannot do without. */
const NEEDED: Readonly<Record<PromptOrder, readonly (keyof PromptTokens)[]>> = {
  spm: ['prefix', 'suffix'], // Codestral has no token for the middle
  joined: ['prefix', 'suffix', 'middle'],
  psm: ['prefix', 'suffix', 'middle'],
  none: [],
};

/** More stop tokens than any family of models has. */
const MOST_STOPS = 64;

/**
 * Read `matcoder.prompt` of a config.json.
 * @throws {CheckpointError} naming the key at fault
 */
export function parsePromptFormat(configFile: string, json: unknown, vocabularySize: number): PromptFormat {
  const fail = (fault: string): never => {
    throw new CheckpointError(configFile, `matcoder.prompt${fault}`);
  };
  if (!isObject(json)) return fail(' is not an object');
  const { order, hasHeader, tokens, stop } = json;
  const isToken = (value: unknown): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocabularySize;
  if (!ORDERS.includes(order as PromptOrder)) return fail(`.order is not one of ${ORDERS.join(', ')}`);
  if (typeof hasHeader !== 'boolean') return fail('.hasHeader is not true or false');
  if (!isObject(tokens)) return fail('.tokens is not an object');
  const read: { -readonly [K in keyof PromptTokens]: PromptTokens[K] } = {};
  for (const name of TOKEN_NAMES) {
    const value = tokens[name];
    if (value === undefined || value === null) continue;
    if (!isToken(value)) return fail(`.tokens.${name} is not a token of the vocabulary, 0 to ${vocabularySize - 1}`);
    read[name] = value;
  }
  for (const name of NEEDED[order as PromptOrder]) {
    if (read[name] === undefined) return fail(`.tokens.${name} is missing, which the order ${String(order)} needs`);
  }
  // The parts of a prompt could not be told apart.
  const parts = [read.prefix, read.suffix, read.middle].filter((token) => token !== undefined);
  if (new Set(parts).size < parts.length) return fail('.tokens has the same token for two parts');
  if (!Array.isArray(stop) || stop.length > MOST_STOPS || !stop.every(isToken)) {
    return fail(`.stop is not a list of at most ${MOST_STOPS} tokens of the vocabulary`);
  }
  return { order: order as PromptOrder, hasHeader, tokens: read, stop };
}

/** All tokens that structure a prompt or end an answer: none of them is text. */
export function markersOf({ tokens, stop }: PromptFormat): ReadonlySet<number> {
  return new Set([...Object.values(tokens as Record<string, number>), ...stop]);
}
