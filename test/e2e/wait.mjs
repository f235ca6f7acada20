import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again until the answer is truthy, and returns it.
 *
 * @param {string | (() => string)} what names the awaited state in the message of a failure
 * @param {() => unknown} ask
 * @param {number} timeoutMs long, because a busy machine is slow; only a failure takes this long
 */
export async function until(what, ask, timeoutMs = 60_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline)
      throw new Error(`Waited ${timeoutMs / 1000} s in vain for ${typeof what === 'function' ? what() : what}`);
    await sleep(50);
  }
}
