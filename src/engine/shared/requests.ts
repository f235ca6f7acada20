import type { NativeMemory } from '../addon';
import { type EndEvent, failed, type GenerateEvent, type GenerateRequest } from '../engine';
import type { LocalBackend } from '../localBackend';
import { messageOf } from '../../matlm/errors';
import { remaining } from '../remaining';
import type { Job, Scheduler } from './scheduler';

export interface GenerateParts {
  readonly owner: string;
  readonly request: GenerateRequest;
  /** Loads the model if it is not loaded. */
  readonly engine: () => Promise<Pick<LocalBackend, 'generate'>>;
  readonly memory: NativeMemory | undefined;
  /** [vocabulary] the bytes of each token */
  readonly tokenBytes: readonly Uint8Array[];
  readonly signal: AbortSignal;
  readonly listener: (event: GenerateEvent) => void;
}

/**
 * Give a request to the scheduler. If it yields, it goes on later from the tokens that it has decoded, and reports nothing
 * twice. A prompt that was read in part is in the engine's cache. An abort ends it at once while it waits.
 */
export function schedule(scheduler: Pick<Scheduler, 'add'>, parts: GenerateParts): void {
  const { signal, listener } = parts;
  let isInTurn = false;
  let hasEnded = false;
  const onAbort = () => {
    if (isInTurn || hasEnded) return; // the engine ends it
    hasEnded = true;
    takeBack();
    listener({ type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 });
  };
  const job = generateJob({
    ...parts,
    listener: (event) => {
      if (event.type === 'end') {
        hasEnded = true;
        signal.removeEventListener('abort', onAbort);
      }
      listener(event);
    },
  });
  const takeBack = scheduler.add({
    ...job,
    run: async (yields) => {
      if (hasEnded) return true;
      isInTurn = true;
      const isDone = await job.run(yields);
      isInTurn = false;
      return isDone;
    },
  });
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
}

function generateJob(parts: GenerateParts): Job {
  const { owner, request, memory, tokenBytes, signal, listener } = parts;
  const tokens: number[] = [];
  let hasPrefilled = false;
  let before: EndEvent = { type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 };
  /** Of a turn that cannot go on from its tokens and begins again: how many are reported already. */
  let repeated = 0;

  const rest = (): GenerateRequest => {
    repeated = 0;
    try {
      return remaining(request, tokens, tokenBytes);
    } catch {
      // A token ended within a character of the healing prefix. The same request has the same answer.
      repeated = tokens.length;
      tokens.length = 0;
      return request;
    }
  };

  /** @returns whether the request has ended */
  const turn = (engine: Pick<LocalBackend, 'generate'>, yields: AbortSignal): Promise<boolean> =>
    new Promise((resolve) => {
      const now = rest();
      const stop = new AbortController();
      const onAbort = () => {
        stop.abort('it is stopped or yields');
      };
      for (const reason of [signal, yields]) {
        if (reason.aborted) onAbort();
        else reason.addEventListener('abort', onAbort, { once: true });
      }
      const hear = (event: GenerateEvent) => {
        switch (event.type) {
          case 'progress':
            listener(event);
            return;
          case 'prefill':
            if (!hasPrefilled) listener(event);
            hasPrefilled = true;
            return;
          case 'token':
            tokens.push(event.token);
            if (tokens.length > repeated) listener(event);
            return;
          case 'end':
            for (const reason of [signal, yields]) reason.removeEventListener('abort', onAbort);
            before = sum(before, event);
            if (event.reason === 'aborted' && yields.aborted && !signal.aborted) {
              resolve(false);
              return;
            }
            listener(before);
            resolve(true);
        }
      };
      engine.generate(now, stop.signal, hear, memory);
    });

  return {
    owner,
    urgency: request.urgency ?? 'typing',
    run: async (yields) => {
      try {
        return await turn(await parts.engine(), yields);
      } catch (error) {
        listener(failed(messageOf(error)));
        return true;
      }
    },
  };
}

/** Both turns as one. */
function sum(first: EndEvent, second: EndEvent): EndEvent {
  const added = (name: 'copiedDrafts' | 'copiedAccepted' | 'writtenDrafts' | 'writtenAccepted') =>
    first[name] === undefined && second[name] === undefined ? {} : { [name]: (first[name] ?? 0) + (second[name] ?? 0) };
  return {
    ...second,
    decodedTokens: first.decodedTokens + second.decodedTokens,
    passes: first.passes + second.passes,
    decodeMs: first.decodeMs + second.decodeMs,
    ...added('copiedDrafts'),
    ...added('copiedAccepted'),
    ...added('writtenDrafts'),
    ...added('writtenAccepted'),
  };
}
