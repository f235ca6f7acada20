import { type Phrase, phrase } from '../localisation/phrase';
import type { Candidate, Submodel } from '../matlm/submodel';
import { type Allowance, restrictionsOf, WINDOW_MS } from './dutyCycle';
import type { Machine } from './machine';
import type { CodePlace } from './place';
import type { Rhythm, Situation } from './situation';

/** Why a request is declined: the engine has used its allowance. */
export function overAllowance({ share, because }: Allowance, moment: Phrase): Phrase {
  const percent = Math.round(100 * share);
  return because === undefined
    ? phrase(
        'skipped: the engine has used its {0} % of a core in the last {1} s; {2}',
        percent,
        WINDOW_MS / 1000,
        moment,
      )
    : phrase('skipped: the engine has used its {0} % of a core ({1}); {2}', percent, because, moment);
}

export function describeMoment({ gapMs, place }: Rhythm, situation: Situation): Phrase {
  if (situation === 'asked') return phrase('asked for by hand');
  if (gapMs === undefined) return phrase('a pause in typing');
  const gap = Math.round(gapMs);
  return situation === 'typing'
    ? phrase('typing at {0} ms a key', gap)
    : phrase('typing at {0} ms a key, {1}', gap, PLACE_NAMES[place]);
}

/** Why a submodel was chosen: the moment, the conditions that raise the price, and the expected latency. */
export function explain(
  moment: Rhythm & { readonly machine: Machine },
  situation: Situation,
  { submodel }: { readonly submodel: Submodel } | Candidate,
  answerMs: number,
  budgetMs: number,
): Phrase {
  const dear = restrictionsOf(moment.machine).flatMap(({ because }) => (because ? [because] : []));
  const circumstances = [describeMoment(moment, situation), ...dear];
  const about = Math.max(1, Math.round(answerMs));
  return answerMs <= budgetMs
    ? phrase('{0}: {1} answers in about {2} ms', circumstances, submodel.name, about)
    : phrase('{0}: {1} answers in about {2} ms, late, but no size is faster', circumstances, submodel.name, about);
}

const PLACE_NAMES: Readonly<Record<CodePlace, Phrase>> = {
  'block start': phrase('block start'),
  'line start': phrase('line start'),
  'after a dot': phrase('after a dot'),
  'word start': phrase('word start'),
  'inside a word': phrase('inside a word'),
  'deep in a word': phrase('deep in a word'),
  'after a symbol': phrase('after a symbol'),
  'statement end': phrase('statement end'),
  comment: phrase('comment'),
};
