import type { MemoryPlace } from '../engine/memory';
import type { IndentOptions } from './cursor';
import type { GateInput } from './gate';
import { type Excerpt, EXCERPT_HEAD_CHARS, EXCERPT_PREFIX_CHARS, EXCERPT_SUFFIX_CHARS } from './prompt/prompt';
import { languageOf } from './syntax/languages';

/** A request for a completion at one cursor. */
export interface CompletionRequest extends Excerpt, GateInput {
  /** Distinguishes documents: their URI. */
  readonly document: string;
  /** How the editor indents the document; undefined if there is no editor. */
  readonly indent?: IndentOptions | undefined;
  /** Where it is in the memory of the workspace; undefined if its document is not in there. */
  readonly memory?: MemoryPlace | undefined;
  /** The most tokens that its caller takes; undefined for no limit. */
  readonly maxTokens?: number | undefined;
}

/**
 * The request that an editor would make, for callers without an editor.
 * @param before the file's text before the cursor, line ends as \n
 * @param after the rest of the file
 */
export function requestIn(path: string, before: string, after: string, explicit = false): CompletionRequest {
  const prefixStart = Math.max(0, before.length - EXCERPT_PREFIX_CHARS);
  const lineSuffix = after.split('\n', 1)[0] ?? '';
  return {
    document: path,
    path,
    prefix: before.slice(prefixStart),
    prefixStart,
    ...(prefixStart > 0 ? { head: before.slice(0, EXCERPT_HEAD_CHARS) } : {}),
    suffix: after.slice(0, EXCERPT_SUFFIX_CHARS),
    lineSuffix,
    lineLength: before.length - before.lastIndexOf('\n') - 1 + lineSuffix.length,
    explicit,
    enabled: true,
    scheme: 'file',
    languageId: languageOf(path),
    cursors: 1,
    hasSelection: false,
  };
}
