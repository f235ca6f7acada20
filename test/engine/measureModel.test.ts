import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../../src/matlm/checkpoint';
import { fimCandidates } from '../../src/models/fim';
import { generalGate } from '../../src/models/generalGate';
import type { SampleFile } from '../../src/models/heldOut';
import { measureModel, storeMeasured } from '../../src/models/measureModel';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';

const MODEL = join(ROOT, 'models', 'matlm-6m');

describe('a model on the user’s own files', function () {
  this.timeout(300_000);
  let checkpoint: Checkpoint;
  // Of a pinned package: on files of this project, another prompt might be found after any change of them.
  const folder = join(ROOT, 'node_modules', 'vscode-languageserver', 'lib', 'common');
  const files: SampleFile[] = readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .map((name) => ({ path: `lib/common/${name}`, text: readFileSync(join(folder, name), 'utf8') }));

  before(async () => {
    checkpoint = await openCheckpoint(MODEL);
  });

  const measure = async (options: Partial<Parameters<typeof measureModel>[4]> = {}) =>
    measureModel(checkpoint, await generalGate(ROOT), fimCandidates(checkpoint.tokenizer), files, {
      root: ROOT,
      threads: 2,
      ...options,
    });

  it('has its prompt found, and gains by a memory that has a general gate or a fitted one', async () => {
    const shares: number[] = [];
    const found = await measure({ now: () => 0, onProgress: (share) => shares.push(share) });
    assert.ok(found?.gate && found.withMemory !== undefined);
    assert.deepEqual(found.decision.format.order, 'spm');
    assert.equal(found.decision.format.hasHeader, true);
    const { prefix, suffix, middle, file } = found.decision.format.tokens;
    assert.deepEqual({ prefix, suffix, middle, file }, checkpoint.prompt.tokens);
    assert.ok(found.withMemory < 0.9 * found.own, `${found.withMemory} with and ${found.own} bits a byte without`);
    assert.ok(found.own > 0.5 && found.own < 2.5 && found.textBytes > 3000);
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b),
    );
    assert.equal(shares.at(-1), 1);

    const copy = join(temporaryFolder(), 'model');
    cpSync(MODEL, copy, { recursive: true });
    await storeMeasured(copy, found);
    const stored = await openCheckpoint(copy);
    assert.deepEqual([stored.prompt, stored.config.gate], [found.decision.format, found.gate]);
    const record = JSON.parse(readFileSync(join(copy, 'imported.json'), 'utf8')) as {
      measured: { bytes: number; files: number; bitsPerByte: { own: number; withMemory: number; formats: object[] } };
    };
    const { bytes, bitsPerByte } = record.measured;
    assert.equal(bytes, found.textBytes);
    assert.ok(bitsPerByte.withMemory < bitsPerByte.own && bitsPerByte.formats.length >= 4);
  });

  it('ends within its time', async () => {
    let nowMs = 0;
    const found = await measure({ budgetMs: 100, now: () => (nowMs += 10) });
    assert.ok(found && found.places.length < 20, `${found?.places.length} places`);
    assert.equal(found.isFitted, false, 'too few rows to fit');
  });

  it('can be cancelled', async () => {
    const abort = new AbortController();
    const done = measure({
      signal: abort.signal,
      onProgress: () => {
        abort.abort(new Error('enough'));
      },
    });
    await assert.rejects(done);
  });

  it('has nothing to measure in empty files', async () => {
    const gate = await generalGate(ROOT);
    const empty = [{ path: 'a.ts', text: '\n' }];
    assert.equal(
      await measureModel(checkpoint, gate, fimCandidates(checkpoint.tokenizer), empty, { root: ROOT, threads: 1 }),
      undefined,
    );
  });
});
