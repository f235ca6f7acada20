import { ended, type EndEvent } from './engine';

/** The work of an engine that does one thing at a time. */
export class RequestQueue {
  /** The end of the last piece of work. */
  private last: Promise<void> = Promise.resolve();

  /** Runs a piece of work alone, after all that came before. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(work);
    this.last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /**
   * Runs a request alone and reports its end. A request that is aborted while it waits for its turn ends at once.
   * @param work looks at the signal itself, and never throws
   */
  request(signal: AbortSignal, listener: (end: EndEvent) => void, work: () => Promise<EndEvent>): void {
    let isWaiting = true;
    const endWaiting = () => {
      isWaiting = false;
      listener(ended('aborted'));
    };
    if (signal.aborted) {
      endWaiting();
      return;
    }
    signal.addEventListener('abort', endWaiting, { once: true });
    void this.run(async () => {
      if (!isWaiting) return;
      signal.removeEventListener('abort', endWaiting);
      listener(await work());
    });
  }
}
