import { t } from '@vscode/l10n';
import type { GovernorSettings } from '../governor/settings';
import { formatList } from '../localisation/language';
import { milliseconds } from './format';

/** `Auto, at most M on battery, within 60 ms, only when asked by hand` */
export function describeSettings({ submodel, batteryCap, latencyBudgetMs, manualOnly }: GovernorSettings): string {
  const isAuto = submodel === 'auto';
  return formatList([
    isAuto ? t('Auto') : t({ message: '{0}, fixed', args: [submodel], comment: ['a size that the settings fix'] }),
    ...(isAuto && batteryCap !== undefined ? [t('at most {0} on battery', batteryCap)] : []),
    ...(isAuto && latencyBudgetMs !== undefined ? [t('within {0}', milliseconds(latencyBudgetMs))] : []),
    ...(manualOnly ? [t('only when asked by hand')] : []),
  ]);
}

/** The fault of a typed latency budget; undefined if it is valid. An empty text is valid and means no budget. */
export function budgetFault(text: string, maxMs: number): string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const ms = Number(trimmed);
  return /^\d+$/.test(trimmed) && ms >= 1 && ms <= maxMs
    ? undefined
    : t('Type whole milliseconds from 1 to {0}, or leave it empty for no budget.', maxMs);
}
