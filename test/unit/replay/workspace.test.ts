import assert from 'node:assert/strict';
import { filesNaming, lastLineOf, namesDeclaredIn, Workspace } from '../../../src/replay/workspace';
import { requestIn } from '../../../src/completion/request';
import { KeptTexts } from './keptTexts';

const CIRCLE = {
  path: 'src/circle.ts',
  text: 'export class Circle {\n  area(radius: number) {\n    return Math.PI * radius;\n  }\n}\n',
};
const SQUARE = {
  path: 'src/square.ts',
  text: 'export class Square {\n  area(width: number) {\n    return width * width;\n  }\n}\n',
};
const MAIN = { path: 'main.ts', text: "import { Circle } from './src/circle';\nnew Circle().area(3);\n" };
const FILES = [CIRCLE, SQUARE, MAIN];

describe('a workspace in a simulated editor', () => {
  it('remembers all files, the edited one as it is typed, and forgets them in the end', async () => {
    const memory = new KeptTexts();
    const workspace = await Workspace.open(FILES, { memory });
    assert.deepEqual(
      [...memory.texts.values()],
      FILES.map(({ text }) => text),
    );
    const edited = await workspace.edit(SQUARE.path);
    await edited.remember('export class Sq\n');
    assert.deepEqual([...memory.texts.values()].sort(), [CIRCLE.text, MAIN.text, 'export class Sq\n'].sort());
    await edited.close();
    assert.deepEqual(new Set(memory.texts.values()), new Set(FILES.map(({ text }) => text)));
    await workspace.close();
    assert.equal(memory.texts.size, 0);
  });

  it('hides the line of the cursor in the edited file, and quotes a similar file next to it', async () => {
    const memory = new KeptTexts();
    const workspace = await Workspace.open(FILES, { memory });
    const edited = await workspace.edit(SQUARE.path);
    const prefix = 'export class Square {\n  area(width: number) {\n    return ';
    const { snippets, memory: place } = edited.knownAt(
      lastLineOf(prefix),
      requestIn(SQUARE.path, prefix, '\n  }\n}\n'),
    );
    assert.deepEqual(
      snippets.map(({ path }) => path),
      [CIRCLE.path],
    );
    assert.deepEqual(place.hiddenLines, [2, 2]);
    assert.equal(memory.texts.get(place.document!), SQUARE.text);
  });

  it('quotes other files without the memory too', async () => {
    const workspace = await Workspace.open(FILES, {});
    const edited = await workspace.edit(SQUARE.path);
    const request = requestIn(SQUARE.path, 'export class Square {\n  area(', ') {}\n}\n');
    const { snippets, memory } = edited.knownAt(1, request);
    assert.equal(snippets.length, 1);
    assert.deepEqual(memory, {});
    assert.equal(workspace.state, '');
  });

  it('does not remember a file that is not in it', async () => {
    const memory = new KeptTexts();
    const edited = await (await Workspace.open([CIRCLE], { memory })).edit('other.ts');
    await edited.remember('secret\n');
    assert.deepEqual([...memory.texts.values()], [CIRCLE.text]);
    assert.deepEqual(edited.knownAt(0, requestIn('other.ts', 'a', '')).memory, {});
  });

  it('does not know the files that name what a new file declares', async () => {
    const memory = new KeptTexts();
    const workspace = await Workspace.open(FILES, { memory, isNewFile: true });
    const edited = await workspace.edit(CIRCLE.path);
    assert.deepEqual(new Set(memory.texts.values()), new Set([CIRCLE.text, SQUARE.text]));
    await edited.close();
    assert.equal(memory.texts.size, 3);
  });

  it('has a state that changes with every remembered text and comes back with it', async () => {
    const workspace = await Workspace.open(FILES, { memory: new KeptTexts() });
    const before = workspace.state;
    const edited = await workspace.edit(CIRCLE.path);
    await edited.remember('export');
    assert.notEqual(workspace.state, before);
    await edited.close();
    assert.equal(workspace.state, before);
  });
});

describe('the names that a file declares', () => {
  it('are those at its top level that are long enough to be its own', () => {
    const text = [
      'export default class Shape {}',
      'export async function* shapes() {}',
      'const id = 1;',
      'declare namespace Shapes {}',
      'def area_of(shape):',
      '  const inner = 1;',
    ].join('\n');
    assert.deepEqual(namesDeclaredIn(text), new Set(['Shape', 'shapes', 'Shapes', 'area_of']));
  });

  it('are found as words only', () => {
    const names = new Set(['Shape']);
    const files = ['Shapes', 'new Shape()', 'aShape'].map((text) => ({ path: text, text }));
    assert.deepEqual(
      filesNaming(names, files).map(({ path }) => path),
      ['new Shape()'],
    );
  });
});
