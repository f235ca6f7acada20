/** The drafter of a sorted model, chosen by the speed that it gives the full model. */
import type { EndEvent, GenerateRequest } from '../../engine/engine';
import type { Checkpoint } from '../../matlm/checkpoint';
import type { ModelConfig } from '../../matlm/config';
import { WIDTH_STEP } from '../../matlm/shape';
import { bytesPerToken, MAX_DRAFT_SHARE } from '../../matlm/submodel';
import { inTurns, type SampleFile } from '../heldOut';
import { divergence, scoresOf, type Window, windowsOf } from './scoredText';
import { fullWidths } from "./search";
import { TimeBox } from './timeBox';
import type { ElasticEngine, ElasticOptions } from './types';

type Widths = readonly number[];

const BUDGET_MS = 60_000;
/** Of the time, when each step ends. */
const UNTIL = { skipping: 0.15, learning: 0.4, screening: 0.55, rounds: 1 };

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
 * drafts only as far as that pays, as it does later. Undefined if no drafter is clearly faster than copying alone, or if the
 * time does not tell.
 * @param engine with other text of the sample in its memory, as the editor's has the workspace
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
  // Every layer costs the same, so whether there are candidates does not depend on which of them are skipped.
  if (places.length === 0 || draftersOf(model, [...full.keys()]).length === 0) return undefined;
  const all = draftersOf(model, await bySkipping(engine, places, full, box));
  const candidates = await learnt(engine, places, full, inTurns(all), box);
  const screened = await round(engine, places, full, candidates, box, UNTIL.screening, 0);
  const finalists = candidates
    .map((widths, i) => ({ widths, ms: screened[i]?.msPerToken ?? Infinity }))
    .sort((a, b) => a.ms - b.ms)
    .slice(0, FINALISTS)
    .map(({ widths }) => widths);
  const copying: Widths = [];
  const rounds: Timed[][] = [];
  while (rounds.length < MOST_ROUNDS && box.spent < UNTIL.rounds) {
    const share = Math.min(1, (rounds.length + 1) / LEAST_ROUNDS);
    const until = UNTIL.screening + share * (UNTIL.rounds - UNTIL.screening);
    rounds.push(await round(engine, places, full, [copying, ...finalists], box, until, rounds.length));
  }
  box.done();
  const winner = rounds.length < LEAST_ROUNDS ? undefined : fastest(rounds, LEAST_GAIN);
  return winner === undefined ? undefined : finalists[winner - 1];
}

/** What a way took in a round. */
export interface Timed {
  readonly msPerToken: number;
  /** Of the tokens, the share that was drafted by its submodel and accepted. */
  readonly accepted: number;
}

/**
 * The way that is the fastest, if by the median of all rounds it is `gain` times as fast as the first; undefined if none is. A way
 * that saved fewer passes than that owes its gain to the noise of the machine.
 */
export function fastest(rounds: readonly (readonly Timed[])[], gain: number): number | undefined {
  const ways = (rounds[0] ?? []).map((_, way) => ({
    way,
    gain: median(rounds.map((ways) => (ways[0]?.msPerToken ?? 0) / (ways[way]?.msPerToken ?? 0))),
    accepted: median(rounds.map((ways) => ways[way]?.accepted ?? 0)),
  }));
  const real = ways.slice(1).filter((way) => way.gain >= gain && way.accepted >= gain - 1);
  return real.sort((a, b) => b.gain - a.gain)[0]?.way;
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

/** All layers, those first whose skipping changes the predictions least; at the end those that there was no time for. */
async function bySkipping(
  engine: ElasticEngine,
  windows: readonly Window[],
  full: Widths,
  box: TimeBox,
): Promise<readonly number[]> {
  let changes: readonly number[] = [];
  for (const window of windows) {
    const scores = await scoresOf(engine, window, full, box.signal);
    const found = full.map(() => Infinity);
    for (const layer of inTurns([...full.keys()])) {
      if (box.spent >= UNTIL.skipping) break;
      const without = full.map((width, l) => (l === layer ? 0 : width));
      found[layer] = divergence(scores, await scoresOf(engine, window, without, box.signal));
      box.report(UNTIL.skipping);
    }
    // A window of which only some layers were measured would count against those.
    if (changes.length > 0 && found.includes(Infinity)) break;
    changes = found.map((change, layer) => change + (changes[layer] ?? 0));
    if (box.spent >= UNTIL.skipping) break;
  }
  return [...full.keys()].sort((a, b) => compared(changes[a] ?? Infinity, changes[b] ?? Infinity));
}

/** For sorting; of two infinite numbers the difference would be none. */
function compared(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

/**
 * Those candidates whose drafts there is time to learn about, one at least. Each place is for all of them before the next one is.
 */
async function learnt(
  engine: ElasticEngine,
  places: readonly Window[],
  full: Widths,
  candidates: readonly Widths[],
  box: TimeBox,
): Promise<readonly Widths[]> {
  const known = new Set<Widths>();
  for (const place of places.slice(0, LEARNT_PLACES))
    for (const widths of candidates) {
      if (known.size > 0 && box.spent >= UNTIL.learning) return [...known];
      await learn(engine, [place], full, widths, box.signal);
      known.add(widths);
      box.report(UNTIL.learning);
    }
  return [...known];
}

/**
 * The time of each drafter. They take turns at each place: at one in any case, then until a share of the time is gone.
 * @param first of the places, and of the drafters there: rounds that are cut short look at different ones
 */
async function round(
  engine: ElasticEngine,
  places: readonly Window[],
  full: Widths,
  drafters: readonly Widths[],
  box: TimeBox,
  until: number,
  first: number,
): Promise<Timed[]> {
  const sums = drafters.map(() => ({ ms: 0, tokens: 0, accepted: 0 }));
  for (const [p, place] of turns(places.length, first).entries()) {
    if (p > 0 && box.spent >= until) break;
    const prompt = places[place]?.tokens ?? [];
    await decode(engine, { ...requestOf(prompt, full), maxTokens: 0 }, box.signal); // later ones find the prompt read
    // The one that comes first meets caches of the processor that others have filled.
    for (const i of turns(drafters.length, first + p)) {
      const request = { ...requestOf(prompt, full), speculation: { widths: drafters[i] ?? [], maxTokens: MAX_DRAFT_TOKENS } };
      const answer = await decode(engine, request, box.signal);
      const sum = sums[i];
      if (!sum) continue;
      sum.ms += answer.ms;
      sum.tokens += answer.end.decodedTokens;
      sum.accepted += answer.end.writtenAccepted ?? 0;
      box.report(until);
    }
  }
  return sums.map(({ ms, tokens, accepted }) => ({ msPerToken: ms / Math.max(1, tokens), accepted: accepted / Math.max(1, tokens) }));
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
