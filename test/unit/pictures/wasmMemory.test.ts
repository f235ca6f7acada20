import assert from 'node:assert/strict';
import { withMemoryLimit } from '../../../src/pictures/wasmMemory';

// What Node.js offers, without the types of a browser.
const { Module, Instance } = (
  globalThis as unknown as { WebAssembly: Record<string, new (...args: unknown[]) => unknown> }
).WebAssembly as {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: { memory: { grow(pages: number): number; buffer: ArrayBuffer } } };
};

const HEAD = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const EXPORT = [7, 10, 1, 6, ...Buffer.from('memory'), 2, 0];

describe('a WebAssembly module with a memory limit', () => {
  it('cannot grow beyond it, and is otherwise the same', () => {
    const module = Uint8Array.from([...HEAD, 5, 3, 1, 0, 2, ...EXPORT]); // two pages
    const { memory } = new Instance(new Module(withMemoryLimit(module, 300 * 65_536))).exports;
    assert.equal(memory.buffer.byteLength, 2 * 65_536);
    assert.equal(memory.grow(298), 2);
    assert.throws(() => memory.grow(1), RangeError);
  });

  it('without a memory of its own, or with a limit already, is refused', () => {
    for (const section of [[], [5, 4, 1, 1, 2, 9]])
      assert.throws(
        () => withMemoryLimit(Uint8Array.from([...HEAD, ...section]), 65_536),
        /no memory that can be limited/,
      );
  });
});
