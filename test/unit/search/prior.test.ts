import assert from 'node:assert/strict';
import { priorOf } from '../../../src/search/prior';

const TESTS = [
  'test/unit/a.ts',
  'pkg/tests/helpers.py',
  'src/__tests__/a.js',
  'src/a.test.ts',
  'src/a.spec.js',
  'pkg/a_test.go',
  'pkg/test_graph.py',
  'pkg/conftest.py',
  'src/GraphTest.java',
  'spec/graph.rb',
];
const NO_TESTS = [
  'src/latest.ts',
  'src/contest/a.ts',
  'docs/testing.md',
  'src/attest.py',
  'src/inspect.ts',
  'src/Greatest.java',
];

describe('the prior of a file', () => {
  it('is lower for tests, unless they are asked for', () => {
    for (const path of TESTS) {
      assert.ok(priorOf('shortest path')(path) < 1, path);
      for (const asked of ['tests of the shortest path', 'user fixtures', 'spec of a graph', 'mocked clock', 'asserts'])
        assert.equal(priorOf(asked)(path), 1, `${asked}: ${path}`);
      assert.ok(priorOf('expected token')(path) < 1, path);
    }
  });

  it('is the same for all others', () => {
    for (const path of NO_TESTS) assert.equal(priorOf('shortest path')(path), 1, path);
  });
});
