import { t } from '@vscode/l10n';

/** Where the engine runs, which is where VS Code runs the extension. */
export interface Side {
  /** The kind of remote window, as VS Code names it: `ssh-remote`, `wsl`, …; undefined if the files are on this computer. */
  readonly remote: string | undefined;
  /** The engine runs on the remote machine. */
  readonly isRemote: boolean;
  /** The window is a page in a browser, which cannot start the engine. */
  readonly isInBrowser: boolean;
}

/** Where the engine is to run in remote windows: on the computer that shows the window, or next to the files. */
export type ChosenSide = 'window' | 'files';

const NAMES: Readonly<Record<string, string>> = {
  'ssh-remote': 'SSH',
  wsl: 'WSL',
  'dev-container': 'Container',
  'attached-container': 'Container',
  codespaces: 'Codespaces',
  tunnel: 'Tunnel',
};

/** A sentence; undefined if there is only one machine. */
export function describeSide({ remote, isRemote }: Side): string | undefined {
  if (remote === undefined) return undefined;
  const name = NAMES[remote] ?? remote;
  return isRemote
    ? t('The engine runs on the remote machine ({0}), next to your files', name)
    : t('The engine runs on this computer, and your files are on the remote machine ({0})', name);
}

/** Whether this window needs no reload for a choice: it has one machine only, or the engine is on that side. */
export function isOn({ remote, isRemote }: Side, chosen: ChosenSide): boolean {
  return remote === undefined || isRemote === (chosen === 'files');
}

/** The side that VS Code's setting `remote.extensionKind` chooses. Without an entry it prefers the window's side. */
export function chosenSide(setting: unknown, extension: string): ChosenSide {
  const [, kinds] = entriesOf(setting).find(([id]) => isSame(id, extension)) ?? [];
  return [kinds].flat()[0] === 'workspace' ? 'files' : 'window';
}

/** The value of `remote.extensionKind` that chooses a side. The entries of other extensions stay. */
export function withSide(setting: unknown, extension: string, side: ChosenSide): Record<string, unknown> {
  const others = entriesOf(setting).filter(([id]) => !isSame(id, extension));
  const own: [string, unknown][] = side === 'files' ? [[extension, ['workspace']]] : [];
  return Object.fromEntries([...others, ...own]);
}

function entriesOf(setting: unknown): [string, unknown][] {
  return typeof setting === 'object' && setting !== null ? Object.entries(setting as Record<string, unknown>) : [];
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
