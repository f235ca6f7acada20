import { messageOf } from '../matlm/errors';

/** Told why work failed that nobody waits for. */
export type OnFault = (reason: string) => void;

/** Let work go on that nobody waits for. Without this, a fault of it would be an unhandled rejection of the whole process. */
export function inBackground(work: PromiseLike<unknown>, onFault: OnFault): void {
  work.then(undefined, (fault: unknown) => {
    onFault(messageOf(fault));
  });
}
