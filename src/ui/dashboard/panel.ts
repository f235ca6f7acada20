import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { DASHBOARD_COMMANDS, type DashboardCommand, type DashboardState, type FromPage, type ToPage } from './state';

export interface DashboardParts {
  readonly extensionUri: vscode.Uri;
  readonly state: () => DashboardState;
  readonly run: (command: DashboardCommand) => void;
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

  constructor(private readonly parts: DashboardParts) {}

  show(): void {
    if (this.panel) this.panel.reveal();
    else this.adopt(vscode.window.createWebviewPanel(DASHBOARD_VIEW, 'MatCoder', vscode.ViewColumn.Active));
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
      if (message.type === 'ready') this.send();
      else if (DASHBOARD_COMMANDS.includes(message.command)) this.parts.run(message.command);
    });
    panel.onDidDispose(() => {
      if (this.panel === panel) this.forget();
    });
    panel.webview.html = page(panel.webview, dist);
    this.ticks = setInterval(() => {
      this.changed();
    }, TICK_MS);
  }

  private forget(): void {
    clearTimeout(this.pending);
    clearInterval(this.ticks);
    this.pending = undefined;
    this.panel = undefined;
  }

  private send(): void {
    if (!this.panel?.visible) return;
    this.sentMs = performance.now();
    const message: ToPage = { type: 'state', state: this.parts.state() };
    void this.panel.webview.postMessage(message);
  }
}

/** The policy allows the bundle with the nonce and the extension's style sheet, and nothing else. */
function page(webview: vscode.Webview, dist: vscode.Uri): string {
  const nonce = randomBytes(16).toString('base64');
  const file = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(dist, name)).toString();
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>MatCoder</title>
<link rel="stylesheet" href="${file('dashboard.css')}">
</head>
<body>
<script nonce="${nonce}" src="${file('dashboard.js')}"></script>
</body>
</html>`;
}
