import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalEngine } from '../../src/engine/native';
import { type Checkpoint, openCheckpoint } from '../../src/matlm/checkpoint';
import { readTensorEntries } from '../../src/matlm/safetensors';
import { calibrate, type SortedUnits } from '../../src/models/elastic/calibrate';
import { makeElastic, type MakeElasticOptions } from '../../src/models/elastic/makeElastic';
import { reorder } from '../../src/models/elastic/reorder';
import { bundledSample } from '../../src/models/elastic/sampleText';
import type { Stage } from '../../src/models/elastic/stages';
import { bytesOfEntry, floatsOf, meanName, mlpName, storedMatrix } from '../../src/models/elastic/weights';
import type { SampleFile } from '../../src/models/heldOut';
import { importModel } from '../../src/models/import';
import { temporaryFolder } from '../temporary';
import { randomModel, TINY_LLAMA, writeFolder } from '../tinyModel';
import { asOrdinaryUser } from '../unprivileged';
import { addon, ROOT } from './harness';

const TOKENS = Array.from('const abc = [1, 2, 3].map((x) => x + 1);\n', (char) => char.charCodeAt(0));

async function tiny(bits: 4 | 8 = 8, ffn = 96): Promise<string> {
  const config = { ...TINY_LLAMA, intermediate_size: ffn };
  const folder = join(temporaryFolder(), 'tiny');
  await importModel(writeFolder(config, randomModel(config)), folder, { addon, bits });
  return folder;
}

/** After each token, of the full model. */
async function logitsOf(checkpoint: Checkpoint): Promise<Float32Array> {
  const engine = new LocalEngine(ROOT, checkpoint, 1);
  try {
    return await engine.logits(TOKENS, checkpoint.config.granularities.XL!);
  } finally {
    engine.dispose();
  }
}

/** The root mean square of the differences, as a share of that of the first. */
function difference(a: Float32Array, b: Float32Array): number {
  const square = (values: Iterable<number>) => Array.from(values).reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(square(a.map((value, i) => value - b[i]!)) / square(a));
}

/** A checkpoint with sorted weights, which stay next to the old ones. */
async function sorted(folder: string): Promise<{ checkpoint: Checkpoint; units: SortedUnits }> {
  const before = await openCheckpoint(folder);
  const engine = new LocalEngine(ROOT, before, 1);
  const units = await calibrate(engine, before, (await bundledSample(ROOT)).slice(0, 3));
  engine.dispose();
  const weightsFile = join(temporaryFolder(), 'sorted.safetensors');
  await reorder(addon, before, units, weightsFile);
  const model = { ...before.config.model, hasCompensation: true };
  const tensors = await readTensorEntries(weightsFile);
  return { checkpoint: { ...before, weightsFile, tensors, config: { ...before.config, model } }, units };
}

describe('a model whose hidden units are sorted', function () {
  this.timeout(300_000);

  const kinds: [string, () => Promise<string>, number][] = [
    ['a scale for each row', () => Promise.resolve(join(ROOT, 'models', 'matlm-6m')), 1e-6],
    ['8 bits in groups', () => tiny(8), 0.01],
    ['4 bits in groups', () => tiny(4), 0.01],
  ];
  for (const [name, folderOf, most] of kinds) {
    it(`is the same function with ${name}`, async () => {
      const folder = await folderOf();
      const before = await logitsOf(await openCheckpoint(folder));
      const { checkpoint, units } = await sorted(folder);
      assert.ok(units.order.some((order) => order.some((unit, place) => unit !== place)));
      assert.ok(
        difference(before, await logitsOf(checkpoint)) <= most,
        `${difference(before, await logitsOf(checkpoint))}`,
      );
      const down = storedMatrix(checkpoint.tensors, mlpName(0, 'down'));
      assert.equal(down.form, name.startsWith('a scale') ? 'rows' : '8');
    });
  }

  it('has its most important units first, and the mean of each stands where the unit is', async () => {
    const { checkpoint } = await sorted(join(ROOT, 'models', 'matlm-6m'));
    const engine = new LocalEngine(ROOT, checkpoint, 1);
    const again = await calibrate(engine, checkpoint, (await bundledSample(ROOT)).slice(0, 3));
    engine.dispose();
    const handle = await open(checkpoint.weightsFile);
    for (const [layer, order] of again.order.entries()) {
      assert.deepEqual(order, Int32Array.from(order.keys()));
      const entry = checkpoint.tensors[meanName(layer)]!;
      const stored = floatsOf(await bytesOfEntry(checkpoint.weightsFile, handle, entry), 'F32');
      assert.ok(difference(stored, again.mean[layer]!) < 1e-5);
    }
    await handle.close();
  });
});

