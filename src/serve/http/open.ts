import { basename } from 'node:path';
import { isStrained } from '../../governor/machine';
import { SYSTEM_CLOCK } from '../../machine/clock';
import type { Log } from '../../session/parts';
import type { Session } from '../../session/session';
import { governorSettings, type Settings } from '../../session/settings';
import { openSession, type OpenSession } from '../openSession';
import { Typists } from '../typists';
import { DiskWorkspace } from '../workspace/diskWorkspace';
import { FileFinder } from '../workspace/fileFinder';
import { listen, type Listening, type Readiness } from './server';
import { ServedFiles } from './servedFiles';

export interface ServerOptions {
  /** The folder of the installation. */
  readonly root: string;
  /** The folder of the checkpoint. */
  readonly model: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly token: string | undefined;
  readonly settings: Settings;
  /** Absolute paths of folders: their files are known to all clients, as far as they may be quoted. */
  readonly workspaces?: readonly string[];
  readonly log: Log;
  readonly socketFolder?: string | undefined;
  /** Opens the session; replaced by tests without an engine. */
  readonly open?: OpenSession;
}

/** Open the session and listen. Requests are refused as `Loading model` until the engine is ready. */
export async function openServer(options: ServerOptions): Promise<Listening> {
  const { settings, log, token, port, root, model, socketFolder, workspaces = [], open = openSession } = options;
  const finder = new FileFinder();
  const folders = new DiskWorkspace({
    roots: workspaces,
    openDocument: () => undefined,
    isOn: settings.workspaceMemory,
    isStrained: () => isStrained(opened.session.machine),
    log,
    onText: (path, text) => {
      finder.add(path, text);
    },
    onForbidden: () => {
      typists.reset();
    },
  });
  const opened = open({
    ...{ root, model, log, socketFolder },
    settings: () => settings,
    onMemory: (memory) => {
      if (workspaces.length > 0) folders.attach(memory);
    },
  });
  const { session } = opened;
  const files = new ServedFiles(workspaces.length > 0 ? { folders, finder } : undefined);
  const typists = new Typists({
    pipelines: () => session.pipelines,
    settings: () => ({ governor: governorSettings(settings, session.config), eagerness: settings.eagerness }),
    fileOf: (wanted) => files.fileOf(wanted),
    mayQuote: (piece) => files.mayQuote(piece),
    now: SYSTEM_CLOCK.now,
  });
  let listening: Listening;
  try {
    listening = await listen(port, {
      complete: (wanted, signal) => typists.complete(wanted, signal),
      readiness: () => readinessOf(session, model),
      ...{ token, log },
    });
  } catch (error) {
    folders.dispose();
    opened.dispose();
    throw error;
  }
  void session.start();
  return {
    port: listening.port,
    close: async () => {
      await listening.close();
      folders.dispose();
      opened.dispose();
    },
  };
}

function readinessOf({ state, config }: Session, folder: string): Readiness {
  switch (state.kind) {
    case 'ready':
      return config
        ? { kind: 'ready', model: { name: basename(folder), contextLength: config.model.contextLength } }
        : { kind: 'loading' };
    case 'failed':
      return { kind: 'failed', reason: state.reason };
    default:
      return { kind: 'loading' };
  }
}
