import * as vscode from 'vscode';
import type { GovernorSettings } from '../governor/settings';
import type { CheckpointConfig } from '../matlm/config';

export const MAX_BUDGET_MS = 10_000;

/** What the user decided about sizes. A submodel that the checkpoint does not have counts as not decided. */
export function governorSettings(config: CheckpointConfig | undefined): GovernorSettings {
  const configuration = vscode.workspace.getConfiguration('matcoder');
  const known = (name: string) =>
    config !== undefined && (name in config.granularities || config.frontier.some((row) => row.name === name));
  const submodel = configuration.get<string>('submodel', 'auto');
  const batteryCap = configuration.get<string>('batteryCap', '');
  const budgetMs = configuration.get<number>('latencyBudget', 0);
  return {
    submodel: known(submodel) ? submodel : 'auto',
    batteryCap: known(batteryCap) ? batteryCap : undefined,
    manualOnly: configuration.get<boolean>('manualOnly', false),
    latencyBudgetMs: budgetMs > 0 ? Math.min(budgetMs, MAX_BUDGET_MS) : undefined,
  };
}

/**
 * Write what is given where it takes effect: into the user's settings, or into those of the workspace or its folder where
 * they decide.
 * @param document for its language alone, whose settings are a part of their own
 */
export async function updateSettings(
  changes: Readonly<Record<string, unknown>>,
  document?: vscode.TextDocument,
): Promise<void> {
  const configuration = vscode.workspace.getConfiguration('matcoder', document);
  for (const [name, value] of Object.entries(changes)) {
    const set = configuration.inspect(name);
    const { WorkspaceFolder, Workspace, Global } = vscode.ConfigurationTarget;
    // What is said of a language alone decides over what is said of all.
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
    const target = scopes.find(([said]) => said !== undefined)?.[1] ?? Global;
    await configuration.update(name, value, target, document !== undefined);
  }
}
