import * as vscode from 'vscode';
import type { Session } from '../session/session';
import type { Statistics } from '../statistics/statistics';
import type { Activity } from './activity';
import { ACCEPTED_COMMAND, type CommandId } from './commandIds';
import type { Dashboard } from './dashboard/panel';
import { type EditorSettings, updateSettings } from './editorSettings';
import type { RemedyAction } from './explainSilence';
import type { HereTracker } from './hereTracker';
import { pickSize } from './picker';
import { showExplanation } from './whyNoSuggestion';

export interface CommandParts {
  readonly session: Session;
  readonly activity: Activity;
  readonly statistics: Statistics;
  readonly settings: EditorSettings;
  readonly here: HereTracker;
  readonly dashboard: Dashboard;
  readonly log: vscode.LogOutputChannel;
  /** Called after a command has changed something visible. */
  readonly onChange: () => void;
}

type Handlers = Readonly<Record<CommandId, (...args: never[]) => unknown>>;

/** Register a handler for every command. */
export function registerCommands(parts: CommandParts): vscode.Disposable[] {
  const handlers = handlersOf(parts);
  return Object.entries(handlers).map(([id, handler]) => vscode.commands.registerCommand(id, handler));
}

function handlersOf(parts: CommandParts): Handlers {
  const { session, activity, dashboard, log } = parts;
  return {
    'matcoder.pickSubmodel': () => chooseSize(parts),
    'matcoder.whyNoSuggestion': () => explain(parts),
    'matcoder.toggleLanguage': () => toggleLanguage(parts),
    'matcoder.showLog': () => {
      log.show();
    },
    'matcoder.showDashboard': () => {
      dashboard.show();
    },
    'matcoder.resetStatistics': () => resetStatistics(parts),
    'matcoder.restartEngine': () => session.start(),
    'matcoder.detectHardware': () => detectHardware(parts),
    'matcoder.recover': () => recover(parts),
    [ACCEPTED_COMMAND]: (request: number, alternative?: string) => {
      log.info(`request ${request}: accepted`);
      activity.suggestions.accepted(request, alternative, performance.now());
    },
  };
}

async function chooseSize(parts: CommandParts): Promise<void> {
  const { session, activity, settings } = parts;
  const { config } = session;
  if (!config) return recover(parts);
  const governor = settings.governor(config);
  const changes = await pickSize({
    config,
    settings: governor,
    unknownSubmodel: settings.all.submodel === governor.submodel ? undefined : settings.all.submodel,
    auto: activity.present({ ...governor, submodel: 'auto' }),
    predictMs: (submodel) => session.predictMs(submodel),
  });
  if (changes) await updateSettings(changes);
}

async function explain(parts: CommandParts): Promise<void> {
  const action = await showExplanation(parts.activity.explain(parts.here.current));
  if (action) await REMEDIES[action](parts);
}

const REMEDIES: Readonly<Record<RemedyAction, (parts: CommandParts) => unknown>> = {
  trigger: () => vscode.commands.executeCommand('editor.action.inlineSuggest.trigger'),
  enableLanguage: toggleLanguage,
  suggestWhileTyping: () => updateSettings({ manualOnly: false }),
  beEager: () => updateSettings({ eagerness: 'eager' }),
  chooseSize,
  restartEngine: ({ session }) => session.start(),
  openModelSetting: () => openSettings('matcoder.modelPath'),
  openInlineSuggestSetting: () => openSettings('editor.inlineSuggest.enabled'),
  showLog: ({ log }) => {
    log.show();
  },
};

async function toggleLanguage({ settings }: Pick<CommandParts, 'settings'>): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (!document) return;
  const enabled = !settings.isEnabledIn(document);
  await updateSettings({ enabled }, document);
  vscode.window.setStatusBarMessage(`MatCoder is ${enabled ? 'on' : 'off'} for ${document.languageId}`, 3000);
}

async function resetStatistics({ statistics, activity, onChange }: CommandParts): Promise<void> {
  const reset = 'Reset';
  const question = 'Delete the counts of suggestions, saved keystrokes and latencies?';
  if ((await vscode.window.showWarningMessage(question, { modal: true }, reset)) !== reset) return;
  await statistics.reset();
  activity.forgetCompletions();
  onChange();
}

/** Probe the processor and the GPU, and restart the engine with the fastest backend. */
async function detectHardware(parts: CommandParts): Promise<void> {
  if (!parts.session.config) return recover(parts);
  const progress = { location: vscode.ProgressLocation.Notification, title: 'MatCoder: probing processor and GPU' };
  await vscode.window.withProgress(progress, () => parts.session.detectHardware());
}

/** Offer remedies for an engine that does not run. */
async function recover(parts: CommandParts): Promise<void> {
  const { session, log } = parts;
  const { state } = session;
  const [restart, openModelSetting, showLog] = ['Restart Engine', 'Open Settings', 'Show Log'];
  const choice =
    state.kind === 'failed'
      ? await vscode.window.showErrorMessage(`MatCoder: ${state.reason}`, restart, openModelSetting, showLog)
      : await vscode.window.showInformationMessage(`MatCoder: the engine is ${state.kind}.`, restart, showLog);
  if (choice === restart) await session.start();
  if (choice === openModelSetting) await openSettings('matcoder.modelPath');
  if (choice === showLog) log.show();
}

function openSettings(query: string): Thenable<unknown> {
  return vscode.commands.executeCommand('workbench.action.openSettings', query);
}
