import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import * as vscode from 'vscode';
import { type Eagerness, isEagerness } from './completion/decode/confidence';
import { Pipeline } from './completion/pipeline';
import { EditorFiles } from './completion/editor/files';
import { EditorSnippets } from './completion/editor/snippets';
import { CompletionProvider } from './completion/editor/provider';
import { Grammars } from './completion/syntax/grammars';
import { SyntaxByGrammar } from './completion/syntax/shape';
import { EngineClient, type EngineState } from './engine/client';
import { BackgroundProbe } from './engine/backgroundProbe';
import { isOnCard } from './engine/engine';
import { describeBackend, describePutAside, describeReport } from './engine/describe';
import { hardwareFile, type HardwareReport, machineOf, readReport, whyNoCard, writeReport } from './engine/hardware';
import { detectHardware, type ProbeOptions } from './engine/probe';
import { CostModel } from './governor/costs';
import { History } from './governor/history';
import { type Machine, UNKNOWN_MACHINE } from './governor/machine';
import { decide, type Snapshot } from './governor/decide';
import { type CodePlace, codePlaceAt, cursorContextAt } from './governor/place';
import { TypingRhythm } from './governor/typing';
import { type Checkpoint, openCheckpoint, SHIPPED } from './matlm/checkpoint';
import { Activity, TYPICAL } from './ui/activity';
import { DASHBOARD_VIEW, Dashboard } from './ui/dashboard/panel';
import { KeptStatistics } from './ui/keptStatistics';
import { pickSize } from './ui/picker';
import { Quiet } from './ui/quiet';
import { governorSettings, updateSettings } from './ui/settings';
import { StatusBar } from './ui/statusBar';

const ACCEPTED_COMMAND = 'matcoder.suggestionAccepted';

