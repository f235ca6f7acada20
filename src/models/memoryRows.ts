/** What the model and the memory of the workspace say on the user's own files: the rows that a gate is fitted on. */
import { buildPrompt } from '../completion/prompt/prompt';
import { type NativeMemory, SCORE_COLUMNS } from '../engine/addon';
import type { GenerateRequest } from '../engine/engine';
import { markersOf } from '../matlm/promptFormat';
import type { GateRows } from './fitGate';
import type { HeldOut, SampleFile } from './heldOut';
import type { Speaker } from './likelihood';

/** An engine that says what the memory says of a given text: `LocalEngine`. */
export interface MemoryScorer {
  scores(request: GenerateRequest, first: number, signal?: AbortSignal): Promise<Float32Array>;
}

/** The rows of a place. */
export interface PlaceRows {
  readonly path: string;
  /** Of text before the middle too, which costs nothing more to read. */
  readonly all: GateRows;
  readonly middle: GateRows;
  readonly middleBytes: number;
}

/** Tokens before the middle that are scored: about as many as there are in the middles. */
const SCORED_BEFORE = 80;

/** Fill a memory with files, each under its index. */
export async function rememberAll(
  memory: NativeMemory,
  { tokenizer }: Pick<Speaker, 'tokenizer'>,
  files: readonly SampleFile[],
): Promise<void> {
  for (const [id, { text }] of files.entries()) await memory.set(id, Int32Array.from(tokenizer.encode(text)));
}

/**
 * The rows of one place. The lines of its prompt are hidden in the memory, because while they are typed it would not have them.
 * Undefined if it does not fit into the context.
 */
export async function memoryRowsOf(
  { tokenizer, prompt: format, widths, contextLength, scorer }: Omit<Speaker, 'scorer'> & { readonly scorer: MemoryScorer },
  files: readonly SampleFile[],
  { excerpt, middle }: HeldOut,
  signal?: AbortSignal,
): Promise<PlaceRows | undefined> {
  const { tokens, textEnd, healingPrefix } = buildPrompt({ tokenizer, prompt: format }, excerpt, contextLength);
  const expected = tokenizer.encode(healingPrefix + middle);
  if (expected.length === 0 || tokens.length + expected.length > contextLength) return undefined;
  const document = files.findIndex(({ path }) => path === excerpt.path);
  const end = excerpt.prefixStart + excerpt.prefix.length + middle.length + excerpt.suffix.length;
  const text = files[document]?.text ?? '';
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length - 1;
  const isLast = format.order === 'psm';
  const prompt = [...tokens, ...expected];
  const request: GenerateRequest = {
    prompt,
    widths,
    maxTokens: 0,
    stopTokens: [],
    ...(isLast && { suffixAt: [textEnd, tokens.length] as const }),
    memory: { ...(document >= 0 && { document, hiddenLines: [lineAt(excerpt.prefixStart), lineAt(end)] }) },
  };
  const first = isLast ? tokens.length : Math.max(1, textEnd - SCORED_BEFORE);
  const rows = await scorer.scores(request, first, signal);
  const marks = markersOf(format);
  const isText = (index: number) => !marks.has(prompt[index] ?? -1);
  const kept = Array.from({ length: prompt.length - first }, (_, i) => i).filter((i) => isText(first + i));
  const rowAt = (i: number) => rows.subarray(i * SCORE_COLUMNS, (i + 1) * SCORE_COLUMNS);
  return {
    path: excerpt.path,
    all: joined(kept.map(rowAt)),
    middle: rows.subarray((tokens.length - first) * SCORE_COLUMNS),
    middleBytes: Buffer.byteLength(healingPrefix + middle),
  };
}

/** Rows one after the other. */
export function joined(parts: readonly GateRows[]): GateRows {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
