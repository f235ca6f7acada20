/** Shared by the benches: engines in processes of their own, and the statistics of their turns. */
import { type ChildProcess, fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Opened } from './engines.mts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** An engine in a process of its own. */
export class Child {
  private constructor(
    private readonly process: ChildProcess,
    readonly startMs: number,
    readonly bytes: number,
  ) {}

  static async open(engine: string, target: object): Promise<Child> {
    const child = fork(join(root, 'bench', 'child.mts'), [engine, JSON.stringify(target)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced', // JSON has no NaN
    });
    const { startMs, bytes } = await answer<{ startMs: number; bytes: number }>(child);
    return new Child(child, startMs, bytes);
  }

  async call<K extends keyof Opened>(call: K, ...args: Parameters<Opened[K]>): Promise<Awaited<ReturnType<Opened[K]>>> {
    this.process.send({ call, args });
    return (await answer<{ result: Awaited<ReturnType<Opened[K]>> }>(this.process)).result;
  }

  close(): void {
    this.process.disconnect();
  }
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      child.removeAllListeners('exit');
      resolve(message as T);
    });
    child.once('exit', (code) => {
      reject(new Error(`an engine's process ended with exit code ${String(code)}`));
    });
  });
}

/** The median, or another quantile. */
export const median = (values: readonly number[], share = 0.5) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

/** Tokens that are in no cache, because each round has others. */
export const tokens = (count: number, round: number) =>
  Array.from({ length: count }, (_, i) => 10 + ((i * 37 + round * 101) % 4000));
