import type { CacheObserver } from './decode/watchedEngine';

/** The prompt in the cache of a document, and how many of its positions hold every layer. */
interface CachedPrompt {
  readonly prompt: readonly number[];
  readonly whole: number;
}

const NOTHING: CachedPrompt = { prompt: [], whole: 0 };

/** What the engine's caches of one model hold, as far as it was reported: one cache for each document, by its number. */
export class PromptCache implements CacheObserver {
  private readonly cached = new Map<number, CachedPrompt>();

  /** Number of a prompt's tokens that are not in the cache. */
  unreadOf(prompt: readonly number[], document = 0): number {
    return prompt.length - commonPrefix(prompt, this.of(document).prompt);
  }

  /**
   * Number of a prompt's tokens that a submodel would have to prefill. One with all layers also prefills the tokens again that
   * one with skipped layers has prefilled.
   */
  unreadBy(widths: readonly number[], prompt: readonly number[], document = 0): number {
    const unread = this.unreadOf(prompt, document);
    return widths.includes(0) ? unread : Math.max(unread, prompt.length - this.of(document).whole);
  }

  /**
   * The cache holds a prompt now.
   * @param widths of the submodel that prefilled the new part
   */
  wasRead(prompt: readonly number[], widths: readonly number[] = [], document = 0): void {
    const before = this.of(document);
    const whole = widths.includes(0) ? Math.min(before.whole, commonPrefix(prompt, before.prompt)) : prompt.length;
    this.cached.set(document, { prompt, whole });
  }

  /** The engine has lost its caches. */
  clear(): void {
    this.cached.clear();
  }

  private of(document: number): CachedPrompt {
    return this.cached.get(document) ?? NOTHING;
  }
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}