/** Build the parts, hand each what it needs, dispose them together. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('MatCoder', { log: true });
  const rhythm = new TypingRhythm();
  const history = new History();
  const now = () => performance.now();
  const quiet = new Quiet(now());
  const grammars = new Grammars(context.asAbsolutePath(join('dist', 'grammars')));
  const syntax = new SyntaxByGrammar(grammars);
  const settings = () => governorSettings(checkpoint?.config);
  let client: EngineClient | undefined;
  let checkpoint: Checkpoint | undefined;
  let costs: CostModel | undefined;
  let pipeline: Pipeline | undefined;
  let backgroundProbe: BackgroundProbe | undefined;
  let hardware: HardwareReport | undefined;
  let failure = 'the engine has not started yet.';
  /** How often the engine was asked to start: what an earlier one still waits for is out of date. */
  let starts = 0;

  const statistics = new KeptStatistics(context.globalState, (text) => {
    log.warn(text);
  });
  const activity = new Activity({
    statistics: statistics.counts,
    now,
    settings,
    engine: () => (client ? client.state : { kind: 'failed', reason: failure }),
    hardware: () => hardware,
    config: () => checkpoint?.config,
    costs: () => costs,
    machine: () => client?.machine,
    preview: (governed) => {
      if (!costs) return undefined;
      const place = 'word start';
      const snapshot: Snapshot = {
        explicit: false,
        gapMs: rhythm.gapMs(now()),
        pauseChance: rhythm.pauseChance(place),
        ...cursorContextAt(place),
        block: false,
        newPromptTokens: TYPICAL.promptTokens,
        machine: machineNow(),
        nowMs: now(),
        previous: {},
      };
      return decide(snapshot, costs, history, governed);
    },
    onChange: () => {
      statusBar.changed();
      dashboard.changed();
    },
  });
  const statusBar = new StatusBar(activity);
  const dashboard = new Dashboard({
    extensionUri: context.extensionUri,
    state: () => activity.dashboard(),
    run: (command) => void vscode.commands.executeCommand(`matcoder.${command}`),
  });

  /** What the sensors say, and whether the engine is in the way of others on the card. */
  function machineNow(): Machine {
    const runsOnGpu = client?.state.kind === 'ready' && isOnCard(client.state.info.backend);
    return { ...(client?.machine ?? UNKNOWN_MACHINE), runsOnGpu };
  }

  async function startEngine(): Promise<void> {
    const mine = ++starts;
    client?.stop();
    backgroundProbe?.stop();
    client = undefined;
    checkpoint = undefined;
    costs = undefined;
    pipeline = undefined;
    activity.forget();
    const configuration = vscode.workspace.getConfiguration('matcoder');
    const modelFolder = configuration.get<string>('modelPath', '').trim() || context.asAbsolutePath(SHIPPED);
    let opened: Checkpoint;
    try {
      opened = await openCheckpoint(modelFolder);
    } catch (error) {
      if (mine !== starts) return;
      failure = (error as Error).message;
      showState({ kind: 'failed', reason: failure });
      return;
    }
    if (mine !== starts) return; // it was asked for once more meanwhile, maybe with another model
    checkpoint = opened;
    const inspectPort = process.env.MATCODER_ENGINE_INSPECT;
    const engine = new EngineClient({
      hostFile: context.asAbsolutePath(join('dist', 'engine.js')),
      root: context.extensionPath,
      modelFolder,
      threads: configuration.get<number>('threads', 0),
      execArgv: inspectPort ? [`--inspect=${inspectPort}`] : [],
      onState: (state) => {
        if (engine === client) showState(state);
      },
    });
    client = engine;
    engine.start();
    probeWhenQuiet(engine, opened);
  }

  function probeOf({ folder, weightsFile }: Checkpoint): ProbeOptions {
    const root = context.extensionPath;
    return {
      hostFile: context.asAbsolutePath(join('dist', 'engine.js')),
      root,
      modelFolder: folder,
      threads: vscode.workspace.getConfiguration('matcoder').get<number>('threads', 0),
      machine: machineOf(root, weightsFile),
      noCard: whyNoCard(),
    };
  }

  function logReport(report: HardwareReport): void {
    for (const line of describeReport(report)) log.info(line);
  }

  /** Once for a machine and a checkpoint; the engine takes what was found while it runs. */
  function probeWhenQuiet(engine: EngineClient, opened: Checkpoint): void {
    const [probe, file] = [probeOf(opened), hardwareFile()];
    hardware = readReport(file, probe.machine);
    backgroundProbe = new BackgroundProbe({
      probe,
      file,
      isQuiet: () => engine.state.kind === 'ready' && quiet.isQuiet(now(), engine.machine ?? UNKNOWN_MACHINE),
      onReport: (report) => {
        hardware = report;
        logReport(report);
        statusBar.changed();
        engine.adopt(report);
      },
      onFault: (reason) => {
        log.warn(reason);
      },
    });
    backgroundProbe.start();
  }

  function showState(state: EngineState): void {
    statusBar.engineState(state);
    dashboard.changed();
    switch (state.kind) {
      case 'ready': {
        const { pid, costs: measured } = state.info;
        log.info(`engine ready: pid ${pid}, ${describeBackend(state.info)}`);
        for (const reason of describePutAside(state.info)) log.warn(reason);
        if (!client || !checkpoint) break;
        if (pipeline && costs) {
          costs.measureAnew(measured); // another backend has taken over: what is shown stays
          pipeline.backendChanged();
          break;
        }
        costs = new CostModel(checkpoint.config, measured);
        pipeline = new Pipeline({
          engine: client,
          checkpoint,
          costs,
          rhythm,
          history,
          syntax,
          settings,
          eagerness,
          machine: machineNow,
          now,
          wait,
          onDecoded: (work, purpose) => {
            activity.decoded(work, purpose);
          },
        });
        break;
      }
      case 'restarting':
        log.warn(`engine restarts in ${state.delayMs} ms: ${state.reason}`);
        pipeline = undefined;
        break;
      case 'failed':
        log.error(`engine stopped: ${state.reason}`);
        failure = state.reason;
        pipeline = undefined;
        break;
      case 'starting':
      case 'stopped':
        log.info(`engine ${state.kind}`);
        pipeline = undefined;
    }
  }

  /** Try what could run the model, and start the engine anew with the quickest. */
  async function detect(): Promise<void> {
    if (!checkpoint) return recover();
    backgroundProbe?.stop();
    const options = probeOf(checkpoint);
    const progress = { location: vscode.ProgressLocation.Notification, title: 'MatCoder: trying processor and GPU' };
    const report = await vscode.window.withProgress(progress, () => detectHardware(options));
    logReport(report);
    writeReport(hardwareFile(), report);
    await startEngine();
  }

  /** What to do about an engine that will not start. */
  async function recover(): Promise<void> {
    const [restart, settings, showLog] = ['Restart Engine', 'Open Settings', 'Show Log'];
    const choice = await vscode.window.showErrorMessage(`MatCoder: ${failure}`, restart, settings, showLog);
    if (choice === restart) await startEngine();
    if (choice === settings)
      await vscode.commands.executeCommand('workbench.action.openSettings', 'matcoder.modelPath');
    if (choice === showLog) log.show();
  }

  async function choose(): Promise<void> {
    if (!checkpoint) return recover();
    const changes = await pickSize({
      config: checkpoint.config,
      settings: settings(),
      auto: activity.present({ ...settings(), submodel: 'auto' }),
      predictMs: (submodel) => activity.predictMs(submodel),
    });
    if (changes) await updateSettings(changes);
  }

  async function resetStatistics(): Promise<void> {
    const reset = 'Reset';
    const question = 'Forget how many suggestions MatCoder has shown, what they saved and how fast they came?';
    if ((await vscode.window.showWarningMessage(question, { modal: true }, reset)) !== reset) return;
    await statistics.counts.reset();
    activity.forget();
    statusBar.changed();
    dashboard.changed();
  }

  async function toggleLanguage(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (!document) return;
    const { languageId } = document;
    const enabled = !vscode.workspace.getConfiguration('matcoder', document).get<boolean>('enabled', true);
    await updateSettings({ enabled }, document);
    vscode.window.setStatusBarMessage(`MatCoder is ${enabled ? 'on' : 'off'} for ${languageId}`, 3000);
  }

  const files = new EditorFiles((message) => {
    log.warn(message);
  });
  const snippets = new EditorSnippets(files);
  const provider = new CompletionProvider({
    pipeline: () => pipeline,
    files,
    snippets,
    log,
    onRequest: (answer) => {
      statusBar.busyWhile(answer);
      quiet.busyWhile(answer);
    },
    onOutcome: (outcome) => {
      activity.outcome(outcome);
    },
    onOffer: (offer) => {
      activity.offered(offer);
    },
    acceptedCommand: ACCEPTED_COMMAND,
  });

  context.subscriptions.push(
    log,
    files,
    snippets,
    statistics,
    statusBar,
    grammars,
    dashboard,
    { dispose: () => client?.stop() },
    { dispose: () => backgroundProbe?.stop() },
    vscode.languages.registerInlineCompletionItemProvider({ pattern: '**' }, provider),
    vscode.commands.registerCommand('matcoder.pickSubmodel', choose),
    vscode.commands.registerCommand('matcoder.toggleLanguage', toggleLanguage),
    vscode.commands.registerCommand('matcoder.showDashboard', () => {
      dashboard.show();
    }),
    vscode.window.registerWebviewPanelSerializer(DASHBOARD_VIEW, dashboard),
    vscode.commands.registerCommand('matcoder.resetStatistics', resetStatistics),
    vscode.commands.registerCommand('matcoder.showLog', () => {
      log.show();
    }),
    vscode.commands.registerCommand('matcoder.restartEngine', startEngine),
    vscode.commands.registerCommand('matcoder.detectHardware', detect),
    vscode.commands.registerCommand('matcoder.recover', recover),
    vscode.commands.registerCommand(ACCEPTED_COMMAND, (request: number, alternative?: string) => {
      log.info(`request ${request}: accepted`);
      activity.suggestions.accepted(request, alternative, now());
    }),
    vscode.workspace.onDidChangeTextDocument((event) => {
      for (const { text, rangeLength } of event.contentChanges) {
        pipeline?.edited(event.document.uri.toString(), text.replaceAll('\r\n', '\n'), rangeLength);
      }
      if (event.contentChanges.length > 0 && event.document === vscode.window.activeTextEditor?.document) {
        rhythm.key(now(), placeAfter(event));
        quiet.key(now());
      }
      const document = event.document.uri.toString();
      for (const { rangeOffset, text } of event.contentChanges) {
        activity.suggestions.edited(document, rangeOffset, text, now());
      }
    }),
    vscode.window.onDidChangeTextEditorSelection(({ textEditor: { document, selection } }) => {
      activity.suggestions.moved(document.uri.toString(), document.offsetAt(selection.active), now());
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('matcoder.modelPath') || event.affectsConfiguration('matcoder.threads')) {
        void startEngine();
      } else if (event.affectsConfiguration('matcoder')) {
        statusBar.changed();
        dashboard.changed();
      }
    }),
  );
  void startEngine();
}

async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  await setTimeout(delayMs, undefined, { signal }).catch(() => undefined);
}

/** How likely a suggestion has to be right. */
function eagerness(): Eagerness {
  const value = vscode.workspace.getConfiguration('matcoder').get<string>('eagerness');
  return isEagerness(value) ? value : 'balanced';
}

/** Where in the code a change left the cursor, as far as it shows. */
function placeAfter({ document, contentChanges }: vscode.TextDocumentChangeEvent): CodePlace | undefined {
  const [change, ...more] = contentChanges;
  if (!change || more.length > 0) return undefined;
  const end = document.positionAt(change.rangeOffset + change.text.length);
  const start = new vscode.Position(Math.max(0, end.line - 1), 0);
  return codePlaceAt(document.getText(new vscode.Range(start, end)).replaceAll('\r\n', '\n'));
}
