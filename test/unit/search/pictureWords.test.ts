import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SYSTEM_CLOCK } from '../../../src/machine/clock';
import { CodeSource } from '../../../src/search/code';
import type { Embedder } from '../../../src/search/embedder';
import { LocalSearch } from '../../../src/search/localSearch';
import { PictureSource } from '../../../src/search/pictures';
import { PictureFault } from '../../../src/pictures/picture';
import { temporaryFolder } from '../../temporary';
import { PlainVectors, WordEmbedder } from './standIns';
import { GRAMMARS, QUIET } from './workspace';

/** A drawing that looks like words: its comment is what it shows. */
const drawingOf = (words: string) => `<svg xmlns="http://www.w3.org/2000/svg"><!--${words}--></svg>`;

/** Sees in a drawing the words of its comment, which nobody else reads. */
class Eye implements Embedder<Uint8Array> {
  private readonly words = new WordEmbedder();
  readonly identity = 'eye';
  readonly dimensions = this.words.dimensions;
  readonly submodels = this.words.submodels;

  embed(pictures: readonly Uint8Array[], submodel: string, signal: AbortSignal): Promise<Float32Array> {
    const shown = pictures.map((bytes) => /<!--(.*)-->/.exec(Buffer.from(bytes).toString())?.[1] ?? '');
    return this.words.embed(shown, submodel, signal);
  }
}

describe('pictures by words', () => {
  let search: LocalSearch;
  afterEach(() => search.dispose());

  async function namesFor(query: string, files: Readonly<Record<string, string>>): Promise<string[]> {
    const root = temporaryFolder();
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const reader = {
      pixels: (bytes: Uint8Array) =>
        Buffer.from(bytes).includes('broken')
          ? Promise.reject(new PictureFault('it is broken'))
          : Promise.resolve({ rgb: bytes }),
    };
    const embedder = new WordEmbedder();
    search = new LocalSearch({
      code: { embedder, vectors: () => new PlainVectors(), source: (policy) => new CodeSource(policy, GRAMMARS) },
      pictures: {
        embedder: new Eye(),
        words: embedder,
        vectors: () => new PlainVectors(),
        source: (policy) => new PictureSource(policy, reader),
        contentOf: (bytes) => Promise.resolve(bytes),
        read: () => Promise.resolve(undefined),
      },
      storage: temporaryFolder(),
      clock: SYSTEM_CLOCK,
      say: () => undefined,
    });
    search.setMachine(QUIET);
    await search.setRoots([{ path: root }]);
    search.indexNow();
    await search.whenComplete();
    return (await search.pictures({ words: query }, { isUnfinished: true })).hits.map(({ name }) => name);
  }

  const ICONS = {
    'icons/trash-2.svg': drawingOf('house window'),
    'icons/arrow-left.svg': drawingOf('trash'),
    'icons/home.svg': drawingOf('house'),
  };

  it('are found by their names first, whatever they look like', async () => {
    assert.deepEqual((await namesFor('trash', ICONS)).slice(0, 2), ['trash-2', 'arrow-left']);
  });

  it('are found by the beginning of a name', async () => {
    assert.equal((await namesFor('arr', ICONS))[0], 'arrow-left');
  });

  it('are found by what they show if no name has the words', async () => {
    assert.equal((await namesFor('house', ICONS))[0], 'home');
  });

  it('are found in a folder that has the word', async () => {
    const files = { 'flags/a.svg': drawingOf('one'), 'other/b.svg': drawingOf('two') };
    assert.equal((await namesFor('flag', files))[0], 'a');
  });

  it('are not found if they cannot be drawn', async () => {
    const files = { ...ICONS, 'icons/trash-3.svg': drawingOf('broken') };
    assert.ok(!(await namesFor('trash', files)).includes('trash-3'));
  });
});
