import type { Judgement } from './judge';

/** Figures over places. */
export interface Figures {
  readonly opportunities: number;
  /** Shares and means over all places. */
  readonly exact: number;
  readonly editSimilarity: number;
  readonly shown: number;
  readonly charsPerOpportunity: number;
  /** Shares of the suggestions that were shown. */
  readonly accepted: number;
  readonly right: number;
  readonly duplicates: number;
}

export function figuresOf(judgements: readonly Judgement[]): Figures {
  const shown = judgements.filter((judgement) => judgement.shown);
  const share = (of: readonly Judgement[], what: (judgement: Judgement) => number | boolean) =>
    of.length === 0 ? 0 : of.reduce((sum, judgement) => sum + Number(what(judgement)), 0) / of.length;
  return {
    opportunities: judgements.length,
    exact: share(judgements, (j) => j.exact),
    editSimilarity: share(judgements, (j) => j.editSimilarity),
    shown: share(judgements, (j) => j.shown),
    charsPerOpportunity: share(judgements, (j) => j.chars),
    accepted: share(shown, (j) => j.accepted),
    right: share(shown, (j) => j.right),
    duplicates: share(shown, (j) => j.duplicates),
  };
}

/** Heads whose predicted probability of being right is within one tenth, and the share that was right. */
export interface Bin {
  readonly from: number;
  readonly heads: number;
  readonly predicted: number;
  readonly observed: number;
}

const BINS = 10;

export function curveOf(heads: readonly { readonly score: number; readonly right: boolean }[]): Bin[] {
  return Array.from({ length: BINS }, (_, i) => {
    const inBin = heads.filter(({ score }) => Math.min(BINS - 1, Math.floor(score * BINS)) === i);
    const mean = (what: (head: (typeof heads)[number]) => number) =>
      inBin.length === 0 ? 0 : inBin.reduce((sum, head) => sum + what(head), 0) / inBin.length;
    return {
      from: i / BINS,
      heads: inBin.length,
      predicted: round(mean(({ score }) => score)),
      observed: round(mean(({ right }) => Number(right))),
    };
  });
}

/** Mean distance between the predicted and the observed share, over heads. */
export function calibrationError(curve: readonly Bin[]): number {
  const heads = curve.reduce((sum, bin) => sum + bin.heads, 0);
  return curve.reduce((sum, bin) => sum + bin.heads * Math.abs(bin.predicted - bin.observed), 0) / Math.max(1, heads);
}

export function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
