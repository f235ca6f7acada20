import type { GovernorSettings } from '../governor/settings';
import { milliseconds } from './format';

/** `Auto, at most M on battery, within 60 ms, only when asked by hand` */
export function describeSettings({ submodel, batteryCap, latencyBudgetMs, manualOnly }: GovernorSettings): string {
  const isAuto = submodel === 'auto';
  return [
    isAuto ? 'Auto' : `${submodel}, fixed`,
    ...(isAuto && batteryCap !== undefined ? [`at most ${batteryCap} on battery`] : []),
    ...(isAuto && latencyBudgetMs !== undefined ? [`within ${milliseconds(latencyBudgetMs)}`] : []),
    ...(manualOnly ? ['only when asked by hand'] : []),
  ].join(', ');
}

/** The fault of a typed latency budget; undefined if it is valid. An empty text is valid and means no budget. */
export function budgetFault(text: string, maxMs: number): string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const ms = Number(trimmed);
  return /^\d+$/.test(trimmed) && ms >= 1 && ms <= maxMs
    ? undefined
    : `Type whole milliseconds from 1 to ${maxMs}, or leave it empty for no budget.`;
}
