/** Given as a string: without a reason every abort makes an error with its stack, which takes longer than the abort. */
export const USER_CONTINUES = 'the user continued';

/** Whether a signal is aborted by now. The type checker takes a property that it has seen once for constant. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Resolves to undefined when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve(undefined);
        },
        { once: true },
      );
  });
}
