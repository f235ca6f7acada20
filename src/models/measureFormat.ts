import type { PromptFormat } from '../matlm/promptFormat';
import type { HeldOut } from './heldOut';
import { type Bits, bitsOf, type Speaker } from './likelihood';

export interface MeasureFormatOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (share: number) => void;
  /** Milliseconds that it may take, about. */
  readonly budgetMs?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** A format and how well the model predicts after it, on the middles that it was measured on. */
export interface MeasuredFormat extends Bits {
  readonly format: PromptFormat;
  readonly perByte: number;
  /** Of the tokens that end the middles. */
  readonly endBits: number;
  readonly places: number;
}

export interface FormatDecision {
  readonly format: PromptFormat;
  /** The candidates that were measured, the least bits per byte first. Those that were dropped have fewer bytes. */
  readonly measured: readonly MeasuredFormat[];
  /** Middles that the chosen format was measured on. */
  readonly places: number;
}

const BUDGET_MS = 60_000;

/** Of the time, for the order. The rest is for the header, which matters less. */
const SHARE_FOR_ORDER = 0.65;
/** Of the middles, for the order. */
const MOST_PLACES_FOR_ORDER = 64;

/** A candidate is not dropped before it was measured on so many middles, because the ends of a few say little. */
const LEAST_PLACES = 12;

/** Standard errors of the difference by which a candidate has to be worse to be dropped. */
const DROPPED_AT = 3;

/** A candidate that is worse by less is preferred if it costs less at each key. */
const EQUAL_SHARE = 0.005;

/** Those to which a key only appends come first: the suffix is not read again. */
const BY_COST = ['spm', 'joined', 'psm', 'none'];

/**
 * Decides which of some formats a model was trained on: by the bits that held-out middles and their ends take after each. First
 * the orders race over the middles, and those that are clearly behind are dropped, so that most of the time goes to the best.
 * Then the best one is measured with and without a header.
 * @param speaker its own prompt does not count
 * @param candidates at least one
 * @param places in an order in which the first few already stand for all
 * @throws the signal's reason if it was aborted
 */
export async function measureFormat(
  speaker: Speaker,
  candidates: readonly PromptFormat[],
  places: readonly HeldOut[],
  { signal, onProgress = () => undefined, budgetMs = BUDGET_MS, now = () => performance.now() }: MeasureFormatOptions = {},
): Promise<FormatDecision> {
  const startMs = now();
  const runners = candidates.map((format): Runner => ({ format, bits: [], endBits: [], bytes: 0 }));
  const share = () => (now() - startMs) / budgetMs;
  let done = 0;

  /** Over the first `count` places, until a share of the time is used. Returns who was not dropped. */
  async function race(starting: readonly Runner[], count: number, untilShare: number): Promise<readonly Runner[]> {
    let running = starting;
    const from = done;
    for (const [i, place] of places.slice(0, count).entries()) {
      if (share() > untilShare && i > 0) break;
      for (const runner of running) {
        if (runner.bits.length > i) continue;
        signal?.throwIfAborted();
        const found = await bitsOf({ ...speaker, prompt: runner.format }, place, signal);
        // The prompts of a place differ by a few tokens only, so it fits into the context after all formats or after none.
        runner.bits.push(found?.bits ?? 0);
        runner.endBits.push(found?.endBits ?? 0);
        runner.bytes += found?.bytes ?? 0;
      }
      running = withoutLosers(running);
      done = Math.max(done, Math.min(untilShare, Math.max(share(), from + ((untilShare - from) * (i + 1)) / count)));
      onProgress(done);
    }
    return running;
  }

  const orders = [...new Set(candidates.map(({ order }) => order))];
  const firsts = orders.flatMap((order) => runners.find(({ format }) => format.order === order) ?? []);
  const best = choose(await race(firsts, Math.min(places.length, MOST_PLACES_FOR_ORDER), SHARE_FOR_ORDER));
  const alike = runners.filter(({ format }) => format.order === best.format.order);
  const chosen = choose(await race(alike, places.length, 1));
  const measured = runners.filter(({ bytes }) => bytes > 0).map(measuredOf);
  return {
    format: chosen.format,
    measured: measured.sort((a, b) => a.perByte - b.perByte),
    places: chosen.bits.length,
  };
}

/** A candidate in the race, with its bits by place. */
interface Runner {
  readonly format: PromptFormat;
  readonly bits: number[];
  readonly endBits: number[];
  bytes: number;
}

/**
 * By place, of those that both were measured on. A format without a suffix cannot end where the suffix begins, so the ends count
 * only between others.
 */
function bitsAgainst(runner: Runner, other: Runner): readonly number[] {
  const isCounted = runner.format.order !== 'none' && other.format.order !== 'none';
  return runner.bits
    .slice(0, other.bits.length)
    .map((bits, i) => bits + (isCounted ? (runner.endBits[i] ?? 0) : 0));
}

function withoutLosers(running: readonly Runner[]): readonly Runner[] {
  const best = bestOf(running);
  return running.filter((runner) => runner === best || !isClearlyWorse(runner, best));
}

/** By the mean difference at the same places, in standard errors, and by more than would be accepted. */
function isClearlyWorse(runner: Runner, best: Runner): boolean {
  const least = bitsAgainst(best, runner);
  const n = least.length;
  if (n < LEAST_PLACES) return false;
  const differences = bitsAgainst(runner, best).map((value, i) => value - (least[i] ?? 0));
  const mean = sum(differences) / n;
  const variance = sum(differences.map((value) => (value - mean) ** 2)) / (n - 1);
  return mean * n > EQUAL_SHARE * sum(least) && mean > DROPPED_AT * Math.sqrt(variance / n);
}

/** The best, or one that is hardly worse and costs less. */
function choose(running: readonly Runner[]): Runner {
  const best = bestOf(running);
  const cost = ({ format }: Runner) => BY_COST.indexOf(format.order);
  return running
    .filter((runner) => sum(bitsAgainst(runner, best)) <= sum(bitsAgainst(best, runner)) * (1 + EQUAL_SHARE))
    .reduce((a, b) => (cost(b) < cost(a) ? b : a));
}

function bestOf(running: readonly Runner[]): Runner {
  // Those that fill in first, because only they are compared with the ends.
  const inTurn = [...running].sort((a, b) => BY_COST.indexOf(a.format.order) - BY_COST.indexOf(b.format.order));
  return inTurn.reduce((a, b) => (sum(bitsAgainst(b, a)) < sum(bitsAgainst(a, b)) ? b : a));
}

function measuredOf({ format, bits, endBits, bytes }: Runner): MeasuredFormat {
  const all = sum(bits);
  return { format, bits: all, endBits: sum(endBits), places: bits.length, bytes, perByte: bytes > 0 ? all / bytes : Infinity };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
