import { t } from '@vscode/l10n';
import type { Eagerness } from '../completion/decode/confidence';
import type { GateCause } from '../completion/gate';
import type { EngineState } from '../engine/client';
import { WINDOW_MS } from '../governor/dutyCycle';
import { formatConjunction, formatList } from '../localisation/language';
import { localised } from '../localisation/phrase';
import { agoOf, milliseconds } from './format';
import { type Here, type OffCause, offHere } from './here';
import type { PastOutcome } from './pastOutcomes';
import type { Strain } from './strain';

/** Everything that can explain a missing suggestion. */
export interface SilenceFacts {
  readonly engine: EngineState;
  /** The document of the active editor; undefined if there is none. */
  readonly here: Here | undefined;
  readonly manualOnly: boolean;
  /** `auto`, or the size that the settings fix. */
  readonly submodel: string;
  readonly eagerness: Eagerness;
  readonly strains: readonly Strain[];
  /** The newest outcome in the active document. */
  readonly lastHere: PastOutcome | undefined;
  /** In all documents, newest first. */
  readonly outcomes: readonly PastOutcome[];
  readonly nowMs: number;
}

export interface Explanation {
  /** Why there is no suggestion here now. */
  readonly now: Fact;
  /** What the user can do about it, the most likely remedy first. */
  readonly remedies: readonly Remedy[];
  /** The last outcomes, newest first. */
  readonly outcomes: readonly (Fact & { readonly when: string })[];
}

interface Fact {
  readonly title: string;
  readonly detail: string;
}

export type RemedyAction =
  | 'trigger'
  | 'enableLanguage'
  | 'suggestWhileTyping'
  | 'beEager'
  | 'chooseSize'
  | 'restartEngine'
  | 'openModelSetting'
  | 'openInlineSuggestSetting'
  | 'copyDiagnostics'
  | 'openExtension'
  | 'trySample'
  | 'showLog';

export interface Remedy extends Fact {
  readonly action: RemedyAction;
}

/** The reason why MatCoder suggests nothing at the moment, and the remedies. */
export function explainSilence(facts: SilenceFacts): Explanation {
  const { now, remedies } = causeOf(facts);
  return {
    now,
    remedies: [...remedies, showLog(), copyDiagnostics()],
    outcomes: facts.outcomes.map((outcome) => ({ ...describeOutcome(outcome), when: whenOf(outcome, facts.nowMs) })),
  };
}

interface Cause {
  readonly now: Fact;
  readonly remedies: readonly Remedy[];
}

function causeOf(facts: SilenceFacts): Cause {
  const { engine, here, manualOnly, lastHere } = facts;
  const off = here && offHere(here);
  if (engine.kind !== 'ready') return engineCause(engine);
  if (!here) {
    return cause(t('No editor is active'), t('MatCoder suggests in the editor that has the cursor.'), tryOnSample());
  }
  if (off) return cause(...OFF[off.cause](here, sentence(off.reason)));
  if (manualOnly) {
    return cause(
      t('Suggestions come only when asked by hand'),
      t('The setting matcoder.manualOnly is on.'),
      suggestWhileTyping(),
      trigger(),
    );
  }
  if (!lastHere) {
    return cause(t('No request in this file yet'), t('VS Code asks for a suggestion when you type.'), trigger());
  }
  return outcomeCause(facts, lastHere);
}

function engineCause(engine: Exclude<EngineState, { kind: 'ready' }>): Cause {
  switch (engine.kind) {
    case 'failed':
      return engine.lacksEngine
        ? cause(t('The engine of this platform is not there'), sentence(engine.reason), openExtension(), restart())
        : cause(t('The engine has stopped'), sentence(engine.reason), restart(), openModelSetting());
    case 'restarting':
      return cause(t('The engine restarts after a fault'), sentence(engine.reason), restart());
    case 'starting':
      return cause(t('The engine is starting'), t('Suggestions begin when it is ready, usually within seconds.'));
    case 'stopped':
      return cause(t('The engine is stopped'), t('It was stopped, or has not been started yet.'), restart());
  }
}

type CauseParts = [title: string, detail: string, ...remedies: Remedy[]];

