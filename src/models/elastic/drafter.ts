/** The drafter of a sorted model, chosen by the speed that it gives the full model. */
import type { EndEvent, GenerateRequest } from '../../engine/engine';
import type { Checkpoint } from '../../matlm/checkpoint';
import type { ModelConfig } from '../../matlm/config';
import { WIDTH_STEP } from '../../matlm/shape';
import { bytesPerToken, MAX_DRAFT_SHARE } from '../../matlm/submodel';
import type { SampleFile } from '../heldOut';
import { divergence, scoresOf, type Window, windowsOf } from './scoredText';
import { fullWidths } from "./search";
import { TimeBox } from './timeBox';
import type { ElasticEngine, ElasticOptions } from './types';

type Widths = readonly number[];

const BUDGET_MS = 60_000;
/** Of the time, when each step ends. */
const UNTIL = { skipping: 0.15, screening: 0.5, rounds: 1 };

/** Of the units of a layer that is not skipped, and of the layers that are. */
const SHARES = [1 / 8, 1 / 4, 1 / 2];
const SKIPPED = [0, 1 / 4, 1 / 2];

/** Tokens of a prompt, and of the answer that is timed. */
const PROMPT = 192;
const ANSWER = 48;
const MOST_PLACES = 8;
const MAX_DRAFT_TOKENS = 8;
/** For the engine to learn what drafts are worth. */
const LEARNT_PLACES = 4;
const LEARNT_PROMPT = 8;
const LEARNT_ANSWER = 16;
const LEARNT_DRAFT_TOKENS = 2;

/** Candidates that are measured again and again after the first look. */
const FINALISTS = 2;
const LEAST_ROUNDS = 3;
const MOST_ROUNDS = 9;
/** A drafter has to be so many times as fast as copying alone. */
const LEAST_GAIN = 1.03;

/**
 * The drafter of a sorted model, by measured speed of greedy decoding: widths of each layer, 0 if the layer is skipped. The engine
 * drafts only as far as that pays, as it does later. Undefined if no drafter is clearly faster than copying alone.
 * @param texts of the search; nothing is measured on held-out text
 * @throws the signal's reason if it is aborted
 */
export async function chooseDrafter(
  engine: ElasticEngine,
  checkpoint: Checkpoint,
  texts: readonly SampleFile[],
  { budgetMs = BUDGET_MS, ...options }: ElasticOptions = {},
): Promise<Widths | undefined> {
  const box = new TimeBox(budgetMs, options);
  const { model } = checkpoint.config;
  const full = fullWidths(model);
  const places = windowsOf(checkpoint, texts, PROMPT).slice(0, MOST_PLACES);
  if (places.length === 0) return undefined;
  const candidates = draftersOf(model, await bySkipping(engine, places, full, box));
  const copying: Widths = [];

  for (const widths of candidates) {
    await learn(engine, places, full, widths, box.signal);
    box.report(UNTIL.screening);
  }
  const screened = await round(engine, places, full, [copying, ...candidates], box, UNTIL.screening);
  const finalists = candidates
    .map((widths, i) => ({ widths, ms: screened[i + 1] ?? Infinity }))
    .sort((a, b) => a.ms - b.ms)
    .slice(0, FINALISTS)
    .map(({ widths }) => widths);
  const rounds: number[][] = [];
  while (rounds.length < LEAST_ROUNDS || (rounds.length < MOST_ROUNDS && box.spent < UNTIL.rounds)) {
    rounds.push(await round(engine, places, full, [copying, ...finalists], box, Infinity));
  }
  box.done();
  const winner = fastest(rounds, LEAST_GAIN);
  return winner === undefined ? undefined : finalists[winner - 1];
}

/**
 * The way that is the fastest, if by the median of all rounds it is `gain` times as fast as the first; undefined if none is.
 * @param rounds milliseconds of each way
 */
export function fastest(rounds: readonly (readonly number[])[], gain: number): number | undefined {
  const ways = (rounds[0] ?? []).map((_, way) => ({ way, gain: median(rounds.map((ms) => (ms[0] ?? 0) / (ms[way] ?? 0))) }));
  const [best] = ways.slice(1).sort((a, b) => b.gain - a.gain);
  return best && best.gain >= gain ? best.way : undefined;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? 0)) / 2;
}

/** Candidates: the layers that are missed least are skipped. */
export function draftersOf(model: ModelConfig, bySkipping: readonly number[]): Widths[] {
  const { layers, ffnSize } = model;
  const most = MAX_DRAFT_SHARE * bytesPerToken(model, fullWidths(model));
  const found = new Map<string, Widths>();
  for (const share of SHARES) {
    const width = Math.max(1, Math.round((share * ffnSize) / WIDTH_STEP)) * WIDTH_STEP;
    for (const skipped of SKIPPED) {
      const without = new Set(bySkipping.slice(0, Math.round(skipped * layers)));
      const widths = Array.from({ length: layers }, (_, layer) => (without.has(layer) ? 0 : width));
      if (bytesPerToken(model, widths) <= most) found.set(String(widths), widths);
    }
  }
  return [...found.values()];
}

