import { readdirSync } from 'node:fs';
import { arch, cpus, homedir, hostname, platform, release, tmpdir, totalmem, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { glibcVersion } from '../../engine/target';
import type { SearchProgress } from '../../search/search';
import type { Session } from '../../session/session';
import type { Statistics } from '../../statistics/statistics';
import type { MemorySummary } from '../../workspace/memory/summary';
import type { ShelfSummary } from '../models/shelf';
import { sizesOf } from '../sizes';
import { sideOf } from '../chooseSide';
import type { OutcomeCount } from './outcomeCounts';
import { namesOf, type Private } from './redact';
import type { DiagnosticsFacts } from './report';
import { changedSettings, type DeclaredSetting } from './settings';

export interface DiagnosticsSources {
  readonly extension: vscode.Extension<unknown>;
  readonly session: Pick<Session, 'state' | 'config' | 'hardware' | 'sensors' | 'predictMs'>;
  readonly statistics: Statistics;
  readonly memory: () => MemorySummary;
  readonly search: () => SearchProgress;
  readonly outcomes: () => readonly OutcomeCount[];
  readonly restarts: () => DiagnosticsFacts['restarts'];
  readonly models: () => Pick<ShelfSummary, 'all' | 'chosen'>;
  /** The folder of the user's own model; empty for none. */
  readonly modelPath: () => string;
  /** Milliseconds since the extension was started. */
  readonly openForMs: () => number;
}

interface Manifest {
  readonly version: string;
  readonly contributes: { readonly configuration: Configuration | readonly Configuration[] };
}

interface Configuration {
  readonly properties: Readonly<Record<string, { readonly default?: unknown; readonly enum?: readonly unknown[] }>>;
}

/** Read from the editor and the system what the diagnostics tell. */
export function gatherDiagnostics(sources: DiagnosticsSources): DiagnosticsFacts {
  const { extension, session, statistics, memory, outcomes, restarts, openForMs } = sources;
  const { config } = session;
  const models = sources.models();
  const manifest = extension.packageJSON as Manifest;
  const sizes = (config ? sizesOf(config) : []).map(({ name }) => ({ name, predictedMs: session.predictMs(name) }));
  const { env, workspace } = vscode;
  const { remote, isRemote } = sideOf(extension);
  const side = isRemote ? 'the side of the files' : 'the side of the window';
  return {
    versions: {
      extension: manifest.version,
      packageTargets: foldersIn(join(extension.extensionPath, 'prebuilds')),
      vscode: vscode.version,
      program: env.appName,
      host: remote === undefined ? env.appHost : `${remoteKind(remote)}, ${side}`,
      language: env.language,
    },
    system: {
      platform: platform(),
      release: release(),
      arch: arch(),
      libc: libc(),
      processor: cpus()[0]?.model.trim() ?? 'unknown processor',
      threads: cpus().length,
      memoryBytes: totalmem(),
    },
    window: {
      folders: workspace.workspaceFolders?.length ?? 0,
      isTrusted: workspace.isTrusted,
      openForMs: openForMs(),
    },
    engine: session.state,
    restarts: restarts(),
    hardware: session.hardware,
    models: models.all.map((model) => ({ ...model, isInUse: model.id === models.chosen?.id })),
    sizes,
    total: statistics.total(),
    settings: changedSettings(
      declaredSettings(manifest),
      [...sizes, ...(config?.frontier ?? [])].map(({ name }) => name),
    ),
    sensors: session.sensors,
    outcomes: outcomes(),
    memory: memory(),
    search: sources.search(),
    secret: secrets(sources),
  };
}

function declaredSettings({ contributes }: Manifest): DeclaredSetting[] {
  const configuration = vscode.workspace.getConfiguration();
  const groups = [contributes.configuration].flat();
  return groups
    .flatMap(({ properties }) => Object.entries(properties))
    .map(([name, declared]) => {
      const found = configuration.inspect(name);
      return { ...declared, name, value: configuration.get(name), languages: found?.languageIds ?? [] };
    });
}

function secrets({ extension, modelPath, models }: DiagnosticsSources): Private {
  const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  const open = vscode.workspace.textDocuments.filter(({ uri }) => uri.scheme === 'file').map(({ uri }) => uri.fsPath);
  const home = homedir();
  const user = attempt(() => userInfo().username) ?? '';
  return {
    paths: [...folders, ...open, modelPath(), extension.extensionPath, home, tmpdir()].filter((path) => path !== ''),
    names: [...namesOf([user, basename(home)], hostname()), ...models().all.flatMap(({ id, name }) => [id, name])],
  };
}

/** Which C library runs this process on Linux: `glibc 2.36`, or musl. */
function libc(): string | undefined {
  if (platform() !== 'linux') return undefined;
  const version = glibcVersion(process);
  return version === undefined ? 'musl' : `glibc ${version}`;
}

function foldersIn(folder: string): readonly string[] {
  return attempt(() => readdirSync(folder)) ?? [];
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** `ssh-remote`; a server in a browser is named by its address, which the diagnostics do not tell. */
function remoteKind(name: string): string {
  return /^[a-z-]+$/.test(name) ? name : 'a server';
}