describe('a model that is made elastic', function () {
  this.timeout(300_000);
  let files: readonly SampleFile[];
  const options = { root: ROOT, sample: 'bundled' as const, threads: 1, budgetMs: 2000, now: () => new Date(0) };

  before(async () => {
    files = await bundledSample(ROOT);
  });

  const make = (folder: string, more: Partial<MakeElasticOptions> = {}) =>
    makeElastic(folder, files, { ...options, ...more });
  const contents = (folder: string) =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'hex')]));

  it('has narrower sizes, a frontier and a record, and its full size is the same', async () => {
    const folder = await tiny();
    const before = await logitsOf(await openCheckpoint(folder));
    const stages = new Map<Stage, number>();
    const shares: number[] = [];
    const made = await make(folder, {
      onProgress: (share, stage) => {
        shares.push(share);
        stages.set(stage, share);
      },
    });
    assert.deepEqual([...stages.keys()], ['calibrate', 'sort', 'search', 'draft'].slice(0, stages.size));
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b),
    );
    const checkpoint = await openCheckpoint(folder);
    assert.deepEqual(readdirSync(folder), ['config.json', 'imported.json', 'model.safetensors', 'tokenizer.json']);
    assert.equal(checkpoint.config.model.hasCompensation, true);
    assert.deepEqual({ ...checkpoint.config.granularities }, { ...made.sizes });
    assert.ok(Object.keys(made.sizes).length > 1);
    assert.equal(made.unchanged, undefined);
    assert.ok(made.record.heldOutBytes > 0 && made.heldOutTextBytes >= made.record.heldOutBytes);
    assert.ok(difference(before, await logitsOf(checkpoint)) < 0.01);
    const { matformer } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
      matformer: { elastic: Record<string, unknown>; frontier: { name: string }[] };
    };
    assert.deepEqual(matformer.elastic, { ...made.record });
    assert.equal(matformer.elastic.createdAt, '1970-01-01T00:00:00.000Z');
    assert.ok(matformer.elastic.calibratedTokens > 500);
    for (const name of Object.keys(made.sizes))
      if (name !== 'XS')
        assert.ok(
          matformer.frontier.some((row) => row.name === name),
          name,
        );
    await make(folder); // with another sample, for example
    assert.ok(difference(before, await logitsOf(await openCheckpoint(folder))) < 0.02);
  });

  for (const stage of ['calibrate', 'sort', 'search'] as const) {
    it(`is the old one if it is killed or cancelled while it should ${stage}`, async () => {
      const folder = await tiny();
      const before = contents(folder);
      const program = `
        const { makeElastic } = require('./src/models/elastic/makeElastic');
        const { bundledSample } = require('./src/models/elastic/sampleText');
        const onProgress = (share, stage) => stage === ${JSON.stringify(stage)} && process.kill(process.pid, 'SIGKILL');
        const root = ${JSON.stringify(ROOT)};
        const options = { root, sample: 'bundled', threads: 1, budgetMs: 2000, onProgress };
        bundledSample(root).then((files) => makeElastic(${JSON.stringify(folder)}, files, options));`;
      const { signal, status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '-e', program], { cwd: ROOT });
      assert.ok(signal === 'SIGKILL' || status === 1, stderr.toString());
      const left = contents(folder);
      assert.ok(Object.hasOwn(left, 'elastic.lock'), 'it was killed at work');
      for (const [name, bytes] of Object.entries(before)) assert.equal(left[name], bytes, name);

      const cancel = new AbortController();
      const cancelled = make(folder, {
        signal: cancel.signal,
        onProgress: (_, now) => {
          if (now === stage) cancel.abort(new Error('cancelled by hand'));
        },
      });
      await assert.rejects(cancelled, /^Error: cancelled by hand$/);
      assert.deepEqual(contents(folder), before, 'also what the killed one has left is gone');
    });
  }

  it('is a whole model between the exchange of its weights and of its configuration', async () => {
    const folder = await tiny();
    const before = await logitsOf(await openCheckpoint(folder));
    const config = readFileSync(join(folder, 'config.json'));
    await make(folder);
    const between = temporaryFolder();
    cpSync(folder, between, { recursive: true });
    const handle = await open(join(between, 'config.json'), 'w');
    await handle.writeFile(config);
    await handle.close();
    const checkpoint = await openCheckpoint(between);
    assert.equal(checkpoint.config.model.hasCompensation, false);
    assert.ok(difference(before, await logitsOf(checkpoint)) < 0.01);
  });

  it('is refused if it has sizes already, is too narrow, or the sample is too short', async () => {
    await assert.rejects(make(join(ROOT, 'models', 'matlm-6m')), /it has sizes already, because it was trained nested/);
    await assert.rejects(make(await tiny(8, 32)), /its feed-forward blocks have 32 hidden units/);
    const folder = await tiny();
    const short = makeElastic(folder, files.slice(0, 3), { ...options, sampleFrom: '/home/code' });
    await assert.rejects(
      short,
      /^CheckpointError: \/home\/code: the sample text is too short: .* Without narrower sizes the model works as it is\.$/,
    );
    assert.ok(!readdirSync(folder).includes('elastic.lock'));
    await assert.rejects(make(join(folder, 'none')), /there is no such folder/);
  });

  it('is refused in a folder that cannot be written', async () => {
    if (process.platform === 'win32') return; // where modes keep nobody out
    const folder = await tiny();
    chmodSync(dirname(folder), 0o755);
    chmodSync(folder, 0o555);
    await asOrdinaryUser(() => assert.rejects(make(folder), /tiny: it cannot be written \(EACCES\)\. Allow this user/));
  });
});
