import * as vscode from 'vscode';
import { pageOf } from '../webview';
import {
  DASHBOARD_COMMANDS,
  type DashboardCommand,
  type DashboardState,
  type FromPage,
  MODEL_ACTIONS,
  type ModelAction,
  type ToPage,
} from './state';

export interface DashboardParts {
  readonly extensionUri: vscode.Uri;
  readonly state: () => DashboardState;
  /** Settles when the command has ended. */
  readonly run: (command: DashboardCommand) => PromiseLike<unknown>;
  /** Settles when the action on an imported model has ended. */
  readonly onModel: (action: ModelAction, id: string) => PromiseLike<unknown>;
}

export const DASHBOARD_VIEW = 'matcoder.dashboard';

/** At most twice a second, because a person reads it. */
const MIN_UPDATE_MS = 500;
/** The plot's time axis moves also if nothing happens. */
const TICK_MS = 10_000;

/**
 * The dashboard's tab. The editor discards its page while it is hidden; the page asks for the state when it is loaded
 * again. Nothing is sent to a hidden page.
 */
export class Dashboard implements vscode.Disposable, vscode.WebviewPanelSerializer {
  private panel: vscode.WebviewPanel | undefined;
  private pending: NodeJS.Timeout | undefined;
  private ticks: NodeJS.Timeout | undefined;
  private sentMs = 0;
  /** The page is to show the imported models once it is loaded. */
  private isModelsWanted = false;
  private isLoaded = false;

  constructor(private readonly parts: DashboardParts) {}

  show(): void {
    if (this.panel) this.panel.reveal();
    else this.adopt(vscode.window.createWebviewPanel(DASHBOARD_VIEW, 'MatCoder', vscode.ViewColumn.Active));
  }

  /** With the imported models in view. */
  showModels(): void {
    this.show();
    if (this.isLoaded && this.panel?.visible) {
      this.send(true); // a page whose updates are paused does not have the latest model
      this.post({ type: 'showModels' });
    } else this.isModelsWanted = true;
  }

  /** Something that the dashboard shows has changed. */
  changed(): void {
    if (!this.panel?.visible || this.pending) return;
    const waitMs = Math.max(0, this.sentMs + MIN_UPDATE_MS - performance.now());
    this.pending = setTimeout(() => {
      this.pending = undefined;
      this.send();
    }, waitMs);
  }

  /** The editor was reloaded with the tab open. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    this.adopt(panel);
    return Promise.resolve();
  }

  dispose(): void {
    this.panel?.dispose();
    this.forget();
  }

  private adopt(panel: vscode.WebviewPanel): void {
    const dist = vscode.Uri.joinPath(this.parts.extensionUri, 'dist');
    this.dispose(); // only one: the editor revives an old panel when its tab is shown
    this.panel = panel;
    panel.iconPath = vscode.Uri.joinPath(this.parts.extensionUri, 'media', 'icon.png');
    panel.webview.options = { enableScripts: true, localResourceRoots: [dist] };
    panel.webview.onDidReceiveMessage((message: FromPage) => {
      this.receive(message);
    });
    panel.onDidChangeViewState(() => {
      if (!panel.visible) this.isLoaded = false; // the editor discards the page
    });
    panel.onDidDispose(() => {
      if (this.panel === panel) this.forget();
    });
    panel.webview.html = pageOf(panel.webview, this.parts.extensionUri, 'dashboard', { title: 'MatCoder' });
    this.ticks = setInterval(() => {
      this.changed();
    }, TICK_MS);
  }

  private receive(message: FromPage): void {
    const answer = () => {
      this.send(true);
    };
    switch (message.type) {
      case 'ready':
        this.isLoaded = true;
        this.send();
        if (this.isModelsWanted) this.post({ type: 'showModels' });
        this.isModelsWanted = false;
        break;
      case 'command':
        if (DASHBOARD_COMMANDS.includes(message.command)) this.parts.run(message.command).then(answer, answer);
        break;
      case 'model':
        if (MODEL_ACTIONS.includes(message.action)) this.parts.onModel(message.action, message.id).then(answer, answer);
    }
  }

  private forget(): void {
    clearTimeout(this.pending);
    clearInterval(this.ticks);
    this.pending = undefined;
    this.panel = undefined;
    this.isLoaded = false;
  }

  private send(isAnswer = false): void {
    if (!this.panel?.visible) return;
    this.sentMs = performance.now();
    this.post({ type: 'state', state: this.parts.state(), isAnswer });
  }

  private post(message: ToPage): void {
    void this.panel?.webview.postMessage(message);
  }
}
