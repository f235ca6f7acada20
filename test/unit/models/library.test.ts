import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelLibrary } from '../../../src/models/library';
import { typicalMsOf, writeMeasured } from '../../../src/models/measured';
import { temporaryFolder } from '../../temporary';

describe('the library of imported models', () => {
  const GONE = String(spawnSync(process.execPath, ['-e', '']).pid);
  let folder: string;
  let library: ModelLibrary;

  beforeEach(() => {
    folder = join(temporaryFolder(), 'models');
    library = new ModelLibrary(folder);
  });

  /** Makes a model as an import leaves it. */
  function add(id: string, record: object = {}, config: object = { model_type: 'llama' }): string {
    const path = join(folder, id);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'config.json'), JSON.stringify(config));
    writeFileSync(join(path, 'tokenizer.json'), '{}');
    writeFileSync(join(path, 'model.safetensors'), Buffer.alloc(1000));
    writeFileSync(join(path, 'imported.json'), JSON.stringify(record));
    return path;
  }

  const RUN = '.7f3c2a52-62f3-4a52-9d37-0c7d2a9b9a11';

  /** @param run the name of the import; those of earlier versions had none */
  function partial(id: string, lock?: string, run = RUN): string {
    const path = join(folder, `${id}${run}.partial`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'model.safetensors'), 'half');
    if (lock !== undefined) writeFileSync(join(folder, `${id}.lock`), lock);
    return path;
  }

  it('is empty if its folder does not exist', async () => {
    assert.deepEqual(await library.list(), []);
    assert.deepEqual(await library.clean(), []);
    assert.equal(await library.find('a'), undefined);
    assert.equal(existsSync(folder), false, 'to look at it does not make it');
  });

  it('lists models, the latest first, with what is known of them', async () => {
    add('old', { createdAt: '2026-01-01' });
    const path = add(
      'smol',
      { name: 'Smol', family: 'Llama', bits: 4, licence: 'apache-2.0', createdAt: '2026-02-01', parameters: 135e6 },
      { model_type: 'llama', matcoder: { prompt: { order: 'none' } } },
    );
    await writeMeasured(path, { typicalMs: 90, bitsPerByte: { own: 0.64, shipped: 0.6, textBytes: 90_000 } });
    const [smol, old] = await library.list();
    assert.ok(smol && old);
    assert.equal(smol.id, 'smol');
    assert.equal(smol.name, 'Smol');
    assert.equal(smol.family, 'Llama');
    assert.equal(smol.bits, 4);
    assert.equal(smol.licence, 'apache-2.0');
    assert.equal(smol.isPrefixOnly, true);
    assert.deepEqual(smol.measured, {
      typicalMs: 90,
      bitsPerByte: { own: 0.64, shipped: 0.6, textBytes: 90_000 },
    });
    const onDisk = readdirSync(path).reduce((sum, name) => sum + readFileSync(join(path, name)).length, 0);
    assert.equal(smol.diskBytes, onDisk);
    assert.equal(smol.broken, undefined);
    assert.equal(old.name, 'old', 'a model without a name is called by its id');
    assert.equal(old.family, 'llama');
    assert.equal(old.isPrefixOnly, false);
  });

  it('lists the sizes of a model, and what was measured of them', async () => {
    const elastic = { sample: 'user', createdAt: '2026-02-01', heldOutBytes: 9e4 };
    const path = add('smol', {}, { matformer: { granularities: { XL: [64], L: [48] }, elastic } });
    await writeMeasured(path, { typicalMs: 90, smallerMs: { L: 70, M: -1 } });
    const [smol] = await library.list();
    assert.deepEqual(smol?.sizes.map(({ name, ffnShare }) => [name, ffnShare]), [
      ['L', 0.75],
      ['XL', 1],
    ]);
    assert.equal(smol.elasticity?.sample, 'user');
    assert.deepEqual(['XL', 'L', 'M', 'toString'].map((size) => typicalMsOf(smol.measured, size)), [90, 70, undefined, undefined]);
  });

  it('lists a broken model, so that it can be deleted, and says which file is missing', async () => {
    rmSync(join(add('a'), 'tokenizer.json'));
    writeFileSync(join(add('b'), 'config.json'), '{');
    writeFileSync(join(add('c'), 'model.safetensors'), '');
    writeFileSync(join(add('d'), 'imported.json'), 'no json');
    const broken = new Map((await library.list()).map((model) => [model.id, model.broken]));
    assert.deepEqual(
      [...broken].sort(),
      [
        ['a', 'tokenizer.json'],
        ['b', 'config.json'],
        ['c', 'model.safetensors'],
        ['d', undefined],
      ].sort(),
    );
  });

  it('leaves out what is no model', async () => {
    add('a');
    partial('b');
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, '.hidden'));
    mkdirSync(join(folder, 'c.0.deleted'));
    assert.deepEqual(
      (await library.list()).map(({ id }) => id),
      ['a'],
    );
  });

  it('finds no model by a path', async () => {
    add('a');
    assert.equal((await library.find('a'))?.id, 'a');
    for (const id of ['../models/a', './a', 'a/../a', '..', '']) assert.equal(await library.find(id), undefined, id);
    assert.throws(() => library.folderOf('../a'), /not the id/);
  });

  describe('a reservation', () => {
    it('gives each import another folder, also to two windows at the same time', async () => {
      const other = new ModelLibrary(folder);
      const all = await Promise.all([library.reserve('Smol'), other.reserve('smol'), library.reserve('SMOL')]);
      assert.deepEqual(all.map(({ id }) => id).sort(), ['smol', 'smol-2', 'smol-3']);
      await Promise.all(all.map((reservation) => reservation.release()));
      assert.deepEqual(readdirSync(folder), []);
    });

    it('does not take the id of a model that exists', async () => {
      add('smol');
      const reservation = await library.reserve('smol');
      assert.equal(reservation.id, 'smol-2');
      await reservation.release();
    });

    it('removes what an import of that id has left behind, at its beginning and at its end', async () => {
      const before = [partial('smol', GONE, ''), partial('smol', GONE)];
      const others = partial('smol.2'); // of another model
      const reservation = await library.reserve('smol');
      assert.equal(reservation.id, 'smol');
      assert.ok(!before.some(existsSync) && existsSync(others));
      rmSync(others, { recursive: true });
      partial('smol');
      await reservation.release();
      assert.deepEqual(readdirSync(folder), []);
    });

    it('that another program has got meanwhile leaves that one its files', async () => {
      const reservation = await library.reserve('smol');
      assert.ok(reservation.isHeld());
      const others = partial('smol', '1'); // the lock of another process
      assert.ok(!reservation.isHeld());
      await reservation.release();
      assert.ok(existsSync(join(others, 'model.safetensors')));
      assert.equal(readFileSync(join(folder, 'smol.lock'), 'utf8'), '1');
    });

    it('keeps the model of an import that ended', async () => {
      const reservation = await library.reserve('smol');
      add(reservation.id);
      await reservation.release();
      assert.deepEqual(readdirSync(folder), ['smol']);
    });
  });

  it('removes what killed imports and deletions have left behind, and nothing else', async () => {
    add('model');
    partial('killed', GONE);
    partial('forgotten', undefined, '');
    mkdirSync(join(folder, 'x.0.deleted'));
    const running = await library.reserve('running');
    partial('running');
    assert.deepEqual((await new ModelLibrary(folder).clean()).sort(), [
      'forgotten.partial',
      `killed${RUN}.partial`,
      'x.0.deleted',
    ]);
    assert.deepEqual(readdirSync(folder).sort(), ['model', `running${RUN}.partial`, 'running.lock']);
    await running.release();
  });

  it('renames a model in its record, and leaves the rest of that', async () => {
    const path = add('a', { name: 'Old', bits: 4, other: { kept: true } });
    await library.rename('a', ' New name ');
    assert.equal((await library.find('a'))?.name, 'New name');
    assert.deepEqual(JSON.parse(readFileSync(join(path, 'imported.json'), 'utf8')), {
      name: 'New name',
      bits: 4,
      other: { kept: true },
    });
    assert.equal(readdirSync(path).length, 4, 'nothing is left next to it');
    await assert.rejects(library.rename('none', 'x'), /ENOENT/);
  });

  it('deletes a model, once for two windows', async () => {
    add('a');
    add('b');
    await Promise.all([library.delete('a'), new ModelLibrary(folder).delete('a')]);
    assert.deepEqual(readdirSync(folder), ['b']);
  });
});
