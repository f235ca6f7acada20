import { join } from 'node:path';
import { EngineClient } from '../engine/client';
import type { Engine } from '../engine/engine';
import { hardwareFile, readReport } from '../engine/hardwareFile';
import type { EngineMemory } from '../engine/memory';
import { openEngine } from '../engine/openEngine';
import { findFolder } from '../engine/shared/address';
import { attachIfRunning } from '../engine/shared/attach';
import { engineKey } from '../engine/shared/key';
import { machineOf } from '../engine/thisMachine';
import type { Checkpoint } from '../matlm/checkpoint';
import type { Cost } from '../matlm/submodel';
import { openMemories } from './memory';

/** An engine for one command. */
export interface CommandEngine {
  readonly engine: Engine;
  /** Undefined if the checkpoint cannot use one. */
  readonly memory: EngineMemory | undefined;
  /** By size, measured on this machine. */
  readonly costs: () => Promise<Readonly<Record<string, Cost>>>;
  readonly dispose: () => void;
}

export interface Installation {
  /** Its folder. */
  readonly root: string;
  /** Where the socket of the engine is. By default it is in a folder of the user's session. */
  readonly folder?: string | undefined;
}

/**
 * The engine of the editor's windows if it runs, which has the weights in memory; otherwise one in this process, so that the
 * command leaves none behind.
 */
export async function engineFor(checkpoint: Checkpoint, installation: Installation): Promise<CommandEngine> {
  const hostFile = join(installation.root, 'dist', 'engine.js');
  const folder = await folderOfRunning(hostFile, installation);
  const running = folder === undefined ? undefined : await connect(checkpoint, installation.root, hostFile, folder);
  return running ?? open(checkpoint, installation.root);
}

/** The folder of the engine's socket; undefined if it does not run, or cannot be used. */
async function folderOfRunning(hostFile: string, { root, folder }: Installation): Promise<string | undefined> {
  try {
    const key = await engineKey({ hostFile, root, execArgv: [] });
    const address = folder === undefined ? findFolder(key) : { folder, key };
    const found = await attachIfRunning(address, new AbortController().signal);
    if (typeof found !== 'object') return undefined;
    found.socket.destroy();
    return address.folder;
  } catch {
    return undefined;
  }
}

/** @returns undefined if the engine cannot run the checkpoint, or has just ended */
function connect(
  checkpoint: Checkpoint,
  root: string,
  hostFile: string,
  folder: string,
): Promise<CommandEngine | undefined> {
  return new Promise((resolve) => {
    const client = new EngineClient({
      hostFile,
      root,
      modelFolder: checkpoint.folder,
      threads: 0,
      shared: { folder },
      onState: (state) => {
        if (state.kind === 'failed' || state.kind === 'restarting') {
          client.stop();
          resolve(undefined);
        }
        if (state.kind !== 'ready') return;
        resolve({
          engine: client,
          memory: checkpoint.config.gate && client,
          costs: () => Promise.resolve(state.info.costs),
          dispose: () => {
            client.stop();
          },
        });
      },
    });
    client.start();
  });
}

function open(checkpoint: Checkpoint, root: string): CommandEngine {
  const report = readReport(hardwareFile(), machineOf(root, checkpoint.weightsFile));
  const { native, memory } = openMemories(root, checkpoint, false);
  const engine = openEngine(root, checkpoint, { report, memory: native });
  return {
    engine,
    memory,
    costs: async () => (await engine.measure()).costs,
    dispose: () => {
      engine.dispose();
    },
  };
}
