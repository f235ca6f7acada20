import * as vscode from 'vscode';
import type { GovernorSettings } from '../governor/settings';
import type { CheckpointConfig } from '../matlm/config';
import {
  governorSettings,
  type ImportedInUse,
  readSetting,
  readSettings,
  type SettingName,
  type Settings,
  type SettingSource,
} from '../session/settings';

/** The settings `matcoder.*` of the editor, read and checked in this one place. */
export class EditorSettings implements vscode.Disposable {
  /** The settings without a document; kept until one changes, because every key asks for them. */
  private known: Settings | undefined;
  private readonly reported = new Set<string>();
  private readonly changed = new vscode.EventEmitter<vscode.ConfigurationChangeEvent>();
  private readonly subscription: vscode.Disposable;
  /** A setting of MatCoder has changed. */
  readonly onDidChange = this.changed.event;

  /** @param warn receives the fault of each invalid value once */
  constructor(private readonly warn: (text: string) => void) {
    this.subscription = vscode.workspace.onDidChangeConfiguration((event) => {
      if (!event.affectsConfiguration('matcoder')) return;
      this.known = undefined;
      this.changed.fire(event);
    });
  }

  get all(): Settings {
    return (this.known ??= readSettings(sourceFor(), this.report));
  }

  /** Whether suggestions while typing are on in a document. */
  isEnabledIn(document: vscode.TextDocument): boolean {
    return readSetting('enabled', sourceFor(document), this.report);
  }

  /** The settings that choose a size. @param imported the imported model that is in use; undefined for none */
  governor(config: CheckpointConfig | undefined, imported: ImportedInUse | undefined): GovernorSettings {
    return governorSettings(this.all, config, this.report, imported);
  }

  dispose(): void {
    this.subscription.dispose();
    this.changed.dispose();
  }

  private readonly report = (fault: string): void => {
    if (this.reported.has(fault)) return;
    this.reported.add(fault);
    this.warn(fault);
  };
}

function sourceFor(document?: vscode.TextDocument): SettingSource {
  const configuration = vscode.workspace.getConfiguration('matcoder', document);
  return (name) => configuration.get(name);
}

/**
 * Write settings to the scope in which they take effect: to the user's settings, or to those of the workspace or its folder
 * if they override these.
 * @param document given if the settings are for its language only
 */
export async function updateSettings(
  changes: Readonly<Partial<Record<SettingName, unknown>>>,
  document?: vscode.TextDocument,
): Promise<void> {
  const configuration = vscode.workspace.getConfiguration('matcoder', document);
  for (const [name, value] of Object.entries(changes)) {
    const set = configuration.inspect(name);
    const { WorkspaceFolder, Workspace, Global } = vscode.ConfigurationTarget;
    // A value for one language overrides a value for all.
    const scopes: readonly (readonly [unknown, vscode.ConfigurationTarget])[] = [
      ...(document
        ? ([
            [set?.workspaceFolderLanguageValue, WorkspaceFolder],
            [set?.workspaceLanguageValue, Workspace],
            [set?.globalLanguageValue, Global],
            [set?.workspaceFolderValue, WorkspaceFolder],
          ] as const)
        : []),
      [set?.workspaceValue, Workspace],
    ];
    const target = scopes.find(([present]) => present !== undefined)?.[1] ?? Global;
    await configuration.update(name, value, target, document !== undefined);
  }
}
