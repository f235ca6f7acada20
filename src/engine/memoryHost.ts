import { messageOf } from '../matlm/errors';
import type { EngineMemory, MemoryMatch, MemoryStats } from './memory';
import type { MemoryAnswer, MemoryCall } from './protocol';

/** The memory of an engine that has none, because the addon does not load: nothing is remembered and nothing is found. */
export const NO_MEMORY: EngineMemory = {
  remember: () => Promise.resolve({ documents: 0, tokens: 0, bytes: 0 }),
  forget: () => Promise.resolve({ documents: 0, tokens: 0, bytes: 0 }),
  look: () => Promise.resolve({ length: 0, count: 0, topShare: 0 }),
};

/** Make a call that came from the client. A fault of it is an answer too. */
export async function answerCall(memory: EngineMemory, call: MemoryCall): Promise<MemoryAnswer> {
  try {
    return { value: await made(memory, call) };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

function made(memory: EngineMemory, call: MemoryCall): Promise<MemoryStats | MemoryMatch> {
  switch (call.name) {
    case 'remember':
      return memory.remember(call.document, call.text);
    case 'forget':
      return memory.forget(call.documents);
    case 'look':
      return memory.look(call.tokens, call.place);
  }
}
