import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openMemories, type Memories } from '../../src/cli/memory';
import { cursorOf } from '../../src/completion/cursor';
import { textOf } from '../../src/completion/decode/confidence';
import { decode } from '../../src/completion/decode/decode';
import { trimAt } from '../../src/completion/filters';
import { buildPrompt, ROOM_TO_WRITE } from '../../src/completion/prompt/prompt';
import { LocalEngine } from '../../src/engine/native';
import { type Checkpoint, openCheckpoint, SHIPPED } from '../../src/matlm/checkpoint';
import { submodelOf } from '../../src/matlm/submodel';
import { lastLineOf, Workspace, type WorkspaceFile } from '../../src/replay/workspace';
import { ROOT } from './harness';

const PATHS = ['forecast', 'main', 'reading', 'report', 'station', 'statistics', 'units'].map(
  (name) => `src/${name}.ts`,
);

/** The function that `examples/README.md` asks for, which resembles `parseLog` in `src/reading.ts`. */
const HEAD = `
export function parseForecasts(text: string): Forecast[] {
  return text
    .split('\\n')
`;
/** Of `parseLog`. */
const IDIOM = 'map((line, index) => ({ line: line.trim(), number: index + 1 }))';

describe('the shipped checkpoint in the sample project', () => {
  let checkpoint: Checkpoint;
  let memories: Memories;
  let engine: LocalEngine;
  let files: WorkspaceFile[];

  before(async () => {
    checkpoint = await openCheckpoint(join(ROOT, SHIPPED));
    memories = openMemories(ROOT, checkpoint, true);
    engine = new LocalEngine(ROOT, checkpoint, 2, memories.native);
    files = await Promise.all(
      PATHS.map(async (path) => ({ path, text: await readFile(join(ROOT, 'examples', path), 'utf8') })),
    );
  });
  after(() => {
    engine.dispose();
  });

  /** The rest of the line that would be suggested below the first lines of `parseForecasts`. */
  async function complete(typed: string, submodel: string, hasMemory: boolean): Promise<string> {
    const path = 'src/forecast.ts';
    const prefix = `${files.find((file) => file.path === path)!.text}${HEAD}${typed}`;
    const excerpt = { path, prefix, prefixStart: 0, suffix: '\n}\n' };
    const workspace = await Workspace.open(files, { memory: hasMemory ? memories.memory : undefined });
    const edited = await workspace.edit(path);
    await edited.remember(prefix + excerpt.suffix);
    const { snippets, memory } = edited.knownAt(lastLineOf(prefix), excerpt);
    const room = checkpoint.config.model.contextLength - ROOM_TO_WRITE;
    const { pieces } = await decode(
      engine,
      checkpoint,
      buildPrompt(checkpoint, { ...excerpt, snippets }, room),
      {
        submodel: submodelOf(checkpoint.config, submodel),
        speculation: { widths: [], maxTokens: 0 },
        maxTokens: 48,
        multiline: false,
      },
      trimAt(cursorOf({ ...excerpt, languageId: 'typescript' }, false)),
      new AbortController().signal,
      { memory },
    );
    await workspace.close();
    return textOf(pieces).split('\n')[0]!;
  }

  for (const submodel of ['S', 'XL']) {
    it(`completes a function like one in another file with that file’s idioms at ${submodel}`, async () => {
      const first = '    .';
      const written = await complete(first, submodel, true);
      assert.equal(written, IDIOM);
      const second = `${first}${written}\n    .`;
      assert.equal(await complete(second, submodel, true), "filter(({ line }) => line !== '')");
    });

    it(`does not know these idioms without the memory at ${submodel}`, async () => {
      assert.notEqual(await complete('    .', submodel, false), IDIOM);
    });
  }
});
