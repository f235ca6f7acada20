import { t } from '@vscode/l10n';
import type { DashboardState, ToPage } from '../state';
import { html } from './dom';
import { keep, kept } from './host';

/**
 * Which states the page shows: all, or none while it is paused. Its figures and plots change by themselves, so there has to
 * be a way to stop them (WCAG 2.2, 2.2.2). If the user wants less motion, it begins paused.
 */
export class Updates {
  readonly button = html('button', { type: 'button' });
  /** When the figures are from, while the page is paused. */
  readonly note = html('p', { class: 'paused' });
  private latest: DashboardState | undefined;
  private shownMs = 0;
  private shown: DashboardState | undefined;

  /** @param show draws a state; also the one that is shown already, if the width has changed */
  constructor(private readonly show: (state: DashboardState) => void) {
    this.button.addEventListener('click', () => {
      keep({ isPaused: !this.isPaused });
      this.render();
    });
    this.render();
  }

  receive({ state, isAnswer }: Extract<ToPage, { type: 'state' }>): void {
    this.latest = state;
    // A page without completions has nothing that moves, and would otherwise stay empty.
    const holds = this.isPaused && this.shown !== undefined && this.shown.recent.length > 0;
    if (!holds || isAnswer) this.adopt(state);
  }

  resized(): void {
    if (this.shown) this.show(this.shown);
  }

  private get isPaused(): boolean {
    return kept().isPaused ?? wantsLessMotion();
  }

  private adopt(state: DashboardState): void {
    this.shown = state;
    this.shownMs = Date.now();
    this.show(state);
    this.render();
  }

  private render(): void {
    const { isPaused, latest } = this;
    if (!isPaused && latest && latest !== this.shown) {
      this.adopt(latest);
      return;
    }
    this.button.textContent = isPaused ? t('Resume Updates') : t('Pause Updates');
    const time = new Date(this.shownMs).toLocaleTimeString(document.documentElement.lang);
    this.note.textContent = isPaused && this.shown ? t('Paused: the figures are from {0}.', time) : '';
  }
}

/** The editor's setting, or the system's. */
function wantsLessMotion(): boolean {
  return (
    document.body.classList.contains('vscode-reduce-motion') || matchMedia('(prefers-reduced-motion: reduce)').matches
  );
}
