import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Cursor, cursorOf } from '../../../../src/completion/cursor';
import { FILTER_NAMES, type FilterName, type Trim, trimAt } from '../../../../src/completion/filters';
import { Grammars } from '../../../../src/completion/syntax/grammars';
import { SyntaxByGrammar } from '../../../../src/completion/syntax/shape';
import { ROOT } from '../../model';
import { type GoldenCase, goldenFiles } from './golden';

const files = goldenFiles();
const grammars = new Grammars(join(ROOT, 'dist', 'grammars'));

after(() => {
  grammars.dispose();
});

/** The inserted text, and the number of characters after which the decode stops, character by character. */
async function run(golden: GoldenCase, without: readonly FilterName[] = []) {
  const { written, isCut } = golden;
  const trim = trimAt(await cursorAt(golden), without);
  const stopsAfter = Array.from({ length: written.length }, (_, i) => i + 1).find((n) => stops(trim, written, n));
  const { suggestion } = trim(written.slice(0, stopsAfter), false, isCut && stopsAfter === undefined);
  return { inserted: suggestion?.text, replaces: suggestion?.replaces ?? 0, stopsAfter };
}

async function cursorAt({ prefix, suffix, wanted, languageId, indent }: GoldenCase): Promise<Cursor> {
  const place = { path: 'a', prefix, prefixStart: 0, suffix, languageId, indent };
  if (wanted !== 'grammar') return cursorOf(place, wanted === 'block');
  await grammars.load(languageId);
  const shape = await new SyntaxByGrammar(grammars).shapeAt(languageId, place, false);
  return cursorOf(place, shape.block, shape);
}

function stops(trim: Trim, written: string, n: number): boolean {
  return trim(written.slice(0, n), true).isComplete;
}

function expected({ inserted, replaces, stopsAfter }: GoldenCase) {
  return { inserted, replaces, stopsAfter };
}

for (const { name, cases } of files) {
  describe(`the filter ${name}`, () => {
    for (const golden of cases) {
      it(golden.name, async () => {
        assert.deepEqual(await run(golden), expected(golden));
      });
    }

    it('is necessary', async () => {
      assert.ok(FILTER_NAMES.includes(name as FilterName), `there is no filter ${name}`);
      const results = await Promise.all(cases.map((golden) => run(golden, [name as FilterName])));
      assert.notDeepEqual(results, cases.map(expected), 'every case holds without it');
    });
  });
}

describe('the golden files', () => {
  it('are one for each filter', () => {
    assert.deepEqual(files.map(({ name }) => name).sort(), [...FILTER_NAMES].sort());
  });

  it('name every case differently', () => {
    const names = files.flatMap(({ cases }) => cases.map(({ name }) => name));
    assert.equal(new Set(names).size, names.length);
  });
});

describe('the result of the filters', () => {
  it('names the filter that removed the rest of the text', () => {
    const trim = trimAt(cursorOf({ prefix: 'a();\n', suffix: '\nb();\n' }, false));
    assert.deepEqual(trim('b();', false), { suggestion: undefined, emptiedBy: 'nextLines', isComplete: true });
  });

  it('is empty without a filter if the model wrote nothing', () => {
    assert.deepEqual(trimAt(cursorOf({ prefix: 'a', suffix: '' }, false))('', false), {
      suggestion: undefined,
      isComplete: true,
    });
  });
});
