import assert from 'node:assert/strict';
import { english } from '../../../../src/localisation/phrase';
import { BackOff } from '../../../../src/workspace/memory/backOff';
import { Contents } from '../../../../src/workspace/memory/contents';
import { unfitName, unfitText } from '../../../../src/workspace/memory/fitness';
import { importedFiles } from '../../../../src/workspace/memory/importedFiles';
import { isSame, Nearness, NO_SURROUNDINGS } from '../../../../src/workspace/memory/nearness';
import { describeMemory } from '../../../../src/workspace/memory/summary';
import { ManualClock } from '../../../manualClock';

describe('the nearness of files', () => {
  it('puts recent files first, then imported ones, then those of near folders', () => {
    const nearness = new Nearness({
      active: 'file:///w/app/src/ui/a.ts',
      recent: ['file:///w/app/src/ui/a.ts', 'file:///w/docs/open.md'],
      imported: new Set(['file:///w/lib/src/used', 'file:///w/lib/folder']),
    });
    const expected = [
      'file:///w/app/src/ui/a.ts',
      'file:///w/docs/open.md',
      'file:///w/lib/src/used.ts',
      'file:///w/app/src/ui/b.ts',
      'file:///w/app/src/c.ts',
      'file:///w/app/src/core/d.ts',
      'file:///w/app/src/core/deep/e.ts',
      'file:///w/lib/src/deep/f.ts',
    ];
    const ranks = expected.map((file) => nearness.rankOf(file));
    assert.deepEqual(
      ranks,
      ranks.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(ranks).size, ranks.length);
    assert.equal(nearness.rankOf('file:///w/lib/folder/index.ts'), nearness.rankOf('file:///w/lib/src/used.ts'));
    // A name that only begins alike is another folder.
    assert.ok(nearness.rankOf('file:///w/app/src/uikit/a.ts') > nearness.rankOf('file:///w/app/src/c.ts'));
  });

  it('is the depth if no file is active', () => {
    const nearness = new Nearness({ active: undefined, recent: [], imported: new Set() });
    assert.ok(nearness.rankOf('file:///w/a.ts') < nearness.rankOf('file:///w/src/a.ts'));
  });
});

describe('the surroundings', () => {
  it('are the same if the same files are near in the same order', () => {
    const here = { active: 'w/a.ts', recent: ['w/a.ts', 'w/b.ts'], imported: new Set(['w/c']) };
    assert.ok(isSame(here, { ...here, recent: [...here.recent], imported: new Set(here.imported) }));
    for (const change of [
      { active: 'w/b.ts' },
      { active: undefined },
      { recent: ['w/b.ts', 'w/a.ts'] },
      { recent: ['w/a.ts'] },
      { imported: new Set(['w/d']) },
      { imported: new Set<string>() },
    ]) {
      assert.ok(!isSame(here, { ...here, ...change }), JSON.stringify(change));
    }
  });
});

describe('the contents of the memory', () => {
  it('know the folders of their files, and no others', () => {
    const contents = new Contents(new Nearness(NO_SURROUNDINGS), 1e6);
    contents.meet('file:///w/src/ui/a.ts');
    contents.meet('file:///w/src/ui/a.ts');
    contents.meet('file:///w/src/b.ts');
    const known = () =>
      ['file:///w', 'file:///w/src', 'file:///w/src/ui', 'file:///w/src/ui/a.ts', 'file:///w/s'].map((folder) =>
        contents.hasFolder(folder),
      );
    assert.deepEqual(known(), [true, true, true, false, false]);
    contents.drop('file:///w/src/ui/a.ts');
    contents.drop('file:///w/src/ui/a.ts');
    assert.deepEqual(known(), [true, true, false, false, false]);
    contents.clear();
    assert.deepEqual(known(), [false, false, false, false, false]);
  });
});