const OFF: Readonly<Record<OffCause, (here: Here, reason: string) => CauseParts>> = {
  document: (_here, reason) => [t('MatCoder is off in this document'), reason],
  file: (_here, reason) => [t('MatCoder is off in this file'), reason],
  editor: (_here, reason) => [t('VS Code shows no inline suggestions here'), reason, openInlineSuggestSetting()],
  language: ({ languageId }) => [
    t('MatCoder is off for {0}', languageId),
    t('The setting matcoder.enabled is off for this language or for all languages.'),
    remedy('enableLanguage', t('Enable for {0}', languageId), t('Suggest while you type in files of this language')),
    trigger(),
  ],
};

function outcomeCause({ eagerness, submodel, strains, nowMs }: SilenceFacts, last: PastOutcome): Cause {
  const { kind, reason, size, latencyMs, timeMs } = last;
  const detail = reason ? sentence(localised(reason)) : '';
  switch (kind) {
    case 'gated':
      return gateCause(last.cause, detail);
    case 'declined':
      return strains.length > 0
        ? cause(
            t('MatCoder saves work, because {0}', formatConjunction(strains.map(({ long }) => long))),
            detail,
            trigger(),
            fixSize(),
          )
        : cause(
            nowMs - timeMs < WINDOW_MS
              ? t('The engine has used its share of the processor for now')
              : t('The engine had used its share of the processor at the last request here'),
            detail,
            trigger(),
            fixSize(),
          );
    case 'unsure':
      return cause(
        size === undefined ? t('The model was not confident enough') : t('{0} was not confident enough', size),
        spaced(detail, eagernessIs(eagerness)),
        ...(eagerness === 'eager' ? [] : [beEager()]),
        trigger(),
      );
    case 'empty':
      return cause(
        size === undefined ? t('The model had nothing to suggest') : t('{0} had nothing to suggest', size),
        detail,
        trigger(),
      );
    case 'superseded':
      return cause(
        t('You typed on before the answer was ready'),
        detail,
        ...(submodel === 'auto' ? [] : [autoSize()]),
        trigger(),
      );
    case 'failed':
      return cause(t('The last request failed'), detail, restart());
    case 'shown':
    case 'reused':
    case 'kept':
      return cause(
        t('The last request here showed a suggestion'),
        spaced(
          ...(size === undefined
            ? []
            : [latencyMs === undefined ? t('By {0}.', size) : t('By {0} in {1}.', size, milliseconds(latencyMs))]),
          t('VS Code hides a suggestion when the cursor moves or other text is typed.'),
        ),
        trigger(),
      );
  }
}

function gateCause(gate: GateCause | undefined, reason: string): Cause {
  switch (gate) {
    case 'several cursors':
      return cause(
        t('There is more than one cursor'),
        t('MatCoder suggests at a single cursor. Press Escape to keep one.'),
      );
    case 'selection':
      return cause(t('Text is selected'), t('MatCoder suggests at a cursor without a selection.'));
    case 'code follows':
      return cause(
        t('Code follows the cursor on its line'),
        t('While you type, MatCoder suggests only if nothing but closing brackets and quotes follows.'),
        trigger(),
      );
    case 'long line':
    case 'read-only document':
    case 'closed file':
    case 'language off':
    case undefined:
      return cause(t('No suggestion is wanted here'), reason);
  }
}

function describeOutcome(outcome: PastOutcome): Fact {
  const { reason, times } = outcome;
  const title = titleOf(outcome);
  return {
    title: times > 1 ? t('{0}, {1} times', title, times) : title,
    detail: reason === undefined ? '' : sentence(localised(reason)),
  };
}

/** `Shown by M in 18 ms`, `Declined (M)` */
function titleOf({ kind, size, latencyMs }: PastOutcome): string {
  const name = nameOf(kind);
  const time = latencyMs === undefined ? undefined : milliseconds(latencyMs);
  const isSuggestion = kind === 'shown' || kind === 'reused' || kind === 'kept';
  if (size === undefined) return time === undefined ? name : `${name} (${time})`;
  if (!isSuggestion) return time === undefined ? `${name} (${size})` : `${name} (${formatList([size, time])})`;
  return time === undefined
    ? t({ message: '{0} by {1}', args: [name, size], comment: ['{0} is an outcome: Shown. {1} is a size: M'] })
    : t({
        message: '{0} by {1} in {2}',
        args: [name, size, time],
        comment: ['{0} is an outcome: Shown. {1} is a size: M'],
      });
}