/** All layers, those first whose skipping changes the predictions least. */
async function bySkipping(
  engine: ElasticEngine,
  windows: readonly Window[],
  full: Widths,
  box: TimeBox,
): Promise<readonly number[]> {
  const changes = full.map(() => 0);
  for (const [i, window] of windows.entries()) {
    if (i > 0 && box.spent >= UNTIL.skipping) break;
    const scores = await scoresOf(engine, window, full, box.signal);
    for (const layer of full.keys()) {
      const without = full.map((width, l) => (l === layer ? 0 : width));
      const change = divergence(scores, await scoresOf(engine, window, without, box.signal));
      changes[layer] = (changes[layer] ?? 0) + change;
      box.report(UNTIL.skipping);
    }
  }
  return [...full.keys()].sort((a, b) => (changes[a] ?? 0) - (changes[b] ?? 0));
}

/**
 * Milliseconds a token with each drafter. They take turns at each place: at the first in any case, then until a share of the
 * time is gone.
 */
async function round(
  engine: ElasticEngine,
  places: readonly Window[],
  full: Widths,
  drafters: readonly Widths[],
  box: TimeBox,
  until: number,
): Promise<number[]> {
  const [ms, tokens] = [drafters.map(() => 0), drafters.map(() => 0)];
  for (const [p, { tokens: prompt }] of places.entries()) {
    if (p > 0 && box.spent >= until) break;
    await decode(engine, { ...requestOf(prompt, full), maxTokens: 0 }, box.signal); // later ones find the prompt read
    // The one that comes first meets caches of the processor that others have filled.
    for (const i of turns(drafters.length, p)) {
      const request = { ...requestOf(prompt, full), speculation: { widths: drafters[i] ?? [], maxTokens: MAX_DRAFT_TOKENS } };
      const answer = await decode(engine, request, box.signal);
      ms[i] = (ms[i] ?? 0) + answer.ms;
      tokens[i] = (tokens[i] ?? 0) + answer.end.decodedTokens;
      box.report(Math.min(1, until));
    }
  }
  return ms.map((value, i) => value / Math.max(1, (tokens[i] ?? 0)));
}

/**
 * The engine learns what a draft costs and how often it is accepted, as it does in use. After a prompt of few tokens it finds
 * nothing to copy, so that it drafts, and it does so whether that pays or not.
 */
export async function learn(
  engine: ElasticEngine,
  places: readonly Window[],
  full: Widths,
  widths: Widths,
  signal?: AbortSignal,
): Promise<void> {
  const speculation = { widths, maxTokens: LEARNT_DRAFT_TOKENS, always: true };
  for (const { tokens } of places.slice(0, LEARNT_PLACES)) {
    const request = { ...requestOf(tokens.slice(0, LEARNT_PROMPT), full), memory: undefined, speculation };
    await decode(engine, { ...request, maxTokens: LEARNT_ANSWER }, signal);
  }
}

/** 0 to count - 1, beginning at another one each time. */
function turns(count: number, first: number): number[] {
  return Array.from({ length: count }, (_, i) => (first + i) % count);
}

/** Greedy decoding as the editor does it, but always of the same length. */
export function requestOf(prompt: readonly number[], widths: Widths): GenerateRequest {
  return { prompt, widths, maxTokens: ANSWER, stopTokens: [], memory: {}, urgency: 'measuring' };
}

export interface Decoded {
  readonly tokens: readonly number[];
  /** From the last token of the prompt on, with which the first drafts are verified. */
  readonly ms: number;
  readonly end: EndEvent;
}

/** @throws the signal's reason if it is aborted, the engine's fault if it fails */
export function decode(engine: ElasticEngine, request: GenerateRequest, signal = new AbortController().signal): Promise<Decoded> {
  return new Promise((resolve, reject) => {
    const tokens: number[] = [];
    let prefillMs = 0;
    engine.generate(request, signal, (event) => {
      if (event.type === 'prefill') prefillMs = event.prefillMs;
      if (event.type === 'token') tokens.push(event.token);
      if (event.type !== 'end') return;
      if (signal.aborted) reject(signal.reason as Error);
      else if (event.reason === 'failed') reject(new Error(event.message));
      else resolve({ tokens, ms: prefillMs + event.decodeMs, end: event });
    });
  });
}