describe('the files that a text imports', () => {
  const CASES: Record<string, [file: string, text: string, expected: string[]]> = {
    TypeScript: [
      'w/src/a.ts',
      "import { x } from './b';\nexport * from '../lib/c.js';\nawait import('./d.mjs');",
      ['w/src/b', 'w/lib/c', 'w/src/d'],
    ],
    CommonJS: ['w/a.js', "const b = require('./b');", ['w/b']],
    'packages, not': ['w/a.ts', "import fs from 'node:fs';\nimport x from 'x/y';", []],
    'C++': ['w/src/a.cc', '#include <vector>\n#include "b.h"\n  # include "../lib/c.hpp"', ['w/src/b', 'w/lib/c']],
    Python: [
      'w/pkg/a.py',
      'from . import x\nfrom .b import y\nfrom ..c.d import z\nfrom os import path',
      ['w/pkg', 'w/pkg/b', 'w/c/d'],
    ],
    Rust: ['w/src/main.rs', 'mod a;\npub mod b;\nmod tests {', ['w/src/a', 'w/src/b']],
    'names that a URI encodes': [
      'file:///c%3A/Gr%C3%B6%C3%9Fe/a.ts',
      "import './\u00e4 (1)';\nimport '../b+c!';",
      ['file:///c%3A/Gr%C3%B6%C3%9Fe/%C3%A4%20%281%29', 'file:///c%3A/b%2Bc%21'],
    ],
    'paths above the top, not': ['a.ts', "import './../../../../b';\nimport '../../c';", []],
  };
  for (const [name, [file, text, expected]] of Object.entries(CASES)) {
    it(`are found in ${name}`, () => {
      assert.deepEqual([...importedFiles(file, text)], expected);
    });
  }
});

describe('texts that are left out', () => {
  it('are those that no person writes', () => {
    const line = 'const total = items.reduce((sum, item) => sum + item.price, 0);\n';
    assert.equal(unfitText(line.repeat(2000)), undefined);
    assert.equal(unfitText(''), undefined);
    assert.equal(unfitText(`${line}${'a();'.repeat(1500)}\n`), 'minified');
    assert.equal(unfitText(`${'x = 1; '.repeat(60)}\n`.repeat(60)), 'minified');
    // A few long lines are no sign in a small file.
    assert.equal(unfitText(`${'x = 1; '.repeat(60)}\n`.repeat(10)), undefined);
  });

  it('are not even read if their names say so', () => {
    const names = [
      'logo.png',
      'Pkg.JAR',
      'a/package-lock.json',
      'a/server.log',
      'Cargo.lock',
      'app.min.js',
      'x.js.map',
      'n.ipynb',
      'a.ts',
      'lock.ts',
    ];
    assert.deepEqual(
      names.map((name) => unfitName(`file:///w/${name}`)),
      ['not text', 'not text', ...Array.from({ length: 6 }, () => 'generated'), undefined, undefined],
    );
  });
});

describe('a file that keeps changing', () => {
  it('is read half as often each time, until it has been quiet', () => {
    const clock = new ManualClock();
    const backOff = new BackOff<string>(clock.now);
    const delays: number[] = [];
    // A change every 100 ms for an hour.
    let readMs = -1;
    while (clock.now() < 3_600_000) {
      clock.advance(100);
      if (clock.now() < readMs) continue;
      const delayMs = backOff.next('log');
      delays.push(delayMs);
      readMs = clock.now() + delayMs;
    }
    assert.deepEqual(delays.slice(0, 3), [300, 600, 1200]);
    assert.ok(delays.length < 20, `it was read ${delays.length} times`);
    assert.equal(backOff.next('another'), 300);
    clock.advance(6 * 600_000);
    assert.equal(backOff.next('log'), 300);
  });
});

describe('what the memory knows', () => {
  const some = { state: 'on', files: 312, unread: 0, bytes: 1_234_000, isTruncated: false } as const;

  it('is said in a line', () => {
    const leftOut = { minified: 1, 'too large': 3 };
    assert.equal(
      english(describeMemory({ ...some, leftOut })),
      '312 files, 1.2 MB; 4 left out: 3 too large, 1 minified',
    );
    assert.equal(english(describeMemory({ ...some, files: 1, bytes: 4200, leftOut: {} })), '1 file, 5 kB');
    assert.equal(
      english(describeMemory({ ...some, unread: 20, leftOut: { secret: 2 } })),
      '312 files, 1.2 MB; 20 still to be read; 2 left out: with secrets',
    );
    assert.match(
      english(describeMemory({ ...some, leftOut: {}, isTruncated: true })),
      /MB; the workspace has more files/,
    );
  });

  it('is nothing while there is no memory, and the line says why', () => {
    const say = (state: 'off' | 'waiting' | 'unavailable') => english(describeMemory({ ...some, state, leftOut: {} }));
    assert.deepEqual([say('off'), say('waiting')], ['off', 'empty until the engine is ready']);
    assert.match(say('unavailable'), /needs the native engine/);
  });
});
