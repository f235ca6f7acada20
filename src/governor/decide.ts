import type { Candidate, Submodel } from '../matlm/submodel';
import type { Machine } from './machine';
import type { GovernorSettings } from './settings';

/** What the choice depends on. */
export interface Snapshot {
  /** The user asked for a completion by hand. */
  readonly explicit: boolean;
  /** Median gap between keys, undefined where nobody is typing. */
  readonly gapMs: number | undefined;
  /** The name of the submodel of the completion before. */
  readonly previous: string | undefined;
  /** Prompt tokens that the cache does not hold. */
  readonly newPromptTokens: number;
  /** By the syntax of the place a block is wanted, not the rest of a line. */
  readonly block: boolean;
  readonly machine: Machine;
}

/** Speculative decoding: who drafts, and how many tokens at once at most; none where it is 0. */
export interface Draft {
  /** FFN widths of the submodel that drafts; empty where only the context is copied from. */
  readonly widths: readonly number[];
  readonly maxTokens: number;
}

/** How a completion is to be made. */
export interface Decision {
  readonly submodel: Submodel;
  readonly draft: Draft;
  /** To wait before the decode begins: another key within it costs nothing. */
  readonly delayMs: number;
  readonly maxTokens: number;
  readonly multiline: boolean;
  /** For a person to read. */
  readonly reason: string;
}

/** No completion is worth making here. */
export interface Declined {
  readonly submodel: undefined;
  readonly reason: string;
}

/** What there is to choose between, and what it costs. */
export interface Costs {
  /** Cheapest first, XL last. */
  readonly candidates: readonly Candidate[];
  /** Any submodel of the checkpoint by its name. */
  named(name: string): Candidate;
  /** Milliseconds; undefined where nothing was measured. */
  predictMs(submodel: Submodel, promptTokens: number, newTokens: number): number | undefined;
}

/** What the editor waits after a key before it asks. */
const EDITOR_DEBOUNCE_MS = 50;
/** In a pause nobody notices less, and more begins to feel slow. */
const PAUSE_BUDGET_MS = 200;
const EXPLICIT_BUDGET_MS = 1000;
const MIN_BUDGET_MS = 8;
/** A line of code, about. */
const EXPECTED_TOKENS = 12;
/** A larger size than before must fit this much better, so that the size does not flicker. */
const STEP_UP_MARGIN = 0.8;
const MAX_DRAFT_TOKENS = 8;

/** Choose the largest submodel whose answer lands before the next key. */
export function decide(snapshot: Snapshot, costs: Costs, settings: GovernorSettings): Decision | Declined {
  if (settings.manualOnly && !snapshot.explicit) {
    return { submodel: undefined, reason: 'the settings say: only when asked by hand' };
  }
  const multiline = snapshot.block && (snapshot.explicit || snapshot.gapMs === undefined);
  const decision = (submodel: Submodel, reason: string): Decision => ({
    submodel,
    draft: { widths: submodel.draftWidths, maxTokens: MAX_DRAFT_TOKENS },
    delayMs: 0,
    maxTokens: multiline ? 96 : 40,
    multiline,
    reason,
  });
  if (settings.submodel !== 'auto') {
    return decision(costs.named(settings.submodel).submodel, `${settings.submodel} is fixed in the settings`);
  }

  const budgetMs = snapshot.explicit
    ? EXPLICIT_BUDGET_MS
    : (settings.latencyBudgetMs ??
      (snapshot.gapMs === undefined ? PAUSE_BUDGET_MS : Math.max(MIN_BUDGET_MS, snapshot.gapMs - EDITOR_DEBOUNCE_MS)));
  const bytesOf = (name: string | undefined) => (name === undefined ? Infinity : costs.named(name).bytesPerToken);
  const mostBytes = snapshot.machine.powerSource === 'battery' ? bytesOf(settings.batteryCap) : Infinity;
  const allowed = costs.candidates.filter(({ bytesPerToken }) => bytesPerToken <= mostBytes);
  const predicted = ({ submodel }: Candidate) => costs.predictMs(submodel, snapshot.newPromptTokens, EXPECTED_TOKENS);
  const fits = (candidate: Candidate) => {
    const isStepUp = candidate.bytesPerToken > bytesOf(snapshot.previous);
    const held = isStepUp && snapshot.gapMs !== undefined;
    return (predicted(candidate) ?? Infinity) <= budgetMs * (held ? STEP_UP_MARGIN : 1);
  };
  const chosen = allowed.findLast(fits) ?? allowed[0] ?? costs.candidates[0];
  if (!chosen) throw new Error('there is no submodel to choose');
  return decision(chosen.submodel, reason(snapshot, chosen.submodel.name, predicted(chosen), budgetMs));
}

function reason(snapshot: Snapshot, name: string, predictedMs: number | undefined, budgetMs: number): string {
  const why = snapshot.explicit
    ? 'asked for by hand'
    : snapshot.gapMs === undefined
      ? 'a pause in typing'
      : `typing at ${Math.round(snapshot.gapMs)} ms a key`;
  if (predictedMs === undefined) return `${why}: ${name}, for no cost was measured yet`;
  const answer = `${name} answers in about ${Math.max(1, Math.round(predictedMs))} ms`;
  return predictedMs <= budgetMs ? `${why}: ${answer}` : `${why}: ${answer}, late, but none is faster`;
}
