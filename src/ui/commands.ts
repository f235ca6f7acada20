import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import type { EngineState } from '../engine/client';
import { describeHardware } from '../engine/describe';
import { querySize } from '../governor/querySize';
import { localised } from '../localisation/phrase';
import { SYSTEM_CLOCK } from '../machine/clock';
import { messageOf } from '../matlm/errors';
import type { PictureReader } from '../pictures/reader';
import type { SearchClient } from '../search/searchClient';
import type { Session } from '../session/session';
import type { Statistics } from '../statistics/statistics';
import type { Activity } from './activity';
import { chooseSide, sideOf } from './chooseSide';
import { ACCEPTED_COMMAND, type CommandId } from './commandIds';
import type { Dashboard } from './dashboard/panel';
import type { ModelAction } from './dashboard/state';
import { type DiagnosticsFacts, diagnosticsReport } from './diagnostics/report';
import { type EditorSettings, updateSettings } from './editorSettings';
import type { RemedyAction } from './explainSilence';
import type { HereTracker } from './hereTracker';
import { trySample } from './firstMinute/trySample';
import { findSizesOf, findSizesOfOne, importModel, type ImportParts, measureModel } from './models/importModel';
import { deleteModel, renameModel } from './models/manage';
import type { KeptScores } from './keptScores';
import { pickSize } from './picker';
import { findPicture } from './pictures/findPicture';
import type { EditorSearch } from './search/editorSearch';
import { canSearch } from './search/ready';
import { searchCode } from './search/searchCode';
import { showExplanation } from './whyNoSuggestion';

export interface CommandParts {
  readonly extension: vscode.Extension<unknown>;
  readonly session: Session;
  readonly activity: Activity;
  readonly statistics: Statistics;
  readonly scores: KeptScores;
  readonly settings: EditorSettings;
  readonly here: HereTracker;
  readonly dashboard: Dashboard;
  readonly models: ImportParts;
  readonly search: EditorSearch;
  readonly searchClient: SearchClient;
  readonly pictureReader: PictureReader;
  readonly log: vscode.LogOutputChannel;
  /** Writes the command that other editors start, and returns its path. */
  readonly writeLauncher: () => Promise<string>;
  readonly diagnostics: () => DiagnosticsFacts;
  /** Something visible has changed. */
  readonly onDidChange: vscode.Event<void>;
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
    'matcoder.trySample': () => tryIt(parts),
    'matcoder.pickSubmodel': () => chooseSize(parts),
    'matcoder.searchCode': () => findCode(parts),
    'matcoder.findPicture': (from?: unknown) => findIcon(parts, from instanceof vscode.Uri ? from : undefined),
    'matcoder.whyNoSuggestion': () => explain(parts),
    'matcoder.toggleLanguage': () => toggleLanguage(parts),
    'matcoder.showLog': () => {
      log.show();
    },
    'matcoder.copyDiagnostics': () => copyDiagnostics(parts),
    'matcoder.showDashboard': () => {
      dashboard.show();
    },
    'matcoder.resetStatistics': () => resetStatistics(parts),
    'matcoder.restartEngine': () => session.restart(),
    'matcoder.detectHardware': () => detectHardware(parts),
    'matcoder.chooseSide': () => chooseSide(parts.extension),
    'matcoder.importModel': (from?: unknown) =>
      importModel(parts.models, from instanceof vscode.Uri ? from : undefined),
    'matcoder.findSizes': () => findSizesOfOne(parts.models),
    'matcoder.otherEditors': () => copyLauncher(parts),
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
  if (!config || session.state.kind === 'failed') return recover(parts);
  const { models } = parts;
  await models.shelf.refresh();
  const { chosen } = models.shelf;
  const governor = settings.governor(config, models.shelf.inUse);
  const wanted = settings.all.submodel;
  const isKnown = wanted === 'auto' || governor.submodel !== 'auto';
  const changes = await pickSize({
    config,
    settings: governor,
    unknownSubmodel: isKnown ? undefined : wanted,
    auto: activity.present({ ...governor, submodel: 'auto' }),
    predictMs: (submodel) => session.predictMs(submodel),
    openMachineSettings: (query) => openMachineSettings(parts, query),
    pace: activity.pace(parts.here.current),
    models: {
      all: models.shelf.models,
      chosen,
      rename: (model) => renameModel(models, model),
      remove: (model) => deleteModel(models, model),
      importModel: () => importModel(models),
    },
  });
  if (changes) await updateSettings(changes);
}

