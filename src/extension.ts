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
import { useLanguage } from './localisation/language';
import { english } from './localisation/phrase';
import { SYSTEM_CLOCK } from './machine/clock';
import { messageOf } from './matlm/errors';
import { readMemory } from './machine/memory';
import { openCheckpoint, SHIPPED } from './matlm/checkpoint';
import { ModelLibrary } from './models/library';
import { runTask } from './models/taskProcess';
import { PictureReader, readerFiles } from './pictures/reader';
import { SearchClient } from './search/searchClient';
import { indexFolder } from './search/storage';
import { refreshLauncher, writeLauncher } from './serve/launcher';
import { systemClock } from './session/clock';
import { hardwareProbes } from './session/hardwareProbes';
import { Session, TYPICAL } from './session/session';
import { allSizes } from './statistics/counts';
import { Activity } from './ui/activity';
import { ACCEPTED_COMMAND } from './ui/commandIds';
import { sideOf } from './ui/chooseSide';
import { onModel, registerCommands } from './ui/commands';
import { DASHBOARD_VIEW, Dashboard } from './ui/dashboard/panel';
import { gatherDiagnostics } from './ui/diagnostics/gather';
import { RestartCounts } from './ui/diagnostics/restartCounts';
import { followEditing } from './ui/editorEvents';
import { EditorSettings } from './ui/editorSettings';
import { openWalkthroughOnce } from './ui/firstMinute/openWalkthrough';
import { HereTracker } from './ui/hereTracker';
import { KeptScores } from './ui/keptScores';
import { KeptStatistics } from './ui/keptStatistics';
import type { ImportParts } from './ui/models/importModel';
import { choiceOf, ModelShelf } from './ui/models/shelf';
import { expectedMs, speedOf } from './ui/models/speed';
import { userTexts } from './ui/models/userTexts';
import { EditorSearch } from './ui/search/editorSearch';
import { describeSide } from './ui/side';
import { StatusBar } from './ui/statusBar';

