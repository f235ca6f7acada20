import type { Candidate, Submodel } from '../matlm/submodel';
import { type Allowance, restrictionsOf, WINDOW_MS } from './dutyCycle';
import type { Machine } from './machine';
import type { Rhythm, Situation } from './situation';

/** Why a request is declined: the engine has used its allowance. */
export function overAllowance({ share, because }: Allowance, moment: string): string {
  const used = `the engine has used its ${Math.round(100 * share)} % of a core`;
  return `skipped: ${used}${because === '' ? ` in the last ${WINDOW_MS / 1000} s` : ` (${because})`}; ${moment}`;
}

export function describeMoment({ gapMs, place }: Rhythm, situation: Situation): string {
  if (situation === 'asked') return 'asked for by hand';
  if (gapMs === undefined) return 'a pause in typing';
  const pace = `typing at ${Math.round(gapMs)} ms a key`;
  return situation === 'typing' ? pace : `${pace}, ${place}`;
}

/** Why a submodel was chosen: the moment, the conditions that raise the price, and the expected latency. */
export function explain(
  moment: Rhythm & { readonly machine: Machine },
  situation: Situation,
  { submodel }: { readonly submodel: Submodel } | Candidate,
  answerMs: number,
  budgetMs: number,
): string {
  const dear = restrictionsOf(moment.machine).map(({ because }) => because);
  const answer = `${submodel.name} answers in about ${Math.max(1, Math.round(answerMs))} ms`;
  const late = answerMs <= budgetMs ? '' : ', late, but no size is faster';
  return `${[describeMoment(moment, situation), ...dear].join(', ')}: ${answer}${late}`;
}