async function findCode(parts: CommandParts): Promise<void> {
  const { search, searchClient, settings, log } = parts;
  if (!(await canSearch(() => settings.all.searchIndex))) return;
  const showLog = () => {
    log.show();
  };
  search.want();
  const buildNow = () => {
    searchClient.indexNow();
  };
  await searchCode({
    search: searchClient,
    buildNow,
    sizeFor: sizeForQueries(parts, 'code'),
    clock: SYSTEM_CLOCK,
    showLog,
  });
}

async function findIcon(parts: CommandParts, from: vscode.Uri | undefined): Promise<void> {
  const { search, searchClient, pictureReader, settings, extension } = parts;
  if (!(await canSearch(() => settings.all.searchIndex))) return;
  const { extensionUri } = extension;
  const sizeFor = sizeForQueries(parts, 'pictures');
  search.want();
  const buildNow = () => {
    searchClient.indexNow();
  };
  await findPicture(
    { search: searchClient, buildNow, reader: pictureReader, extensionUri, sizeFor, clock: SYSTEM_CLOCK },
    from,
  );
}

/** The size that the governor chooses for a query of words. */
function sizeForQueries({ searchClient, session, settings }: CommandParts, kind: 'code' | 'pictures') {
  const chosen = settings.governor(undefined, undefined); // an encoder has other submodels than the model
  return (isPausing: boolean) => querySize(searchClient.costs(kind), isPausing, session.machine, chosen);
}

/** What a button of an imported model on the dashboard does. */
export async function onModel(models: ImportParts, action: ModelAction, id: string): Promise<void> {
  await models.shelf.refresh();
  const model = models.shelf.find(id);
  if (!model) return; // another window has deleted it
  switch (action) {
    case 'use':
      return updateSettings({ importedModel: id });
    case 'stop':
      return updateSettings({ importedModel: '' });
    case 'measure':
      return measureModel(models, id);
    case 'findSizes':
      return findSizesOf(models, model);
    case 'openPage':
      if (model.page !== undefined) await vscode.env.openExternal(vscode.Uri.parse(model.page, true));
      return;
    case 'rename':
      return renameModel(models, model);
    case 'delete':
      return deleteModel(models, model);
  }
}

/** Show a suggestion on a sample, or the reason why there is none. */
async function tryIt(parts: CommandParts): Promise<void> {
  const { session, activity, onDidChange } = parts;
  const hasWorked = await trySample({
    engine: () => session.state,
    lastIn: (document) => activity.lastIn(document),
    onDidChange,
  });
  if (!hasWorked) await explain(parts);
}

async function copyDiagnostics({ diagnostics }: CommandParts): Promise<void> {
  await vscode.env.clipboard.writeText(diagnosticsReport(diagnostics()));
  void vscode.window.showInformationMessage(
    t('MatCoder: the diagnostics are on the clipboard. They hold no text of files, no paths and no names.'),
  );
}

