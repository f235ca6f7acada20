import { readFile } from 'node:fs/promises';
import { LocalEngine, openMemory } from '../../engine/native';
import type { GenerateRequest } from '../../engine/engine';
import type { MemoryPlace } from '../../engine/memory';
import { openCheckpoint } from '../../matlm/checkpoint';
import { isObject } from '../../matlm/json';
import { CheckpointError } from '../../matlm/errors';
import { regularFileBytes } from '../../matlm/regularFile';
import { isSystemError, unreadable } from '../../matlm/systemFault';
import type { Tokenizer } from '../../matlm/tokenizer';
import { editSimilarity } from './editSimilarity';
import { layOut } from '../table';

/** The places to measure, as `python -m training.evaluate --places` writes them. */
export interface Places {
  readonly windows: readonly Window[];
  readonly lines: readonly HeldoutLine[];
  /** Tokens that end a line. */
  readonly stopTokens: readonly number[];
}

/** A stretch of held-out code; the tokens from `first` on are scored. */
interface Window {
  readonly tokens: readonly number[];
  readonly first: number;
  /** Bytes of text in the scored tokens. */
  readonly bytes: number;
  readonly language: string;
}

/** A cursor in held-out code: the prompt, and the rest of the line. */
interface HeldoutLine {
  readonly prompt: readonly number[];
  readonly middle: string;
}

/** Teacher-forced figures of a submodel. */
export interface Score {
  readonly bitsPerByte: number;
  /** Share of tokens for which the likeliest is the right one. */
  readonly accuracy: number;
  /** Share of tokens for which the likeliest is that of XL. */
  readonly agreementWithXL: number;
}

/** Figures of lines that a submodel completed. */
export interface LineScore {
  /** Share that is right to the last character. */
  readonly exact: number;
  /** Share that the model ended by itself. */
  readonly stopped: number;
  /** Mean over lines, 0 to 1: twice the longest common subsequence over the characters of both. */
  readonly editSimilarity: number;
  /** The lines by confidence, the product of their tokens' probabilities: how many, and how many of them right. */
  readonly byConfidence: readonly { readonly from: number; readonly lines: number; readonly exact: number }[];
}

/** One row of `matcoder eval`: a submodel, with or without earlier matches in the prompt. */
export interface EvaluationRow {
  readonly name: string;
  readonly usesMatches: boolean;
  readonly score?: Score;
  readonly byLanguage?: Readonly<Record<string, Score>>;
  readonly lines?: LineScore;
}

const MAX_LINE_TOKENS = 48;
const REMEDY = 'Create it with `python -m training.evaluate --places FILE`.';

/**
 * Measure every granularity in the engine, at the places at which Python measured PyTorch.
 * @throws {CheckpointError} if the checkpoint or the file of places cannot be used
 */
export async function evaluate(root: string, model: string, file: string): Promise<EvaluationRow[]> {
  const places = await readPlaces(file);
  const checkpoint = await openCheckpoint(model);
  const { granularities, gate } = checkpoint.config;
  const engine = new LocalEngine(root, checkpoint, 0, openMemory(root, checkpoint));
  try {
    const rows: EvaluationRow[] = [];
    const submodels = Object.entries(granularities).map(([name, widths]) => ({ name, widths }));
    const scores = await scoreWindows(engine, submodels, places.windows, checkpoint.config.model.vocabularySize);
    for (const { name, widths } of submodels) {
      const complete = (memory: MemoryPlace | undefined) =>
        completeLines(engine, { widths, memory }, checkpoint.tokenizer, places);
      rows.push({ name, usesMatches: false, ...scores.get(name), ...withLines(await complete(undefined)) });
      if (gate) rows.push({ name, usesMatches: true, ...withLines(await complete({})) });
    }
    return rows;
  } finally {
    engine.dispose();
  }
}

function withLines(lines: LineScore | undefined): Pick<EvaluationRow, 'lines'> {
  return lines ? { lines } : {};
}

async function readPlaces(file: string): Promise<Places> {
  await regularFileBytes(file, REMEDY);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (isSystemError(error)) throw unreadable(file, error, REMEDY);
    throw new CheckpointError(file, `it cannot be read (${(error as Error).message})`, REMEDY);
  }
  const parts = isObject(json) ? [json.windows, json.lines, json.stopTokens] : [];
  if (parts.length === 0 || !parts.every(Array.isArray))
    throw new CheckpointError(file, 'it does not hold places', REMEDY);
  return json as Places;
}

/** Sums over scored tokens. */
class Sum {
  private nats = 0;
  private bytes = 0;
  private tokens = 0;
  private right = 0;
  private agree = 0;

  addWindow(bytes: number): void {
    this.bytes += bytes;
  }

  addToken(nats: number, right: boolean, agrees: boolean): void {
    this.tokens++;
    this.nats += nats;
    this.right += Number(right);
    this.agree += Number(agrees);
  }

  get score(): Score {
    return {
      bitsPerByte: this.nats / Math.LN2 / this.bytes,
      accuracy: this.right / this.tokens,
      agreementWithXL: this.agree / this.tokens,
    };
  }
}

type Scores = Required<Pick<EvaluationRow, 'score' | 'byLanguage'>>;

