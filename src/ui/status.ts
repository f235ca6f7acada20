import { t } from '@vscode/l10n';
import type { EngineState } from '../engine/client';
import { formatConjunction } from '../localisation/language';
import { describeEngine } from './describeEngine';
import { milliseconds, spokenMilliseconds } from './format';
import type { OffHere } from './here';
import type { Strain } from './strain';

/** The state that the status bar shows. */
export type StatusKind =
  'failed' | 'starting' | 'off here' | 'manual only' | 'saving' | 'declined' | 'completed' | 'waiting';

export interface StatusInput {
  readonly engine: EngineState;
  /** Why MatCoder is off in the active document; undefined if it is on, or if no document is active. */
  readonly off: OffHere | undefined;
  readonly manualOnly: boolean;
  /** Requests in the active document that the governor declined lately and since it last decided otherwise. */
  readonly declinedInARow: number;
  readonly strains: readonly Strain[];
  /** The last completion. */
  readonly last: { readonly shortName: string; readonly latencyMs: number } | undefined;
  /** A completion takes noticeably long. */
  readonly isBusy: boolean;
}

export interface StatusView {
  readonly kind: StatusKind;
  /** With an icon. */
  readonly text: string;
  /** In words. */
  readonly label: string;
  /** Run by a click. */
  readonly command: StatusCommand;
  readonly isError: boolean;
}

type StatusCommand = 'matcoder.recover' | 'matcoder.pickSubmodel' | 'matcoder.whyNoSuggestion';

/** Fewer declined requests than this in a row are part of ordinary typing. */
export const DECLINED_FROM = 3;

/** The state of MatCoder at a glance. If a suggestion is missing, a click gives the reason. */
export function statusOf(input: StatusInput): StatusView {
  const { engine, off, manualOnly, declinedInARow, strains, last, isBusy } = input;
  if (engine.kind === 'failed') {
    const label = describeEngine(engine);
    return { kind: 'failed', text: '$(error) MatCoder', label, command: 'matcoder.recover', isError: true };
  }
  if (engine.kind !== 'ready') {
    const doing = engine.kind === 'restarting' ? t('MatCoder restarting') : t('MatCoder starting');
    return silent('starting', `$(sync~spin) ${doing}`, describeEngine(engine));
  }
  const icon = (name: string) => (isBusy ? '$(loading~spin)' : `$(${name})`);
  if (off) {
    const label = t('off here, because {0}', off.reason);
    return silent('off here', `$(circle-slash) ${padded(t('off here'))}`, label);
  }
  if (manualOnly) {
    return silent(
      'manual only',
      `${icon('debug-pause')} ${padded(t('manual only'))}`,
      t('suggests only when asked by hand'),
    );
  }
  if (declinedInARow >= DECLINED_FROM) {
    const [strain] = strains;
    if (!strain) {
      const label = t('quiet, because the engine has used its share of the processor for now');
      return silent(
        'declined',
        `${icon('dash')} ${padded(t({ message: 'quiet', comment: ['MatCoder suggests nothing for now'] }))}`,
        label,
      );
    }
    const label = t('quiet, because {0}', formatConjunction(strains.map(({ long }) => long)));
    return silent('saving', `${icon('watch')} ${padded(t('quiet: {0}', strain.short))}`, label);
  }
  const shared = { command: 'matcoder.pickSubmodel', isError: false } as const;
  if (!last) return { kind: 'waiting', text: `${icon('sparkle')} MatCoder`, label: describeEngine(engine), ...shared };
  const time = milliseconds(last.latencyMs);
  return {
    kind: 'completed',
    text: `${icon('sparkle')} ${padded(`${shortened(last.shortName)} ${time}`)}`,
    label: t('size {0}, last completion in {1}', last.shortName, spokenMilliseconds(last.latencyMs)),
    ...shared,
  };
}

function silent(kind: StatusKind, text: string, label: string): StatusView {
  return { kind, text, label, command: 'matcoder.whyNoSuggestion', isError: false };
}

/** An imported model has the name that the user gave it. */
const MAX_NAME_CHARS = 14;

/** A name that is cut keeps the size at its end, because the model is mostly known: `SmolLM2 13… L`. */
function shortened(name: string): string {
  if (name.length <= MAX_NAME_CHARS) return name;
  const [size = ''] = / [SML]$/.exec(name) ?? [];
  return `${name.slice(0, MAX_NAME_CHARS - 1 - size.length).trimEnd()}…${size}`;
}

/** As wide as a digit, and not merged with its neighbours like spaces. */
const FIGURE_SPACE = '\u2007';

/** `quiet: power` */
const WIDTH = 12;

/** Text of the same width in all states that change while the user works, so that neighbouring items do not move. */
function padded(text: string): string {
  return text.padEnd(WIDTH, FIGURE_SPACE);
}
