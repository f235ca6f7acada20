import assert from 'node:assert/strict';
import { packagesOf } from '../../../src/cli/heldout';

const row = (name: string, path: string, text: string) => ({ package: name, path, text, language: 'TypeScript' });

describe('the packages of a corpus', () => {
  it('are workspaces of the files that the editor would remember', () => {
    const packages = packagesOf([
      row('shapes', 'src/circle.ts', 'export class Circle {}\r\n'),
      row('lists', 'list.ts', 'export class List {}\n'),
      row('shapes', 'src/square.ts', 'export class Square {}\n'),
      row('shapes', '.env', 'PASSWORD=hunter2\n'),
      row('shapes', 'src/key.ts', `const token = 'ghp_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5';\n`),
      row('shapes', 'src/shapes.min.js', 'a();\n'),
      row('shapes', 'src/bundle.js', `${'a();'.repeat(2000)}\n`),
    ]);
    assert.deepEqual([...packages.keys()], ['shapes', 'lists']);
    assert.deepEqual(packages.get('shapes'), [
      { path: 'src/circle.ts', text: 'export class Circle {}\n' },
      { path: 'src/square.ts', text: 'export class Square {}\n' },
    ]);
  });
});
