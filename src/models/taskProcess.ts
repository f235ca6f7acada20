import { type ChildProcess, fork } from 'node:child_process';
import { endOf, firstLineOf } from '../engine/processEnd';
import type { Stage } from './elastic/stages';
import type { FromTask, Results, Task } from './importProtocol';

export interface TaskOptions {
  /** The bundle of the import's process. */
  readonly hostFile: string;
  /** @param stage the piece of the work, if it has several */
  readonly onProgress?: (share: number, stage?: Stage) => void;
  /** Ends the process at once. */
  readonly signal: AbortSignal;
  readonly execArgv?: readonly string[];
}

/** How a process is named in messages, and what to do if it ends by itself. */
interface ProcessTexts {
  readonly name: string;
  /** After "close other programs and". */
  readonly again: string;
  /** If it crashes again. */
  readonly damaged: string;
}

const IMPORT: ProcessTexts = { name: "the import's process", again: 'import again', damaged: 'the file may be damaged' };
const DAMAGED_MODEL = 'the model may be damaged: import it again';
const MEASUREMENT: ProcessTexts = { name: "the measurement's process", again: 'measure again', damaged: DAMAGED_MODEL };
const SEARCH: ProcessTexts = {
  name: 'the process that finds smaller sizes',
  again: 'find smaller sizes again',
  damaged: DAMAGED_MODEL,
};

const TEXTS: Readonly<Record<Task['type'], ProcessTexts>> = {
  inspect: IMPORT,
  import: IMPORT,
  measure: MEASUREMENT,
  speed: MEASUREMENT,
  elastic: SEARCH,
};

/** A task that ended without a result, because of the file, the disk or the memory. The message says what to do. */
export class TaskError extends Error {
  override readonly name = 'TaskError';
}

/**
 * Do a task in a process of its own: hundreds of megabytes are read and converted there, by native code, and neither that
 * nor a crash of it may stop the editor. It is not asked to stop but killed, which works at any moment; what it wrote by
 * then is in a folder or in files of its own, which its caller removes. It may also have done all of its work but not yet told so.
 * @returns when the process has ended, so that no file is open any more
 * @throws {TaskError} if there is no result
 * @throws the signal's reason if it was aborted
 */
export async function runTask<T extends Task>(task: T, options: TaskOptions): Promise<Results[T['type']]> {
  const { hostFile, onProgress, signal, execArgv = [] } = options;
  signal.throwIfAborted();
  const child = fork(hostFile, [], {
    serialization: 'advanced',
    execArgv: [...execArgv],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const kill = () => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });
  try {
    const answer = await lastAnswer(child, task, onProgress ?? (() => undefined));
    signal.throwIfAborted();
    if (typeof answer === 'string') throw new TaskError(answer);
    return answer.result as Results[T['type']];
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** The result, or the reason why there is none. */
function lastAnswer(
  child: ChildProcess,
  task: Task,
  onProgress: NonNullable<TaskOptions['onProgress']>,
): Promise<Extract<FromTask, { type: 'done' }> | string> {
  return new Promise((resolve) => {
    let lastWords = '';
    let answer: Extract<FromTask, { type: 'done' }> | string | undefined;
    child.stderr?.on('data', (chunk: Buffer) => {
      lastWords = firstLineOf(chunk.toString()).slice(0, 200);
    });
    child.on('message', (message) => {
      const received = message as FromTask;
      if (received.type === 'progress') onProgress(received.share, received.stage);
      else {
        answer = received.type === 'done' ? received : received.message;
        child.disconnect(); // it has nothing left to do
      }
    });
    // A process that does not start emits no other event.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(`${TEXTS[task.type].name} did not start: ${error.message}`);
    });
    child.on('exit', () => {
      if (answer !== undefined) resolve(answer);
    });
    // By then all of its stderr was read. After a disconnect this event may not come.
    child.on('close', (code, how) => {
      resolve(answer ?? unexpected(TEXTS[task.type], code, how, lastWords));
    });
    if (child.connected) child.send(task, () => undefined);
  });
}

function unexpected(
  { name, again, damaged }: ProcessTexts,
  code: number | null,
  how: NodeJS.Signals | null,
  lastWords: string,
): string {
  const words = lastWords === '' ? '' : ` (${lastWords})`;
  // The system kills a process if no memory is left.
  const remedy =
    how === 'SIGKILL'
      ? `The system may have run out of memory: close other programs and ${again}.`
      : `${again.charAt(0).toUpperCase()}${again.slice(1)}; if it happens again, ${damaged}.`;
  return `${name} ${endOf(code, how)}${words}. ${remedy}`;
}
