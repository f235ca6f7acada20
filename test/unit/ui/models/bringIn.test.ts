import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { english } from '../../../../src/localisation/phrase';
import type { Elastic, Measured, Task } from '../../../../src/models/importProtocol';
import { ModelLibrary } from '../../../../src/models/library';
import { readMeasured } from '../../../../src/models/measured';
import { bringIn, type BringInParts, findSizes } from '../../../../src/ui/models/bringIn';
import { temporaryFolder } from '../../../temporary';

describe('bringing a model in', () => {
  const choice = { bits: 4, diskBytes: 1, memoryBytes: 1, bytesPerToken: 1, isExact: true, seconds: 1 } as const;
  const measured: Measured = { typicalMs: 90, bitsPerByte: { own: 0.6, shipped: 0.5, textBytes: 100 } };
  const SPEED = { typicalMs: 80, smallerMs: { S: 30 } };
  let elastic: Elastic;
  let found: [id: string, fault: string | undefined][];
  let folder: string;
  let abort: AbortController;
  let tasks: Task['type'][];
  let reports: [share: number, message: string | undefined][];
  let lines: string[];

  beforeEach(() => {
    folder = temporaryFolder();
    abort = new AbortController();
    tasks = [];
    reports = [];
    lines = [];
    elastic = { sizes: ['XL', 'S', 'XS'], unchanged: undefined, sample: 'user' };
    found = [];
  });

  /** @param during what happens while a task runs; it may throw */
  function parts(during: (task: Task['type']) => void = () => undefined): BringInParts {
    return {
      library: new ModelLibrary(folder),
      root: '/root',
      shippedFolder: '/shipped',
      threads: () => 1,
      typical: { promptTokens: 1, newTokens: 1 },
      userTexts: () => Promise.resolve([{ path: 'a.ts', text: 'a' }]),
      run: (task, { onProgress }) => {
        tasks.push(task.type);
        if (task.type === 'import') {
          mkdirSync(`${task.folder}.partial`);
          writeFileSync(join(`${task.folder}.partial`, 'model.safetensors'), 'half');
        }
        onProgress?.(0.5, ...(task.type === 'elastic' ? ['search' as const] : []));
        if (task.type === 'elastic') writeFileSync(join(task.folder, 'model.safetensors.partial'), 'half');
        try {
          during(task.type);
        } catch (error) {
          return Promise.reject(error instanceof Error ? error : new Error('unknown'));
        }
        if (task.type === 'import') {
          mkdirSync(task.folder);
          return Promise.resolve(undefined as never);
        }
        const results = { inspect: undefined, measure: measured, elastic, speed: SPEED };
        return Promise.resolve(results[task.type] as never);
      },
      onSizes: (id, fault) => {
        found.push([id, fault && english(fault)]);
      },
      log: { info: (line) => lines.push(line), warn: (line) => lines.push(`warning: ${line}`) },
    };
  }

  const run = (given: BringInParts) =>
    bringIn(given, { path: 'smol.gguf', name: 'Smol', choice }, abort.signal, (share, message) => {
      reports.push([share, message]);
    });

  it('imports it, measures it, finds smaller sizes, and keeps the figures', async () => {
    assert.equal(await run(parts()), 'smol');
    assert.deepEqual(tasks, ['import', 'measure', 'elastic', 'speed']);
    assert.deepEqual(await readMeasured(join(folder, 'smol')), { ...measured, ...SPEED });
    assert.deepEqual(found, [['smol', undefined]]);
    assert.deepEqual(readdirSync(folder), ['smol'], 'neither a lock nor a partial folder is left');
  });

  it('reports progress that never goes back, and what Cancel means', async () => {
    await run(parts());
    const shares = reports.map(([share]) => share);
    assert.deepEqual(
      shares,
      [...shares].sort((a, b) => a - b),
    );
    assert.ok(shares.every((share) => share > 0 && share < 1));
    assert.deepEqual(
      reports.flatMap(([, message]) => message ?? []),
      [
        'measuring it on your files; Cancel keeps the model',
        'finding smaller sizes: reading your files; Cancel keeps the model as it is',
        'finding smaller sizes: comparing them; Cancel keeps the model as it is',
        'measuring how fast its sizes are; Cancel keeps them',
      ],
    );
  });

  for (const [what, fault] of [
    ['is cancelled', () => { abort.abort(); }],
    ['fails', () => undefined],
  ] as const) {
    it(`leaves nothing behind if the import ${what}`, async () => {
      const given = parts(() => {
        fault();
        throw new Error('no more');
      });
      await assert.rejects(run(given), /no more/);
      assert.deepEqual(tasks, ['import']);
      assert.deepEqual(readdirSync(folder), []);
    });
  }

  it('leaves nothing behind if the import is cancelled after its last step, before its answer', async () => {
    const given = parts((task) => {
      if (task !== 'import') return;
      mkdirSync(join(folder, 'smol'));
      abort.abort();
      throw new Error('cancelled');
    });
    await assert.rejects(run(given), /cancelled/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('keeps the model without figures if the measurement is cancelled', async () => {
    const given = parts((task) => {
      if (task !== 'measure') return;
      abort.abort();
      throw new Error('cancelled');
    });
    assert.equal(await run(given), 'smol');
    assert.ok(existsSync(join(folder, 'smol')));
    assert.deepEqual(await readMeasured(join(folder, 'smol')), {});
    assert.deepEqual(tasks, ['import', 'measure'], 'nor are sizes looked for');
    assert.ok(!lines.some((line) => line.startsWith('warning')));
  });

  it('keeps it, and says why in the log, if the measurement fails', async () => {
    const given = parts((task) => {
      if (task === 'measure') throw new Error('out of memory');
    });
    assert.equal(await run(given), 'smol');
    assert.deepEqual(
      lines.filter((line) => line.startsWith('warning')),
      ['warning: the imported model could not be measured: out of memory'],
    );
    assert.deepEqual(await readMeasured(join(folder, 'smol')), SPEED, 'its sizes are found nevertheless');
  });

  it('keeps the model as it is if the search for sizes is cancelled, and removes what that has left', async () => {
    const given = parts((task) => {
      if (task !== 'elastic') return;
      abort.abort();
      throw new Error('cancelled');
    });
    assert.equal(await run(given), 'smol');
    assert.deepEqual(await readMeasured(join(folder, 'smol')), measured);
    assert.deepEqual(readdirSync(join(folder, 'smol')), ['measured.json']);
    assert.deepEqual(found, []);
    assert.ok(!lines.some((line) => line.startsWith('warning')));
  });

  it('keeps it, and says why in the log and to the user, if that fails', async () => {
    const given = parts((task) => {
      if (task === 'elastic') throw new Error('smol: the sample text is too short');
    });
    assert.equal(await run(given), 'smol');
    assert.deepEqual(await readMeasured(join(folder, 'smol')), measured);
    assert.deepEqual(readdirSync(join(folder, 'smol')), ['measured.json']);
    assert.deepEqual(found, [['smol', 'smol: the sample text is too short']]);
    assert.equal(lines.at(-1), 'warning: no smaller sizes of smol were found: smol: the sample text is too short');
  });

  const exchange = () => {
    const matformer = { granularities: { XL: [64], S: [32] }, elastic: { createdAt: '2026-01-01T00:00:00.000Z' } };
    writeFileSync(join(folder, 'smol', 'config.json'), JSON.stringify({ matformer }));
  };

  it('keeps and tells the sizes if it is cancelled between the exchange of the model and the answer', async () => {
    const given = parts((task) => {
      if (task !== 'elastic') return;
      exchange();
      abort.abort();
      throw new Error('cancelled');
    });
    assert.equal(await run(given), 'smol');
    assert.deepEqual(found, [['smol', undefined]]);
    assert.match(lines.at(-1)!, /^smol has the sizes S, XL, which were there before the search ended: cancelled$/);
    assert.deepEqual(readdirSync(join(folder, 'smol')).sort(), ['config.json', 'measured.json']);
  });

  it('keeps and tells the sizes if the process ends before its answer, and measures how fast they are', async () => {
    const given = parts((task) => {
      if (task !== 'elastic') return;
      exchange();
      throw new Error('it ended by SIGKILL');
    });
    assert.equal(await run(given), 'smol');
    assert.deepEqual(found, [['smol', undefined]]);
    assert.deepEqual(await readMeasured(join(folder, 'smol')), { ...measured, ...SPEED });
  });

  for (const [what, abortNow, warnings] of [
    ['is cancelled', true, []],
    ['fails', false, ['warning: the speed of the sizes of smol could not be measured: out of memory']],
  ] as const)
    it(`keeps and tells the sizes if the measurement of their speed ${what}, without the speed of those before`, async () => {
      const given = parts((task) => {
        if (task !== 'speed') return;
        if (abortNow) abort.abort();
        throw new Error('out of memory');
      });
      assert.equal(await run(given), 'smol');
      assert.deepEqual(found, [['smol', undefined]]);
      assert.ok(lines.some((line) => line.startsWith('smol has the sizes XL, S, XS')));
      assert.deepEqual(await readMeasured(join(folder, 'smol')), { bitsPerByte: measured.bitsPerByte });
      assert.deepEqual(
        lines.filter((line) => line.startsWith('warning')),
        warnings,
      );
    });

  it('says so if no smaller size is good enough', async () => {
    elastic = { sizes: ['XL'], unchanged: 'loss', sample: 'bundled' };
    assert.equal(await run(parts()), 'smol');
    assert.deepEqual(found, [['smol', 'every smaller size predicts your files too badly']]);
    assert.match(lines.at(-1)!, /^smol stays as it was, sample: bundled; every smaller size predicts/);
    assert.deepEqual(await readMeasured(join(folder, 'smol')), measured, 'so its figures do, too');
  });

  it('says so if new sizes are not good enough and the old ones are kept', async () => {
    elastic = { sizes: ['XL', 'S'], unchanged: 'loss', sample: 'user' };
    await run(parts());
    assert.deepEqual(found, [['smol', 'every smaller size predicts your files too badly']]);
    assert.match(lines.at(-1)!, /^smol stays as it was, /);
  });

  it('says so if no smaller size saves what sorting weights of 4 bits costs', async () => {
    elastic = { sizes: ['XL'], unchanged: 'growth', sample: 'user' };
    await run(parts());
    assert.match(found[0]![1]!, /^no smaller size saves enough, because some of its weights of 4 bits would need 8$/);
  });

  it('tells whoever asked for the sizes of a model that is there why there are none', async () => {
    await run(parts());
    const given = parts(() => {
      throw new Error('no room on the disk');
    });
    await assert.rejects(
      findSizes(given, 'smol', abort.signal, () => undefined),
      /no room on the disk/,
    );
    assert.deepEqual(found.at(-1), ['smol', 'no room on the disk']);
  });
});
