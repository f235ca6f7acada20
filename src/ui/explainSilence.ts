import type { Eagerness } from '../completion/decode/confidence';
import type { GateCause } from '../completion/gate';
import type { EngineState } from '../engine/client';
import { WINDOW_MS } from '../governor/dutyCycle';
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
  | 'showLog';

export interface Remedy extends Fact {
  readonly action: RemedyAction;
}

/** The reason why MatCoder suggests nothing at the moment, and the remedies. */
export function explainSilence(facts: SilenceFacts): Explanation {
  const { now, remedies } = causeOf(facts);
  return {
    now,
    remedies: [...remedies.filter(({ action }) => action !== 'showLog'), SHOW_LOG],
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
    return cause('No editor is active', 'MatCoder suggests in the editor that has the cursor.');
  }
  if (off) return cause(...OFF[off.cause](here, sentence(off.reason)));
  if (manualOnly) {
    return cause(
      'Suggestions come only when asked by hand',
      'The setting matcoder.manualOnly is on.',
      SUGGEST_WHILE_TYPING,
      TRIGGER,
    );
  }
  if (!lastHere) {
    return cause('No request in this file yet', 'VS Code asks for a suggestion when you type.', TRIGGER);
  }
  return outcomeCause(facts, lastHere);
}

function engineCause(engine: Exclude<EngineState, { kind: 'ready' }>): Cause {
  switch (engine.kind) {
    case 'failed':
      return cause('The engine has stopped', sentence(engine.reason), RESTART, OPEN_MODEL_SETTING);
    case 'restarting':
      return cause('The engine restarts after a fault', sentence(engine.reason), RESTART);
    case 'starting':
      return cause('The engine is starting', 'Suggestions begin when it is ready, usually within seconds.');
    case 'stopped':
      return cause('The engine is stopped', 'It was stopped, or has not been started yet.', RESTART);
  }
}

type CauseParts = [title: string, detail: string, ...remedies: Remedy[]];

const OFF: Readonly<Record<OffCause, (here: Here, reason: string) => CauseParts>> = {
  document: (_here, reason) => ['MatCoder is off in this document', reason],
  file: (_here, reason) => ['MatCoder is off in this file', reason],
  editor: (_here, reason) => ['VS Code shows no inline suggestions here', reason, OPEN_INLINE_SUGGEST_SETTING],
  language: ({ languageId }) => [
    `MatCoder is off for ${languageId}`,
    'The setting matcoder.enabled is off for this language or for all languages.',
    remedy('enableLanguage', `Enable for ${languageId}`, 'Suggest while you type in files of this language'),
    TRIGGER,
  ],
};

function outcomeCause({ eagerness, submodel, strains, nowMs }: SilenceFacts, last: PastOutcome): Cause {
  const { kind, reason, size, latencyMs, timeMs } = last;
  const detail = sentence(reason);
  switch (kind) {
    case 'gated':
      return gateCause(last.cause, detail);
    case 'declined':
      return strains.length > 0
        ? cause(
            `MatCoder saves work, because ${strains.map(({ long }) => long).join(' and ')}`,
            detail,
            TRIGGER,
            FIX_SIZE,
          )
        : cause(
            nowMs - timeMs < WINDOW_MS
              ? 'The engine has used its share of the processor for now'
              : 'The engine had used its share of the processor at the last request here',
            detail,
            TRIGGER,
            FIX_SIZE,
          );
    case 'unsure':
      return cause(
        `${size ?? 'The model'} was not confident enough`,
        `${detail} The eagerness is ${eagerness}.`,
        ...(eagerness === 'eager' ? [] : [BE_EAGER]),
        ...(size === 'XL' ? [] : [LARGER_SIZE]),
        TRIGGER,
      );
    case 'empty':
      return cause(`${size ?? 'The model'} had nothing to suggest`, detail, TRIGGER);
    case 'superseded':
      return cause(
        'You typed on before the answer was ready',
        detail,
        ...(submodel === 'auto' ? [] : [AUTO_SIZE]),
        TRIGGER,
      );
    case 'failed':
      return cause('The last request failed', detail, RESTART);
    case 'shown':
    case 'reused':
    case 'kept':
      return cause(
        'The last request here showed a suggestion',
        [
          ...(size === undefined
            ? []
            : [`By ${size}${latencyMs === undefined ? '' : ` in ${milliseconds(latencyMs)}`}.`]),
          'VS Code hides a suggestion when the cursor moves or other text is typed.',
        ].join(' '),
        TRIGGER,
      );
  }
}

function gateCause(gate: GateCause | undefined, reason: string): Cause {
  switch (gate) {
    case 'several cursors':
      return cause('There is more than one cursor', 'MatCoder suggests at a single cursor. Press Escape to keep one.');
    case 'selection':
      return cause('Text is selected', 'MatCoder suggests at a cursor without a selection.');
    case 'code follows':
      return cause(
        'Code follows the cursor on its line',
        'While you type, MatCoder suggests only if nothing but closing brackets and quotes follows.',
        TRIGGER,
      );
    case 'long line':
    case 'read-only document':
    case 'closed file':
    case 'language off':
    case undefined:
      return cause('No suggestion is wanted here', reason);
  }
}

const OUTCOMES: Readonly<Record<PastOutcome['kind'], string>> = {
  shown: 'Shown',
  reused: 'Shown again',
  kept: 'Kept',
  gated: 'Not wanted here',
  declined: 'Declined',
  unsure: 'Not confident enough',
  superseded: 'Superseded by typing',
  empty: 'Nothing to suggest',
  failed: 'Failed',
};

function describeOutcome({ kind, reason, size, latencyMs, times }: PastOutcome): Fact {
  const time = latencyMs === undefined ? [] : [milliseconds(latencyMs)];
  const isSuggestion = kind === 'shown' || kind === 'reused' || kind === 'kept';
  const parts = [...(size === undefined ? [] : [size]), ...time];
  const work = isSuggestion ? ` by ${parts.join(' in ')}` : ` (${parts.join(', ')})`;
  return {
    title: `${OUTCOMES[kind]}${parts.length > 0 ? work : ''}${times > 1 ? `, ${times} times` : ''}`,
    detail: reason === '' ? '' : sentence(reason),
  };
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
  const capital = clause.replace(/^[a-z](?!\S*[./]\S)/, (letter) => letter.toUpperCase());
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

const TRIGGER = remedy(
  'trigger',
  'Ask by hand',
  'Trigger Inline Suggestion: the largest size that answers within a second',
);
const SUGGEST_WHILE_TYPING = remedy('suggestWhileTyping', 'Suggest while typing', 'Turns matcoder.manualOnly off');
const BE_EAGER = remedy('beEager', 'Set eagerness to eager', 'Suggests more often, and is wrong more often');
const FIX_SIZE = remedy('chooseSize', 'Choose a fixed size', 'A fixed size answers every request; Auto may decline');
const LARGER_SIZE = remedy('chooseSize', 'Choose a larger size', 'It is confident more often, but slower');
const AUTO_SIZE = remedy('chooseSize', 'Choose Auto or a smaller size', 'It answers sooner');
const RESTART = remedy('restartEngine', 'Restart Engine', 'Opens the model again and restarts the engine');
const OPEN_MODEL_SETTING = remedy('openModelSetting', 'Open Settings', 'The folder of the model: matcoder.modelPath');
const OPEN_INLINE_SUGGEST_SETTING = remedy(
  'openInlineSuggestSetting',
  'Open Settings',
  'The setting editor.inlineSuggest.enabled',
);
const SHOW_LOG = remedy('showLog', 'Show Log', 'One line for every request, with the reason for its outcome');
