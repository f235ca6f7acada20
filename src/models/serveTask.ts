import { messageOf } from '../matlm/errors';
import type { Stage } from './elastic/stages';
import type { FromTask, Results, Task } from './importProtocol';

/** The work behind each task. */
export type Work = {
  readonly [Type in Task['type']]: (
    task: Extract<Task, { type: Type }>,
    onProgress: OnProgress,
  ) => Promise<Results[Type]>;
};

type OnProgress = (share: number, stage?: Stage) => void;

/** A figure that a person reads changes no more often. */
const PROGRESS_GAP_MS = 100;

/** Do the one task that the parent sends, and end with the parent. */
export function serveTask(work: Work): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (task: Task) => {
    let sentMs = -Infinity;
    let sentStage: Stage | undefined;
    const onProgress: OnProgress = (share, stage) => {
      const nowMs = performance.now();
      if (nowMs - sentMs < PROGRESS_GAP_MS && stage === sentStage) return;
      [sentMs, sentStage] = [nowMs, stage];
      send({ type: 'progress', share, stage });
    };
    doTask(work, task, onProgress).then(
      (result) => {
        send({ type: 'done', result });
      },
      (error: unknown) => {
        send({ type: 'failed', message: messageOf(error) });
      },
    );
  });
}

function doTask(work: Work, task: Task, onProgress: OnProgress): Promise<Results[Task['type']]> {
  switch (task.type) {
    case 'inspect':
      return work.inspect(task, onProgress);
    case 'import':
      return work.import(task, onProgress);
    case 'measure':
      return work.measure(task, onProgress);
    case 'elastic':
      return work.elastic(task, onProgress);
    case 'speed':
      return work.speed(task, onProgress);
  }
}

function send(message: FromTask): void {
  if (process.connected) process.send?.(message);
}
