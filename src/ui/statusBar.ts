import * as vscode from 'vscode';
import type { Outcome } from '../completion/outcome';
import type { EngineState } from '../engine/client';
import { describeBackend, describePutAside } from '../engine/describe';
import { Latencies } from './latencies';

/** The one item in the status bar: the submodel and the latency of the last completion; why, in its tooltip. */
export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly latencies = new Latencies();
  private engine: EngineState = { kind: 'stopped' };
  private last: Extract<Outcome, { kind: 'shown' }> | undefined;

  /** @param setting what the user chose: auto or a size */
  constructor(private readonly setting: () => string) {
    this.item = vscode.window.createStatusBarItem('matcoder.status', vscode.StatusBarAlignment.Right, 100);
    this.item.name = 'MatCoder';
    this.render();
    this.item.show();
  }

  engineState(state: EngineState): void {
    this.engine = state;
    this.render();
  }

  outcome(outcome: Outcome): void {
    if (outcome.kind !== 'shown') return;
    this.last = outcome;
    this.latencies.add(outcome.work.latencyMs);
    this.render();
  }

  dispose(): void {
    this.item.dispose();
  }

  private render(): void {
    const failed = this.engine.kind === 'failed';
    const { item, last } = this;
    item.text = failed
      ? '$(error) MatCoder'
      : this.engine.kind !== 'ready'
        ? '$(sync~spin) MatCoder'
        : last
          ? `$(sparkle) ${last.work.submodel} ${Math.max(1, Math.round(last.work.latencyMs))} ms`
          : '$(sparkle) MatCoder';
    item.backgroundColor = failed ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
    item.command = failed ? 'matcoder.recover' : 'matcoder.pickSubmodel';
    item.tooltip = this.tooltip();
  }

  private tooltip(): vscode.MarkdownString {
    const lines = [`**MatCoder**: ${describeEngine(this.engine)}`];
    if (this.engine.kind === 'ready') lines.push(...describePutAside(this.engine.info));
    if (this.last) {
      const { submodel, latencyMs, reason } = this.last.work;
      lines.push(`Last: **${submodel}** in ${Math.max(1, Math.round(latencyMs))} ms (${reason})`);
      const ms = (share: number) => Math.max(1, Math.round(this.latencies.percentile(share) ?? 0));
      lines.push(`Median ${ms(0.5)} ms, 95th percentile ${ms(0.95)} ms over ${this.latencies.count}`);
    }
    lines.push(`Model size: ${this.setting() === 'auto' ? 'Auto' : this.setting()}`);
    const links = [
      '[Choose size](command:matcoder.pickSubmodel)',
      '[Show log](command:matcoder.showLog)',
      '[Restart engine](command:matcoder.restartEngine)',
    ];
    lines.push(links.join(' | '));
    const tooltip = new vscode.MarkdownString(lines.join('\n\n'));
    tooltip.isTrusted = {
      enabledCommands: ['matcoder.pickSubmodel', 'matcoder.showLog', 'matcoder.restartEngine'],
    };
    return tooltip;
  }
}

function describeEngine(state: EngineState): string {
  switch (state.kind) {
    case 'ready':
      return `ready, ${describeBackend(state.info)}`;
    case 'restarting':
      return `restarting, for ${state.reason}`;
    case 'failed':
      return `stopped: ${state.reason}`;
    case 'starting':
    case 'stopped':
      return state.kind;
  }
}
