import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Log } from '../session/parts';
import { readSettings, type Settings } from '../session/settings';
import { openServer } from '../serve/http/open';
import { HOST } from '../serve/http/server';
import { checkFolder, checkRegular, UsageError } from './place';

/** The port at which llama.vim looks for a server. */
export const DEFAULT_PORT = 8012;

export interface ServeCommandOptions {
  readonly model: string;
  readonly port: number;
  /** A file whose first line is the token; undefined for none. */
  readonly tokenFile: string | undefined;
  /** Folders whose files all clients may know. */
  readonly workspaces: readonly string[];
  /** As given, by the names of the settings. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Serve editors over HTTP until the signal aborts. @throws {UsageError} */
export async function serveCommand(root: string, options: ServeCommandOptions): Promise<void> {
  const { model, port, tokenFile, signal, say } = options;
  const token = tokenFile === undefined ? undefined : await readToken(tokenFile);
  const settings = settingsOf(options.settings);
  const workspaces = options.workspaces.map((folder) => resolve(folder));
  for (const folder of workspaces) {
    await checkFolder(folder, '--workspace');
  }
  const log = logTo(say);
  const listening = await openServer({ root, model, port, token, settings, log, workspaces }).catch(
    (error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
      const fault = code === 'EADDRINUSE' ? 'another program uses it' : 'it may not be used';
      throw new UsageError(`--port ${port}: ${fault}; name another`);
    },
  );
  say(`listening on http://${HOST}:${listening.port}`);
  await ended(signal);
  await listening.close();
}

/** @throws {UsageError} if a value is none of its setting */
export function settingsOf(values: Readonly<Record<string, unknown>>): Settings {
  return readSettings(
    (name) => values[name],
    (fault) => {
      throw new UsageError(fault);
    },
  );
}

export function logTo(say: (line: string) => void): Log {
  return { info: say, warn: say, error: say };
}

/** @throws {UsageError} */
async function readToken(file: string): Promise<string> {
  await checkRegular(file);
  const token = (await readFile(file, 'utf8')).split('\n', 1)[0]?.trim() ?? '';
  if (token === '') throw new UsageError(`${file}: its first line is empty, and has to be the token`);
  return token;
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else {
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
    }
  });
}
