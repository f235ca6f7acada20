import assert from 'node:assert/strict';
import type { DocumentId, EngineMemory, MemoryStats } from '../../../src/engine/memory';
import { JointMemory } from '../../../src/engine/jointMemory';

/** A memory that counts characters as tokens, and lists what it was told. */
class ListedMemory implements EngineMemory {
  readonly texts = new Map<DocumentId, string>();
  readonly calls: string[] = [];
  isGone = false;

  remember(document: DocumentId, text: string): Promise<MemoryStats> {
    this.calls.push(`${document}: ${text}`);
    if (this.isGone) return Promise.reject(new Error('it has gone'));
    this.texts.set(document, text);
    return this.forget([]);
  }

  forget(documents: readonly DocumentId[]): Promise<MemoryStats> {
    if (this.isGone) return Promise.reject(new Error('it has gone'));
    for (const document of documents) this.texts.delete(document);
    const tokens = [...this.texts.values()].join('').length;
    return Promise.resolve({ documents: this.texts.size, tokens, bytes: 10 * tokens });
  }

  look(): Promise<never> {
    return Promise.reject(new Error('nobody asks it'));
  }
}

describe('the memory of two models', () => {
  let main: ListedMemory;
  let other: ListedMemory;
  let memory: JointMemory;
  beforeEach(() => {
    main = new ListedMemory();
    other = new ListedMemory();
    memory = new JointMemory(main);
  });

  it('has every text in both, and the figures of the main one with the bytes of both', async () => {
    memory.add(other);
    assert.deepEqual(await memory.remember(1, 'abc'), { documents: 1, tokens: 3, bytes: 60 });
    assert.deepEqual([main.texts.get(1), other.texts.get(1)], ['abc', 'abc']);
    assert.deepEqual(await memory.forget([1]), { documents: 0, tokens: 0, bytes: 0 });
    assert.deepEqual([main.texts.size, other.texts.size], [0, 0]);
  });

  it('gives a later one the texts that come again, and the main one none of them twice', async () => {
    await memory.remember(1, 'abc');
    await memory.remember(2, 'def');
    memory.add(other);
    await memory.remember(1, 'abc');
    await memory.remember(2, 'xyz');
    assert.deepEqual(main.calls, ['1: abc', '2: def', '2: xyz']);
    assert.deepEqual(other.calls, ['1: abc', '2: xyz']);
  });

  it('remembers a text again that was forgotten meanwhile', async () => {
    const first = memory.remember(1, 'abc');
    await memory.forget([1]);
    await first;
    await memory.remember(1, 'abc');
    assert.equal(main.texts.get(1), 'abc');
  });

  it('does without another one that fails, and fails with the main one', async () => {
    memory.add(other);
    other.isGone = true;
    assert.equal((await memory.remember(1, 'abc')).documents, 1);
    assert.equal((await memory.forget([1])).documents, 0);
    main.isGone = true;
    await assert.rejects(memory.remember(2, 'abc'), /gone/);
    main.isGone = false;
    assert.equal((await memory.remember(2, 'abc')).documents, 1);
  });

  it('tells one that was removed nothing more', async () => {
    memory.add(other);
    memory.remove(other);
    await memory.remember(1, 'abc');
    assert.deepEqual(other.calls, []);
  });
});
