import { join } from 'node:path';
import { Grammars } from '../completion/syntax/grammars';
import { SyntaxByGrammar } from '../completion/syntax/shape';
import { EngineClient } from '../engine/client';
import { hardwareFile, readReport } from '../engine/hardwareFile';
import { machineOf } from '../engine/thisMachine';
import { readMemory } from '../machine/memory';
import { openCheckpoint } from '../matlm/checkpoint';
import { systemClock } from '../session/clock';
import type { Log } from '../session/parts';
import { Session, type SessionParts } from '../session/session';
import { governorSettings, type Settings } from '../session/settings';

export interface OpenOptions extends Pick<SessionParts, 'onMemory'> {
  /** The folder of the installation. */
  readonly root: string;
  /** The folder of the checkpoint, unless the settings name another. */
  readonly model: string;
  readonly settings: () => Settings;
  readonly log: Log;
  /** The engine's state has changed. */
  readonly onChange?: () => void;
  /** Where the socket of the engine is. By default it is in a folder of the user's session. */
  readonly socketFolder?: string | undefined;
}

export type OpenSession = (options: OpenOptions) => OpenedSession;

/** A session and what it needs, until it is disposed. */
export interface OpenedSession {
  readonly session: Session;
  readonly dispose: () => void;
}

/**
 * The session of a program that serves other editors. It uses the one engine of the machine, and starts it if it does not run.
 * It never probes the hardware: `matcoder inspect --hardware` and VS Code do, and their report is used.
 */
export function openSession(options: OpenOptions): OpenedSession {
  const { root, model, settings, log, onMemory, onChange = () => undefined, socketFolder } = options;
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const said = new Set<string>();
  const warnOnce = (fault: string) => {
    if (said.has(fault)) return;
    said.add(fault);
    log.warn(fault);
  };
  const shared = {
    ...(socketFolder === undefined ? {} : { folder: socketFolder }),
    onUnshared: (reason: string) => {
      log.warn(`the engine is not shared with other programs: ${reason}`);
    },
  };
  const session = new Session({
    settings: {
      engine: () => ({ modelFolder: settings().modelPath || model, threads: settings().threads }),
      governor: (config) => governorSettings(settings(), config, warnOnce),
      eagerness: () => settings().eagerness,
      imported: () => Promise.resolve(undefined),
    },
    openCheckpoint,
    createEngine: (engine) => new EngineClient({ ...engine, hostFile: join(root, 'dist', 'engine.js'), root, shared }),
    probes: {
      stored: ({ weightsFile }) => readReport(hardwareFile(), machineOf(root, weightsFile)),
      store: () => undefined,
      inBackground: () => ({ start: () => undefined, stop: () => undefined }),
      detect: () => Promise.reject(new Error('run matcoder inspect --hardware')),
    },
    syntax: new SyntaxByGrammar(grammars),
    clock: systemClock,
    log,
    memory: readMemory,
    onChange,
    onStart: () => undefined,
    onMemory,
    onMemoryLacks: () => undefined,
    onDecoded: () => undefined,
    // Neither protocol lets a server tell a client to ask again.
    onRested: () => undefined,
  });
  return {
    session,
    dispose: () => {
      session.dispose();
      grammars.dispose();
    },
  };
}
