import type { EngineState } from '../engine/client';
import { describeEngine } from './describeEngine';
import { milliseconds } from './format';
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
  /** For a screen reader, and for the first line of the tooltip. */
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
    const doing = engine.kind === 'restarting' ? 'restarting' : 'starting';
    return silent('starting', `$(sync~spin) MatCoder ${doing}`, describeEngine(engine));
  }
  const icon = (name: string) => (isBusy ? '$(loading~spin)' : `$(${name})`);
  if (off) return silent('off here', `$(circle-slash) ${padded('off here')}`, `off here, because ${off.reason}`);
  if (manualOnly) {
    return silent('manual only', `${icon('debug-pause')} ${padded('manual only')}`, 'suggests only when asked by hand');
  }
  if (declinedInARow >= DECLINED_FROM) {
    const [strain] = strains;
    if (!strain) {
      const label = 'quiet, because the engine has used its share of the processor for now';
      return silent('declined', `${icon('dash')} ${padded('quiet')}`, label);
    }
    const because = strains.map(({ long }) => long).join(' and ');
    return silent('saving', `${icon('watch')} ${padded(`quiet: ${strain.short}`)}`, `quiet, because ${because}`);
  }
  const shared = { command: 'matcoder.pickSubmodel', isError: false } as const;
  if (!last) return { kind: 'waiting', text: `${icon('sparkle')} MatCoder`, label: describeEngine(engine), ...shared };
  const time = milliseconds(last.latencyMs);
  return {
    kind: 'completed',
    text: `${icon('sparkle')} ${padded(`${last.shortName} ${time}`)}`,
    label: `size ${last.shortName}, last completion in ${time}`,
    ...shared,
  };
}

function silent(kind: StatusKind, text: string, label: string): StatusView {
  return { kind, text, label, command: 'matcoder.whyNoSuggestion', isError: false };
}

/** As wide as a digit, and not merged with its neighbours like spaces. */
const FIGURE_SPACE = '\u2007';

/** `quiet: power` */
const WIDTH = 12;

/** Text of the same width in all states that change while the user works, so that neighbouring items do not move. */
function padded(text: string): string {
  return text.padEnd(WIDTH, FIGURE_SPACE);
}
