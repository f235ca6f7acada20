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

  static open(engine: string, target: object): Promise<Child> {
    return Child.begin(engine, target).opened;
  }

  /** @param file the program, `child.mts` or a bundle of it */
  static begin(engine: string, target: object, file = join(root, 'bench', 'child.mts')) {
    const child = fork(file, [engine, JSON.stringify(target)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced', // JSON has no NaN
    });
    child.stderr?.pipe(process.stderr, { end: false });
    const opened = answer<{ startMs: number; bytes: number }>(child).then(
      ({ startMs, bytes }) => new Child(child, startMs, bytes),
    );
    return { opened, kill: (signal: NodeJS.Signals) => child.kill(signal) };
  }

  async call<K extends keyof Opened>(call: K, ...args: Parameters<Opened[K]>): Promise<Awaited<ReturnType<Opened[K]>>> {
    return (await this.timed(call, ...args)).result;
  }

  /** The same, with the processor time that it took on all threads. */
  async timed<K extends keyof Opened>(
    call: K,
    ...args: Parameters<Opened[K]>
  ): Promise<{ result: Awaited<ReturnType<Opened[K]>>; cpuMs: number }> {
    this.process.send({ call, args });
    return answer<{ result: Awaited<ReturnType<Opened[K]>>; cpuMs: number }>(this.process);
  }

  close(): void {
    this.process.disconnect();
  }
}

/** @throws the reason that the process gives, or how it ended and the last line that it has written */
function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    let lastLine = '';
    // A fault that nobody catches ends with Node.js's own line.
    const says = (line: string) => line !== '' && !line.startsWith('Node.js v');
    const hear = (chunk: Buffer) => {
      const lines = chunk.toString().split('\n');
      lastLine = lines.map((line) => line.trim()).findLast(says) ?? lastLine;
    };
    const onEnd = (code: number | null, signal: NodeJS.Signals | null) => {
      reject(new Error(`an engine's process ended with ${signal ?? `exit code ${String(code)}`} (${lastLine})`));
    };
    child.stderr?.on('data', hear);
    child.once('message', (message) => {
      child.off('close', onEnd);
      child.stderr?.off('data', hear);
      const { fault } = message as { fault?: string };
      if (fault === undefined) resolve(message as T);
      else reject(new Error(fault));
    });
    child.once('close', onEnd);
  });
}

/** The median, or another quantile. */
export const median = (values: readonly number[], share = 0.5) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

/** Tokens that are in no cache, because each round has others. */
export const tokens = (count: number, round: number) =>
  Array.from({ length: count }, (_, i) => 10 + ((i * 37 + round * 101) % 4000));
