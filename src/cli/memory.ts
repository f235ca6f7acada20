import type { NativeMemory } from '../engine/addon';
import { LocalMemory } from '../engine/localMemory';
import type { EngineMemory } from '../engine/memory';
import { openMemory } from '../engine/native';
import type { Checkpoint } from '../matlm/checkpoint';
import { UsageError } from './place';

/** The memory of the engines in this process. */
export interface Memories {
  /** For the engines; undefined if the checkpoint cannot use one. */
  readonly native: NativeMemory | undefined;
  /** For those who fill it. */
  readonly memory: EngineMemory | undefined;
}

/**
 * @param root the folder that holds the addon
 * @param isNeeded whether a memory is asked for
 * @throws {UsageError} if it is needed and the checkpoint has no gate that weighs it
 */
export function openMemories(root: string, checkpoint: Checkpoint, isNeeded: boolean): Memories {
  const native = openMemory(root, checkpoint);
  if (!native && isNeeded) {
    throw new UsageError('the checkpoint has no gate, so it cannot use a memory of the workspace: take --memory off');
  }
  return { native, memory: native && new LocalMemory(native, checkpoint.tokenizer) };
}