/** Build the parts, connect them to the editor, and dispose them together. */
export function activate(context: vscode.ExtensionContext): void {
  useLanguage(vscode.env.language, vscode.l10n.bundle);
  const startedMs = SYSTEM_CLOCK.now();
  const root = context.extensionPath;
  const hostFile = join(root, 'dist', 'engine.js');
  const inspectPort = process.env.MATCODER_ENGINE_INSPECT;

  const log = vscode.window.createOutputChannel('MatCoder', { log: true });
  const warn = (text: string) => {
    log.warn(text);
  };
  const settings = new EditorSettings(warn);
  const statistics = new KeptStatistics(context.globalState, warn);
  const scores = new KeptScores(context.globalState, warn);
  const walkthrough = openWalkthroughOnce({
    storage: context.globalState,
    hasAccepted: allSizes(statistics.counts.total()).accepted > 0,
    warn,
  });
  const files = new EditorFiles(warn);
  const watcher = vscode.workspace.createFileSystemWatcher('**/*');
  const snippets = new EditorSnippets({ files, watcher, isOn: () => settings.all.relatedFiles, warn });
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const here = new HereTracker(files, settings);
  const restarts = new RestartCounts();
  const changed = new vscode.EventEmitter<void>();
  const storage = context.globalStorageUri.fsPath;
  const launched = { program: process.execPath, cli: join(root, 'dist', 'cli.js') };
  refreshLauncher(storage, launched).catch((error: unknown) => {
    warn(`the command for other editors could not be updated: ${messageOf(error)}`);
  });
  const library = new ModelLibrary(join(storage, 'models'));
  const shelf = new ModelShelf({
    library,
    chosenId: () => settings.all.importedModel,
    onChange: () => {
      void session.startImported(); // it may have another name, other figures or other sizes
      onChange();
    },
  });

  const memory = new EditorMemory({
    files,
    watcher,
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
  const searchClient = new SearchClient({
    hostFile: join(root, 'dist', 'search.js'),
    root,
    storage: indexFolder(),
    say: (line) => {
      log.info(`search: ${line}`);
    },
  });
  const pictureReader = new PictureReader(readerFiles(join(root, 'dist')));
  const session: Session = new Session({
    settings: {
      engine: () => ({
        modelFolder: settings.all.modelPath || join(root, SHIPPED),
        threads: settings.all.threads,
      }),
      governor: (config) => settings.governor(config, shelf.inUse),
      eagerness: () => settings.all.eagerness,
      imported: async () => {
        await shelf.refresh();
        const { chosen, fault } = shelf;
        if (fault) log.warn(`the imported model is not used: ${english(fault)}`);
        return chosen && choiceOf(chosen, settings.all.modelPath === '');
      },
    },
    openCheckpoint,
    createEngine: (options) =>
      new EngineClient({
        ...options,
        onState: (state) => {
          restarts.saw(state);
          options.onState(state);
        },
        hostFile,
        root,
        // A debugger wants a process that is this window's alone.
        ...(inspectPort
          ? { execArgv: [`--inspect=${inspectPort}`] }
          : {
              shared: {
                onUnshared: (reason) => {
                  log.warn(`the engine is not shared with other windows: ${reason}`);
                },
              },
            }),
        isFocused: () => vscode.window.state.focused,
      }),
    probes: hardwareProbes(root, hostFile),
    syntax: new SyntaxByGrammar(grammars),
    clock: systemClock,
    log,
    memory: readMemory,
    withoutOwnWork: (state) => searchClient.withoutSearch(state),
    scoreOf: (checkpoint) => scores.of(checkpoint),
    onChange,
    onStart: () => {
      activity.forget();
    },
    onMemory: (engineMemory) => {
      memory.attach(engineMemory);
    },
    onMemoryLacks: () => {
      memory.again();
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
    governorSettings: () => settings.governor(session.config, shelf.inUse),
    session,
    memory: () => memory.summary,
    search: () => searchClient.progress,
    models: () => shelf.summary,
    side: describeSide(sideOf(context.extension)),
    onChange,
  });
  const statusBar = new StatusBar(activity, () => here.current);
  const search = new EditorSearch({
    client: searchClient,
    files,
    watcher,
    setting: () => settings.all.searchIndex,
    machine: () => session.machine,
    onChange: () => {
      statusBar.changed();
    },
  });
  const dashboard = new Dashboard({
    extensionUri: context.extensionUri,
    state: () => activity.dashboard(),
    run: (command) => vscode.commands.executeCommand(`matcoder.${command}`),
    onModel: (action, id) => onModel(models, action, id),
  });
  const models: ImportParts = {
    library,
    shelf,
    scores,
    root,
    shippedFolder: join(root, SHIPPED),
    typical: TYPICAL,
    threads: () => settings.all.threads,
    expectedMs: (choice, parameters) => {
      const { config, state } = session;
      const speed = config && state.kind === 'ready' ? speedOf(config, state.info.costs) : undefined;
      return speed && expectedMs(choice, parameters, speed, TYPICAL);
    },
    userTexts: (signal) => userTexts(files, signal),
    onSizes: (id, fault) => {
      shelf.noteSizes(id, fault);
    },
    run: (task, options) => runTask(task, { ...options, hostFile: join(root, 'dist', 'import.js') }),
    log,
    show: () => {
      dashboard.showModels();
    },
  };
  const provider = new CompletionProvider({
    pipeline: () => session.pipeline,
    files,
    snippets,
    memory,
    isEnabledIn: (document) => settings.isEnabledIn(document),
    log,
    onRequest: (answer, isByHand) => {
      statusBar.busyWhile(answer);
      session.busyWhile(answer, isByHand);
      search.completingWhile(answer);
    },
    onOutcome: (outcome, { uri }) => {
      activity.outcome(outcome, { document: uri.toString(), fileName: uri.path.split('/').at(-1) ?? '' });
    },
    onOffer: (ghostText) => {
      activity.offered(ghostText);
    },
    acceptedCommand: ACCEPTED_COMMAND,
  });

  const diagnostics = () =>
    gatherDiagnostics({
      extension: context.extension,
      session,
      statistics: statistics.counts,
      memory: () => memory.summary,
      search: () => searchClient.progress,
      outcomes: () => activity.outcomes.all,
      restarts: () => restarts.all,
      models: () => shelf.summary,
      modelPath: () => settings.all.modelPath,
      openForMs: () => SYSTEM_CLOCK.now() - startedMs,
    });

  function onChange(): void {
    changed.fire();
    statusBar.changed();
    dashboard.changed();
  }

  context.subscriptions.push(
    walkthrough,
    changed,
    ...[
      log,
      settings,
      files,
      watcher,
      snippets,
      memory,
      search,
      pictureReader,
      statistics,
      scores,
      activity,
      statusBar,
      grammars,
      dashboard,
      here,
      session,
    ],
    vscode.languages.registerInlineCompletionItemProvider({ pattern: '**' }, provider),
    vscode.window.registerWebviewPanelSerializer(DASHBOARD_VIEW, dashboard),
    ...registerCommands({
      extension: context.extension,
      writeLauncher: () => writeLauncher(storage, launched),
      session,
      activity,
      statistics: statistics.counts,
      scores,
      settings,
      here,
      dashboard,
      models,
      search,
      searchClient,
      pictureReader,
      log,
      diagnostics,
      onDidChange: changed.event,
      onChange,
    }),
    ...followEditing(session, activity.suggestions),
    here.onDidChange(onChange),
    settings.onDidChange((event) => {
      const restarts = ['matcoder.modelPath', 'matcoder.threads'].some((name) => event.affectsConfiguration(name));
      if (event.affectsConfiguration('matcoder.workspaceMemory')) memory.setOn(settings.all.workspaceMemory);
      if (event.affectsConfiguration('matcoder.searchIndex')) search.settingChanged();
      if (event.affectsConfiguration('matcoder.importedModel')) void session.startImported();
      if (restarts) void session.start();
      else onChange();
    }),
    vscode.window.onDidChangeWindowState(({ focused }) => {
      if (focused) void shelf.refresh(); // another window may have changed them
    }),
  );
  void session.start();
  void library.clean().then((removed) => {
    for (const name of removed) log.info(`removed what an import or a deletion has left behind: ${name}`);
  });
}
