import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as ts from 'typescript';
import { ROOT } from './model';

const SOURCE = join(ROOT, 'src');

/** By source file, the source files that it imports, type imports included; paths from src/, without `.ts`. */
function readImports(): Map<string, string[]> {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const names = new Set(files.map((file) => file.replaceAll('\\', '/').replace(/\.ts$/, '')));
  return new Map(
    [...names].map((name) => {
      const text = readFileSync(join(SOURCE, `${name}.ts`), 'utf8');
      const paths = ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName);
      const targets = paths
        .filter((path) => path.startsWith('.'))
        .map((path) => relative(SOURCE, join(SOURCE, dirname(name), path)).replaceAll('\\', '/'))
        .map((path) => (names.has(path) ? path : `${path}/index`));
      return [name, targets];
    }),
  );
}

/** A circle of imports that is reached from a file, as the path around it. */
function findCircle(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] | undefined => {
    const at = path.indexOf(name);
    if (at >= 0) return [...path.slice(at), name];
    if (done.has(name)) return undefined;
    for (const target of imports.get(name) ?? []) {
      const circle = visit(target, [...path, name]);
      if (circle) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of imports.keys()) {
    const circle = visit(name, []);
    if (circle) return circle;
  }
  return undefined;
}

describe('the source files', () => {
  const imports = readImports();

  it('import files that exist', () => {
    assert.ok(imports.size > 100);
    const missing = [...imports].flatMap(([name, targets]) =>
      targets.filter((target) => !imports.has(target)).map((target) => `${name}: ${target}`),
    );
    assert.deepEqual(missing, []);
  });

  it('import each other in no circle, not for types either', () => {
    assert.equal(findCircle(imports)?.join(' → '), undefined);
  });

  it('of the engine keep to the contract: it imports no backend, and no client imports one', () => {
    const isBackend = (name: string) => /^engine\/(onnx\/|native$|addon$|gpu\/)/.test(name);
    assert.deepEqual(
      imports.get('engine/engine')?.filter((name) => name.startsWith('engine/')),
      ['engine/memory'], // the contract of its memory
    );
    const outside = [...imports]
      .filter(([name]) => /^(completion|governor|ui|session|statistics|extension|replay)\b/.test(name))
      .flatMap(([name, targets]) => targets.filter(isBackend).map((target) => `${name} → ${target}`));
    assert.deepEqual(outside, []);
  });

  it('of the encoders know the addon of the engine and no process of it', () => {
    const used = [...imports]
      .filter(([name]) => name.startsWith('encoders/'))
      .flatMap(([, targets]) => targets.filter((target) => target.startsWith('engine/')));
    assert.deepEqual([...new Set(used)], ['engine/addon']);
  });
});

describe('a search for circles of imports', () => {
  it('finds one wherever it begins, and none in a tree', () => {
    const graph = (edges: Record<string, string[]>) => new Map(Object.entries(edges));
    assert.equal(findCircle(graph({ a: ['b', 'c'], b: ['c'], c: [] })), undefined);
    assert.deepEqual(findCircle(graph({ a: ['b'], b: ['c'], c: ['d'], d: ['b'] })), ['b', 'c', 'd', 'b']);
    assert.deepEqual(findCircle(graph({ a: ['a'] })), ['a', 'a']);
  });
});
