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
 * Write what is given where it takes effect: into the user's settings, or into those of the workspace where it decides by
 * itself.
 * @param scope a language, whose settings are a part of their own
 */
export async function updateSettings(
  changes: Readonly<Record<string, unknown>>,
  scope?: { readonly languageId: string },
): Promise<void> {
  const configuration = vscode.workspace.getConfiguration('matcoder', scope);
  for (const [name, value] of Object.entries(changes)) {
    const set = configuration.inspect(name);
    const inWorkspace = scope ? set?.workspaceLanguageValue : set?.workspaceValue;
    const target = inWorkspace === undefined ? vscode.ConfigurationTarget.Global : vscode.ConfigurationTarget.Workspace;
    await configuration.update(name, value, target, scope !== undefined);
  }
}
