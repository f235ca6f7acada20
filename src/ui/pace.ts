import { t } from '@vscode/l10n';
import { milliseconds } from './format';
import type { Strain } from './strain';

/** The speed of the model on this machine. */
export interface PaceFacts {
  /** The named sizes, smallest first, with the milliseconds of a typical completion now; undefined if not measured. */
  readonly sizes: readonly { readonly name: string; readonly predictedMs: number | undefined }[];
  /** Milliseconds that an answer may take in a pause. */
  readonly budgetMs: number;
  readonly strains: readonly Strain[];
  /** Whether requests are declined because the engine has used its share of the processor. */
  readonly isDeclining: boolean;
}

/** What is different on a slow machine, and what the user can do. */
export interface Pace {
  readonly text: string;
  readonly advice: string;
}

/** As many of the smallest sizes as a slow machine has left: XS and S. */
const FEW = 2;

/** Undefined if at least three sizes answer in time and no requests are declined, or if nothing was measured yet. */
export function paceOf({ sizes, budgetMs, strains, isDeclining }: PaceFacts): Pace | undefined {
  const measured = sizes.filter(({ predictedMs }) => predictedMs !== undefined);
  const inTime = measured.filter(({ predictedMs = Infinity }) => predictedMs <= budgetMs);
  const isSlow = measured.length > FEW && inTime.length <= FEW;
  const limit = milliseconds(budgetMs);
  if (isSlow) {
    const [first, second] = inTime.map(({ name }) => name);
    const text =
      first === undefined
        ? t('This machine is slow for this model: no size answers within {0}, so suggestions come late.', limit)
        : second === undefined
          ? t('This machine is slow for this model: only {0} answers within {1}.', first, limit)
          : t('This machine is slow for this model: only {0} and {1} answer within {2}.', first, second, limit);
    return { text, advice: adviceFor(strains) };
  }
  if (!isDeclining) return undefined;
  return {
    text: t('The engine has used its share of the processor, so some requests are skipped.'),
    advice:
      strains.length > 0
        ? adviceFor(strains)
        : t('Suggestions return in a pause. A fixed size answers every request, at the cost of more energy.'),
  };
}

function adviceFor([strain]: readonly Strain[]): string {
  switch (strain?.cause) {
    case 'power':
      return t('On mains it has a larger share of the processor.');
    case 'busy':
      return t('It is faster when other programs use the processor less.');
    case 'hot':
      return t('It is faster when the machine has cooled down.');
    case undefined:
    default:
      return t(
        'More threads may help (the setting matcoder.threads), or a GPU (Re-detect Hardware). Suggestions by hand always use the time that they need.',
      );
  }
}
