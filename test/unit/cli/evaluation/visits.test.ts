import assert from 'node:assert/strict';
import { type Source, type Visit, visitsOf } from '../../../../src/cli/evaluation/visits';
import type { MemoryStats } from '../../../../src/engine/memory';
import { KeptTexts } from '../../replay/keptTexts';

const FILE = {
  path: 'list.ts',
  text: 'export class List {\n  private items: string[] = [];\n\n  add(item: string) {\n    this.items.push(item);\n  }\n}\n',
};
const OTHER = { path: 'other.ts', text: 'export class Other {\n  private things: string[] = [];\n}\n' };
const OPTIONS = { each: 2, seed: 1, memory: ['off', 'on'] as const, isNewFile: false };

async function visitAll(sources: readonly Source[], memory = new KeptTexts(), onVisit?: (visit: Visit) => void) {
  const visits: Visit[] = [];
  const opened: MemoryStats[] = [];
  for await (const visit of visitsOf(sources, OPTIONS, memory, (stats) => opened.push(stats))) {
    visits.push(visit);
    onVisit?.(visit);
  }
  return { visits, opened };
}

describe('the visits of masked spans', () => {
  it('come once each without a workspace, and know no other file', async () => {
    const { visits, opened } = await visitAll([FILE]);
    assert.ok(visits.length >= 4);
    assert.equal(new Set(visits.map(({ place }) => place)).size, visits.length);
    assert.ok(visits.every(({ memory, request }) => memory === undefined && request.snippets === undefined));
    assert.deepEqual(opened, []);
  });

  it('come with and without the memory at the same places of a workspace, with a snippet both times', async () => {
    const workspace = [FILE, OTHER];
    const { visits, opened } = await visitAll([{ ...FILE, workspace }]);
    const placesWith = (one: string) => visits.filter(({ memory }) => memory === one).map(({ place }) => place);
    assert.deepEqual(placesWith('off'), placesWith('on'));
    assert.equal(visits.length, 2 * placesWith('on').length);
    assert.ok(visits.some(({ request }) => request.snippets?.[0]?.path === OTHER.path));
    assert.deepEqual(
      opened.map(({ documents }) => documents),
      [2],
    );
  });

  it('find neither the masked text in the memory nor anything of another workspace, and leave nothing there', async () => {
    const kept = new KeptTexts();
    const { texts } = kept;
    const sources = [
      { ...FILE, workspace: [FILE, OTHER] },
      { ...OTHER, workspace: [OTHER] },
    ];
    let seen = 0;
    await visitAll(sources, kept, ({ memory, source, span }) => {
      if (memory === 'off') {
        assert.equal(texts.size, 0);
        return;
      }
      seen++;
      assert.equal(texts.size, source.workspace!.length);
      assert.ok([...texts.values()].includes(span.prefix + span.suffix));
      assert.ok(![...texts.values()].includes(source.text));
    });
    assert.ok(seen > 4);
    assert.equal(texts.size, 0);
  });
});