function nameOf(kind: PastOutcome['kind']): string {
  switch (kind) {
    case 'shown':
      return t({ message: 'Shown', comment: ['the suggestion of one request'] });
    case 'reused':
      return t('Shown again');
    case 'kept':
      return t({ message: 'Kept', comment: ['the suggestion that was on the screen'] });
    case 'gated':
      return t('Not wanted here');
    case 'declined':
      return t('Declined');
    case 'unsure':
      return t('Not confident enough');
    case 'superseded':
      return t('Superseded by typing');
    case 'empty':
      return t('Nothing to suggest');
    case 'failed':
      return t('Failed');
  }
}

function eagernessIs(eagerness: Eagerness): string {
  switch (eagerness) {
    case 'careful':
      return t('The eagerness is careful.');
    case 'balanced':
      return t('The eagerness is balanced.');
    case 'eager':
      return t('The eagerness is eager.');
  }
}

function whenOf({ timeMs, fileName }: PastOutcome, nowMs: number): string {
  return `${agoOf(nowMs - timeMs)}, ${fileName}`;
}

function cause(title: string, detail: string, ...remedies: Remedy[]): Cause {
  return { now: { title, detail }, remedies };
}

function remedy(action: RemedyAction, title: string, detail: string): Remedy {
  return { action, title, detail };
}

/** `the engine ended` becomes `The engine ended.` */
function sentence(clause: string): string {
  // The name of a file keeps its case.
  const capital = clause.replace(/^\p{Ll}(?!\S*[./]\S)/u, (letter) => letter.toUpperCase());
  return /[.!?。！？]$/.test(capital)
    ? capital
    : t({ message: '{0}.', args: [capital], comment: ['a sentence and its full stop'] });
}

/** Sentences in a row. */
function spaced(...sentences: readonly string[]): string {
  return sentences.reduce((before, next) =>
    t({ message: '{0} {1}', args: [before, next], comment: ['two sentences in a row'] }),
  );
}

function trigger(): Remedy {
  return remedy(
    'trigger',
    t('Ask by hand'),
    t('Trigger Inline Suggestion: the largest size that answers within a second'),
  );
}

function suggestWhileTyping(): Remedy {
  return remedy('suggestWhileTyping', t('Suggest while typing'), t('Turns matcoder.manualOnly off'));
}

function tryOnSample(): Remedy {
  return remedy('trySample', t('Try it on a sample'), t('A new document, with a suggestion at the cursor'));
}

function beEager(): Remedy {
  return remedy('beEager', t('Set eagerness to eager'), t('Suggests more often, and is wrong more often'));
}

function fixSize(): Remedy {
  return remedy('chooseSize', t('Choose a fixed size'), t('A fixed size answers every request; Auto may decline'));
}

function autoSize(): Remedy {
  return remedy('chooseSize', t('Choose Auto or a smaller size'), t('It answers sooner'));
}

function restart(): Remedy {
  return remedy('restartEngine', t('Restart Engine'), t('Opens the model again and restarts the engine'));
}

function openModelSetting(): Remedy {
  return remedy('openModelSetting', t('Open Settings'), t('The folder of the model: matcoder.modelPath'));
}

function openExtension(): Remedy {
  return remedy('openExtension', t('Open the Extension'), t('Uninstall it there and install it again'));
}

function openInlineSuggestSetting(): Remedy {
  return remedy('openInlineSuggestSetting', t('Open Settings'), t('The setting editor.inlineSuggest.enabled'));
}

function showLog(): Remedy {
  return remedy('showLog', t('Show Log'), t('One line for every request, with the reason for its outcome'));
}

function copyDiagnostics(): Remedy {
  return remedy(
    'copyDiagnostics',
    t('Copy Diagnostics'),
    t('Versions, speed, settings and counts, for a report: no text of files, no paths'),
  );
}