/** Puts a command on the clipboard that other editors start, and that stays the same when the extension is updated. */
async function copyLauncher({ writeLauncher, log }: CommandParts): Promise<void> {
  let file: string;
  try {
    file = await writeLauncher();
  } catch (error) {
    log.error(`the command for other editors could not be written: ${messageOf(error)}`);
    void vscode.window.showErrorMessage(
      t('MatCoder: the command for other editors could not be written. {0}', messageOf(error)),
    );
    return;
  }
  await vscode.env.clipboard.writeText(file);
  void vscode.window.showInformationMessage(
    t(
      'MatCoder: the command for other editors is on the clipboard: {0}. They start it with lsp, and you start it with serve.',
      file,
    ),
  );
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
  restartEngine: ({ session }) => session.restart(),
  openModelSetting: (parts) => openMachineSettings(parts, 'matcoder.modelPath'),
  openInlineSuggestSetting: () =>
    vscode.commands.executeCommand('workbench.action.openSettings', 'editor.inlineSuggest.enabled'),
  copyDiagnostics,
  openExtension,
  trySample: tryIt,
  showLog: ({ log }) => {
    log.show();
  },
};

async function toggleLanguage({ settings }: Pick<CommandParts, 'settings'>): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (!document) return;
  const enabled = !settings.isEnabledIn(document);
  await updateSettings({ enabled }, document);
  const { languageId } = document;
  vscode.window.setStatusBarMessage(
    enabled ? t('MatCoder is on for {0}', languageId) : t('MatCoder is off for {0}', languageId),
    3000,
  );
}

async function resetStatistics({ statistics, scores, activity, onChange }: CommandParts): Promise<void> {
  const reset = t('Reset');
  const question = t('Delete the counts of suggestions, saved keystrokes and latencies?');
  if ((await vscode.window.showWarningMessage(question, { modal: true }, reset)) !== reset) return;
  await statistics.reset();
  await scores.reset();
  activity.forgetCompletions();
  onChange();
}

/** Probe the processor and the GPU, and restart the engine with the fastest backend. */
async function detectHardware(parts: CommandParts): Promise<void> {
  if (!parts.session.config) return recover(parts);
  const progress = { location: vscode.ProgressLocation.Notification, title: t('MatCoder: probing processor and GPU') };
  await vscode.window.withProgress(progress, () => parts.session.detectHardware());
  const result = localised(describeHardware(parts.session.hardware));
  void vscode.window.showInformationMessage(t('MatCoder: the hardware was probed; {0}.', result));
}

/** Offer remedies for an engine that does not run. */
async function recover(parts: CommandParts): Promise<void> {
  const { session, log } = parts;
  const { state } = session;
  const [restart, showLog] = [t('Restart Engine'), t('Show Log')];
  const [openModelSetting, showExtension] = [t('Open Settings'), t('Open the Extension')];
  const choice =
    state.kind === 'failed'
      ? await vscode.window.showErrorMessage(
          t('MatCoder: the engine has stopped. {0}', state.reason),
          restart,
          state.lacksEngine ? showExtension : openModelSetting,
          showLog,
        )
      : await vscode.window.showInformationMessage(notFailed(state.kind), restart, showLog);
  if (choice === restart) await session.restart();
  if (choice === openModelSetting) await openMachineSettings(parts, 'matcoder.modelPath');
  if (choice === showExtension) await openExtension(parts);
  if (choice === showLog) log.show();
}

function notFailed(state: Exclude<EngineState['kind'], 'failed'>): string {
  switch (state) {
    case 'ready':
      return t('MatCoder: the engine is ready.');
    case 'starting':
      return t('MatCoder: the engine is starting.');
    case 'restarting':
      return t('MatCoder: the engine is restarting.');
    case 'stopped':
      return t('MatCoder: the engine is stopped.');
  }
}

function openExtension({ extension }: Pick<CommandParts, 'extension'>): Thenable<unknown> {
  return vscode.commands.executeCommand('extension.open', extension.id);
}

/** Settings of the machine are on the tab of the machine on which the extension runs. */
function openMachineSettings({ extension }: Pick<CommandParts, 'extension'>, query: string): Thenable<unknown> {
  const { remote, isRemote } = sideOf(extension);
  const command =
    remote !== undefined && isRemote ? 'workbench.action.openRemoteSettings' : 'workbench.action.openSettings';
  return vscode.commands.executeCommand(command, { query });
}
