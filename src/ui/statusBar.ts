import * as vscode from 'vscode';
import type { Activity } from './activity';
import type { Here } from './here';
import { spokenStatus } from './spoken';
import { TOOLTIP_COMMANDS } from './tooltip';

/** A shorter wait is not worth showing. */
const BUSY_AFTER_MS = 150;
/** At most four updates a second, because a person reads them. */
const MIN_UPDATE_MS = 250;

/** The item in the status bar: the state at a glance, the details in its tooltip. */
export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private pending = 0;
  private isBusy = false;
  private busyTimer: NodeJS.Timeout | undefined;
  private updateTimer: NodeJS.Timeout | undefined;

  /** @param here the active document; undefined if there is none */
  constructor(
    private readonly activity: Activity,
    private readonly here: () => Here | undefined,
  ) {
    this.item = vscode.window.createStatusBarItem('matcoder.status', vscode.StatusBarAlignment.Right, 100);
    this.item.name = 'MatCoder';
    this.render();
    this.item.show();
  }

  /** The state may have changed. */
  changed(): void {
    this.updateTimer ??= setTimeout(() => {
      this.updateTimer = undefined;
      this.render();
    }, MIN_UPDATE_MS);
  }

  /** A completion is in progress until the promise settles. */
  busyWhile(answer: Promise<unknown>): void {
    this.pending++;
    this.busyTimer ??= setTimeout(() => {
      this.isBusy = true;
      this.render();
    }, BUSY_AFTER_MS);
    const end = () => {
      if (--this.pending > 0) return;
      clearTimeout(this.busyTimer);
      this.busyTimer = undefined;
      if (!this.isBusy) return;
      this.isBusy = false;
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
    const here = this.here();
    const status = this.activity.status(here, this.isBusy);
    const { item } = this;
    item.text = status.text;
    item.backgroundColor = status.isError ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
    item.command = status.command;
    item.accessibilityInformation = { label: spokenStatus(status), role: 'button' };
    const text = new vscode.MarkdownString(this.activity.tooltip(status, here));
    text.isTrusted = { enabledCommands: Object.keys(TOOLTIP_COMMANDS) };
    item.tooltip = text;
  }
}
