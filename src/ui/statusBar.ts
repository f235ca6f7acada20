import * as vscode from 'vscode';
import type { EngineState } from '../engine/client';
import { describeEngine } from './describeEngine';
import { milliseconds } from './format';
import { statusText } from './statusText';
import type { Activity } from './activity';
import { TOOLTIP_COMMANDS } from './tooltip';

/** Who waits for less than this does not want to read about it. */
const BUSY_AFTER_MS = 150;
/** Four times a second at most: more than a person reads. */
const MIN_UPDATE_MS = 250;

/** The one item in the status bar: the submodel and the latency of the last completion; the rest in its tooltip. */
export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private engine: EngineState = { kind: 'stopped' };
  private pending = 0;
  private busy = false;
  private busyTimer: NodeJS.Timeout | undefined;
  private updateTimer: NodeJS.Timeout | undefined;

  constructor(private readonly activity: Activity) {
    this.item = vscode.window.createStatusBarItem('matcoder.status', vscode.StatusBarAlignment.Right, 100);
    this.item.name = 'MatCoder';
    this.render();
    this.item.show();
  }

  engineState(state: EngineState): void {
    this.engine = state;
    this.render();
  }

  /** Something of the activity has changed. */
  changed(): void {
    this.updateTimer ??= setTimeout(() => {
      this.updateTimer = undefined;
      this.render();
    }, MIN_UPDATE_MS);
  }

  /** A completion is under way until the promise settles. */
  busyWhile(answer: Promise<unknown>): void {
    this.pending++;
    this.busyTimer ??= setTimeout(() => {
      this.busy = true;
      this.render();
    }, BUSY_AFTER_MS);
    const end = () => {
      if (--this.pending > 0) return;
      clearTimeout(this.busyTimer);
      this.busyTimer = undefined;
      if (!this.busy) return;
      this.busy = false;
      this.render();
    };
    answer.then(end, end);
  }

  dispose(): void {
    clearTimeout(this.busyTimer);
    clearTimeout(this.updateTimer);
    this.item.dispose();
  }

  private render(): void {
    const failed = this.engine.kind === 'failed';
    const { item } = this;
    const last = this.activity.completed;
    const ready = this.engine.kind === 'ready';
    const icon = failed ? '$(error)' : !ready ? '$(sync~spin)' : this.busy ? '$(loading~spin)' : '$(sparkle)';
    item.text = `${icon} ${ready && last ? statusText(last.shortName, last.latencyMs) : 'MatCoder'}`;
    item.backgroundColor = failed ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
    item.command = failed ? 'matcoder.recover' : 'matcoder.pickSubmodel';
    item.accessibilityInformation = {
      label:
        ready && last
          ? `MatCoder: size ${last.shortName}, last completion in ${milliseconds(last.latencyMs)}`
          : `MatCoder: ${describeEngine(this.engine)}`,
      role: 'button',
    };
    const text = new vscode.MarkdownString(this.activity.tooltip());
    text.isTrusted = { enabledCommands: Object.keys(TOOLTIP_COMMANDS) };
    item.tooltip = text;
  }
}
