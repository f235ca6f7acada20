import { join } from 'node:path';
import * as vscode from 'vscode';
import { EditorFiles } from './completion/editor/files';
import { EditorMemory } from './completion/editor/memory';
import { CompletionProvider } from './completion/editor/provider';
import { EditorSnippets } from './completion/editor/snippets';
import { Grammars } from './completion/syntax/grammars';
import { SyntaxByGrammar } from './completion/syntax/shape';
import { EngineClient } from './engine/client';
import { isStrained } from './governor/machine';
import { SYSTEM_CLOCK } from './machine/clock';
import { openCheckpoint, SHIPPED } from './matlm/checkpoint';
import { systemClock } from './session/clock';
import { hardwareProbes } from './session/hardwareProbes';
import { Session } from './session/session';
import { Activity } from './ui/activity';
import { ACCEPTED_COMMAND } from './ui/commandIds';
import { registerCommands } from './ui/commands';
import { DASHBOARD_VIEW, Dashboard } from './ui/dashboard/panel';
import { followEditing } from './ui/editorEvents';
import { EditorSettings } from './ui/editorSettings';
import { HereTracker } from './ui/hereTracker';
import { KeptStatistics } from './ui/keptStatistics';
import { StatusBar } from './ui/statusBar';

/** Build the parts, connect them to the editor, and dispose them together. */
export function activate(context: vscode.ExtensionContext): void {
  const root = context.extensionPath;
  const hostFile = join(root, 'dist', 'engine.js');
  const inspectPort = process.env.MATCODER_ENGINE_INSPECT;

  const log = vscode.window.createOutputChannel('MatCoder', { log: true });
  const warn = (text: string) => {
    log.warn(text);
  };
  const settings = new EditorSettings(warn);
  const statistics = new KeptStatistics(context.globalState, warn);
  const files = new EditorFiles(warn);
  const snippets = new EditorSnippets(files, () => settings.all.relatedFiles, warn);
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const here = new HereTracker(files, settings);

  const memory = new EditorMemory({
    files,
    isOn: settings.all.workspaceMemory,
    isStrained: () => isStrained(session.machine),
    log,
    onChange: () => {
      statusBar.changed();
    },
    onForbidden: () => {
      session.pipeline?.reset();
      void vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
    },
  });
  const session: Session = new Session({
    settings: {
      engine: () => ({ modelFolder: settings.all.modelPath || join(root, SHIPPED), threads: settings.all.threads }),
      governor: (config) => settings.governor(config),
      eagerness: () => settings.all.eagerness,
    },
    openCheckpoint,
    createEngine: (options) =>
      new EngineClient({ ...options, hostFile, root, execArgv: inspectPort ? [`--inspect=${inspectPort}`] : [] }),
    probes: hardwareProbes(root, hostFile),
    syntax: new SyntaxByGrammar(grammars),
    clock: systemClock,
    log,
    onChange,
    onStart: () => {
      activity.forget();
    },
    onMemory: (engineMemory) => {
      memory.attach(engineMemory);
    },
    onDecoded: (work, purpose) => {
      activity.decoded(work, purpose);
    },
    onRested: () => {
      provider.askAgain();
    },
  });
  const activity = new Activity({
    statistics: statistics.counts,
    clock: SYSTEM_CLOCK,
    settings: () => settings.all,
    governorSettings: () => settings.governor(session.config),
    session,
    memory: () => memory.summary,
    onChange,
  });
  const statusBar = new StatusBar(activity, () => here.current);
  const dashboard = new Dashboard({
    extensionUri: context.extensionUri,
    state: () => activity.dashboard(),
    run: (command) => void vscode.commands.executeCommand(`matcoder.${command}`),
  });
  const provider = new CompletionProvider({
    pipeline: () => session.pipeline,
    files,
    snippets,
    memory,
    isEnabledIn: (document) => settings.isEnabledIn(document),
    log,
    onRequest: (answer) => {
      statusBar.busyWhile(answer);
      session.busyWhile(answer);
    },
    onOutcome: (outcome, { uri }) => {
      activity.outcome(outcome, { document: uri.toString(), fileName: uri.path.split('/').at(-1) ?? '' });
    },
    onOffer: (ghostText) => {
      activity.offered(ghostText);
    },
    acceptedCommand: ACCEPTED_COMMAND,
  });

  function onChange(): void {
    statusBar.changed();
    dashboard.changed();
  }

  context.subscriptions.push(
    ...[log, settings, files, snippets, memory, statistics, activity, statusBar, grammars, dashboard, here, session],
    vscode.languages.registerInlineCompletionItemProvider({ pattern: '**' }, provider),
    vscode.window.registerWebviewPanelSerializer(DASHBOARD_VIEW, dashboard),
    ...registerCommands({ session, activity, statistics: statistics.counts, settings, here, dashboard, log, onChange }),
    ...followEditing(session, activity.suggestions),
    here.onDidChange(onChange),
    settings.onDidChange((event) => {
      const restarts = ['matcoder.modelPath', 'matcoder.threads'].some((name) => event.affectsConfiguration(name));
      if (event.affectsConfiguration('matcoder.workspaceMemory')) memory.setOn(settings.all.workspaceMemory);
      if (restarts) void session.start();
      else onChange();
    }),
  );
  void session.start();
}
