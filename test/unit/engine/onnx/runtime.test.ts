import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadRuntime, WITHOUT_RUNTIME } from '../../../../src/engine/onnx/runtime';
import { TARGETS } from '../../../../src/engine/target';
import { ROOT } from '../../model';

describe('ONNX Runtime', () => {
  it('is said to be missing on the platforms for which its package has no libraries', () => {
    const libraries = join(ROOT, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6');
    const without = TARGETS.filter((target) => !existsSync(join(libraries, ...target.split('-'))));
    assert.deepEqual([...without].sort(), [...WITHOUT_RUNTIME].sort());
    for (const target of WITHOUT_RUNTIME) {
      assert.throws(() => loadRuntime(tmpdir(), target), /has no libraries for .*, so only the native engine/);
    }
  });

  it('that is missing elsewhere does not load, and the addon says what to do', () => {
    assert.throws(
      () => loadRuntime(tmpdir(), 'linux-x64'),
      /^RuntimeError: ONNX Runtime for linux-x64 does not load \(.+\)\.$/,
    );
  });
});