async function scoreWindows(
  engine: LocalEngine,
  submodels: readonly { name: string; widths: readonly number[] }[],
  windows: readonly Window[],
  vocabulary: number,
): Promise<Map<string, Scores>> {
  if (windows.length === 0) return new Map();
  const sums = new Map(submodels.map(({ name }) => [name, { all: new Sum(), languages: new Map<string, Sum>() }]));
  // XL first: the others are compared with its choices.
  const ordered = [...submodels].sort((a, b) => Number(b.name === 'XL') - Number(a.name === 'XL'));
  for (const { tokens, first, bytes, language } of windows) {
    const choicesOfXL: number[] = [];
    for (const { name, widths } of ordered) {
      const logits = await engine.logits(tokens.slice(0, -1), widths);
      const sum = sums.get(name);
      if (!sum) continue;
      const ofLanguage = sum.languages.get(language) ?? new Sum();
      sum.languages.set(language, ofLanguage);
      for (const part of [sum.all, ofLanguage]) part.addWindow(bytes);
      for (let i = first; i < tokens.length; i++) {
        const row = logits.subarray((i - 1) * vocabulary, i * vocabulary);
        const { best, nats } = lossOf(row, tokens[i] ?? 0);
        if (name === 'XL') choicesOfXL[i] = best;
        for (const part of [sum.all, ofLanguage]) part.addToken(nats, best === tokens[i], best === choicesOfXL[i]);
      }
    }
  }
  const scores = ({ all, languages }: { all: Sum; languages: Map<string, Sum> }): Scores => ({
    score: all.score,
    byLanguage: Object.fromEntries([...languages].sort().map(([language, sum]) => [language, sum.score])),
  });
  return new Map([...sums].map(([name, sum]) => [name, scores(sum)]));
}

/** The likeliest token, and the loss of the one that is right. */
function lossOf(logits: Float32Array, right: number): { best: number; nats: number } {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] ?? 0) > (logits[best] ?? 0)) best = i;
  const top = logits[best] ?? 0;
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - top);
  return { best, nats: Math.log(sum) + top - (logits[right] ?? 0) };
}

/** Lower bounds of the groups by confidence. */
const CONFIDENCES = [0, 0.1, 0.25, 0.5, 0.75, 0.9];

async function completeLines(
  engine: LocalEngine,
  { widths, memory }: Pick<GenerateRequest, 'widths' | 'memory'>,
  tokenizer: Tokenizer,
  { lines, stopTokens }: Places,
): Promise<LineScore | undefined> {
  if (lines.length === 0) return undefined;
  const sums = { exact: 0, stopped: 0, editSimilarity: 0 };
  const groups = CONFIDENCES.map((from) => ({ from, lines: 0, exact: 0 }));
  for (const { prompt, middle } of lines) {
    const request = { prompt, widths, memory, maxTokens: MAX_LINE_TOKENS, stopTokens };
    const { text, stopped, confidence } = await write(engine, tokenizer, request);
    const exact = Number(stopped && text.trimEnd() === middle);
    sums.exact += exact;
    sums.stopped += Number(stopped);
    sums.editSimilarity += editSimilarity(text.trimEnd(), middle);
    // An empty text would not be shown, so its confidence means nothing.
    const group = text.trim() === '' ? undefined : groups.findLast(({ from }) => confidence >= from);
    if (group) {
      group.lines++;
      group.exact += exact;
    }
  }
  const mean = (sum: number) => sum / lines.length;
  return {
    exact: mean(sums.exact),
    stopped: mean(sums.stopped),
    editSimilarity: mean(sums.editSimilarity),
    byConfidence: groups.map(({ exact, ...group }) => ({ ...group, exact: group.lines ? exact / group.lines : 0 })),
  };
}

function write(
  engine: LocalEngine,
  tokenizer: Tokenizer,
  request: Parameters<LocalEngine['generate']>[0],
): Promise<{ text: string; stopped: boolean; confidence: number }> {
  const next = tokenizer.decoder();
  let text = '';
  let confidence = 1;
  return new Promise((resolve, reject) => {
    engine.generate(request, new AbortController().signal, (event) => {
      if (event.type === 'token') {
        text += next(event.token);
        confidence *= event.probability;
      }
      if (event.type !== 'end') return;
      if (event.reason === 'failed') reject(new Error(event.message));
      else resolve({ text, stopped: event.reason === 'stop', confidence });
    });
  });
}

/** The rows for a terminal: all code, then by language, then lines by the confidence of the largest. */
export function evaluationTables(rows: readonly EvaluationRow[]): string {
  const percent = (share?: number) => (share === undefined ? '-' : `${(100 * share).toFixed(1)}%`);
  const name = (row: EvaluationRow) => (row.usesMatches ? `${row.name} and matches` : row.name);
  const all = [
    ['submodel', 'bits per byte', 'top-1 accuracy', 'agrees with XL', 'line exact', 'edit similarity', 'line ended'],
    ...rows.map(({ score, lines, ...row }) => [
      name(row),
      score?.bitsPerByte.toFixed(4) ?? '-',
      ...[score?.accuracy, score?.agreementWithXL, lines?.exact, lines?.editSimilarity, lines?.stopped].map(percent),
    ]),
  ];
  const scored = rows.filter((row) => row.byLanguage);
  const languages = Object.keys(scored[0]?.byLanguage ?? {});
  const byLanguage = [
    ['bits per byte, top-1 accuracy', ...languages],
    ...scored.map((row) => [
      name(row),
      ...Object.values(row.byLanguage ?? {}).map((s) => `${s.bitsPerByte.toFixed(3)}, ${percent(s.accuracy)}`),
    ]),
  ];
  const last = rows.findLast((row) => row.name === 'XL' && row.lines);
  const byConfidence = [
    [`confidence of ${last ? name(last) : 'XL'}`, 'lines', 'line exact'],
    ...(last?.lines?.byConfidence ?? []).map((group) => [
      `from ${group.from}`,
      String(group.lines),
      group.lines ? percent(group.exact) : '-',
    ]),
  ];
  return [all, byLanguage, byConfidence].map((table) => layOut(table)).join('\n\n');
}
