import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { displayLanguage } from '../localisation/language';

/**
 * A page of the extension: `dist/NAME.js` and `dist/NAME.css`. The policy allows these two and pictures that are data if the page has
 * any, and nothing else. The translations are data, not a script: the page reads them before it makes its first text.
 */
export function pageOf(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  name: string,
  { title, hasPictures = false }: { readonly title: string; readonly hasPictures?: boolean },
): string {
  const nonce = randomBytes(16).toString('base64');
  const file = (ending: string) =>
    webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', `${name}.${ending}`)).toString();
  const images = hasPictures ? 'data:' : "'none'";
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'; img-src ${images}`;
  return `<!DOCTYPE html>
<html lang="${displayLanguage()}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="${file('css')}">
</head>
<body>
<script type="application/json" id="translations">${translations()}</script>
<script nonce="${nonce}" src="${file('js')}"></script>
</body>
</html>`;
}

/** Null if there are none. Without `<`, so that no text ends the element. */
function translations(): string {
  return JSON.stringify(vscode.l10n.bundle ?? null).replaceAll('<', '\\u003c');
}
