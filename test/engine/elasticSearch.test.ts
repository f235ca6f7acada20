import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LocalEngine } from '../../src/engine/native';
import { type Checkpoint, openCheckpoint } from '../../src/matlm/checkpoint';
import { bytesPerToken } from '../../src/matlm/submodel';
import { chooseDrafter, decode, requestOf } from '../../src/models/elastic/drafter';
import { agreements, compare, windowsOf } from '../../src/models/elastic/scoredText';
import { searchWidths } from '../../src/models/elastic/search';
import { LIMITS } from '../../src/models/elastic/sizes';
import { TimeBox } from '../../src/models/elastic/timeBox';
import type { SampleFile } from '../../src/models/heldOut';
import { ROOT } from './harness';

// A model that was trained nested, so that its units are sorted.
describe('the search for widths', function () {
  this.timeout(300_000);
  let checkpoint: Checkpoint;
  let engine: LocalEngine;
  const folder = join(ROOT, 'src', 'completion');
  const files: SampleFile[] = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .slice(0, 6)
    .map((name) => ({ path: name, text: readFileSync(join(folder, name), 'utf8').slice(0, 1200) }));
  const texts = { search: files.slice(0, 4), heldOut: files.slice(4) };

  before(async () => {
    checkpoint = await openCheckpoint(join(ROOT, 'models', 'matlm-6m'));
    engine = new LocalEngine(ROOT, checkpoint, 2);
  });
  after(() => {
    engine.dispose();
  });

  const search = (options: Parameters<typeof searchWidths>[3] = {}) =>
    searchWidths(engine, checkpoint, texts, { now: () => 0, ...options });

  it('finds sizes within their limits, measured on held-out text, the same each time', async () => {
    const found = await search();
    const { model } = checkpoint.config;
    const xl = found.frontier.at(-1)!;
    assert.deepEqual(xl.ffnWidths, Array<number>(model.layers).fill(model.ffnSize));
    assert.deepEqual([xl.name, xl.agreementWithXL], ['XL', 1]);
    assert.ok(Object.keys(found.sizes).length > 0, 'a nested model has narrower sizes that lose little');
    let bytes = xl.bytesPerToken;
    for (const size of ['L', 'M', 'S'] as const) {
      const widths = found.sizes[size];
      if (!widths) continue;
      assert.ok(widths.every((width) => width >= 32 && width <= model.ffnSize && width % 32 === 0));
      const row = found.frontier.find(({ name }) => name === size)!;
      assert.deepEqual(row.ffnWidths, widths);
      assert.ok(row.bitsPerByte <= (1 + LIMITS[size]) * xl.bitsPerByte + 1e-3);
      assert.ok(row.bytesPerToken <= 0.95 * bytes && row.agreementWithXL > 0.5 && row.agreementWithXL <= 1);
      bytes = row.bytesPerToken;
    }
    const heldOut = windowsOf(checkpoint, texts.heldOut, 512);
    assert.equal(
      found.heldOutBytes,
      heldOut.reduce((sum, window) => sum + window.bytes, 0),
    );
    assert.deepEqual(await search(), found);
  });

  it('ends in time with the little that it measured', async () => {
    let nowMs = 0;
    const shares: number[] = [];
    const found = await search({ budgetMs: 100, now: () => (nowMs += 1), onProgress: (share) => shares.push(share) });
    assert.ok(found.searchedTokens < (await search()).searchedTokens);
    assert.equal(found.frontier.at(-1)?.name, 'XL');
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b),
    );
    assert.equal(shares.at(-1), 1);
  });

  it('measures enough held-out text to name sizes, even if the time is over', async () => {
    const { model } = checkpoint.config;
    const [full, narrow] = [model.ffnSize, 32].map((width) => Array<number>(model.layers).fill(width));
    const windows = windowsOf(checkpoint, files, 64);
    let nowMs = 0;
    const over = () => new TimeBox(1, { now: () => (nowMs += 2) });
    const { tokens } = await compare(engine, windows, full!, [narrow!], over(), 1, 200);
    assert.ok(tokens >= 200 && tokens < 264, `${tokens}`);
    assert.ok((await compare(engine, windows, full!, [narrow!], over(), 1)).tokens < 64);
    const found = await search({ budgetMs: 1, now: () => (nowMs += 2) });
    const all = await search();
    assert.ok(all.heldOutTokens > 300 && all.heldOutTokens < 2000);
    assert.equal(found.heldOutTokens, all.heldOutTokens, 'so little text is measured as a whole');
  });

  it('finds nothing without text', async () => {
    const empty = { search: [{ path: 'a.ts', text: '\n' }], heldOut: texts.heldOut };
    assert.deepEqual((await searchWidths(engine, checkpoint, empty)).sizes, {});
  });

  it('can be cancelled', async () => {
    const abort = new AbortController();
    await assert.rejects(
      search({
        signal: abort.signal,
        onProgress: () => {
          abort.abort(new Error('enough'));
        },
      }),
      /^Error: enough$/,
    );
  });

  it('measures that the full model loses nothing and agrees with itself, and a narrow one less', async () => {
    const { model } = checkpoint.config;
    const [full, narrow] = [model.ffnSize, 32].map((width) => Array<number>(model.layers).fill(width)) as [
      number[],
      number[],
    ];
    const windows = windowsOf(checkpoint, texts.heldOut, 128).slice(0, 2);
    const box = new TimeBox(1, { now: () => 0 });
    const { losses, divergences, bytes } = await compare(engine, windows, full, [full, narrow], box, 1);
    assert.deepEqual([losses[0], divergences[0]], [0, 0]);
    assert.ok(losses[1]! > 0.02 && divergences[1]! > 1 && bytes > 200);
    const [same, other] = await agreements(engine, model.vocabularySize, windows, full, [full, narrow], box, 1);
    assert.equal(same, 1);
    assert.ok(other! > 0.1 && other! < 1);
  });

  it('chooses a drafter that is cheaper than the model, or none, and leaves the text as it was', async () => {
    const { model, granularities } = checkpoint.config;
    let nowMs = 0;
    const widths = await chooseDrafter(engine, checkpoint, texts.search, { budgetMs: 100, now: () => (nowMs += 1) });
    if (widths) {
      assert.equal(widths.length, model.layers);
      assert.ok(bytesPerToken(model, widths) <= 0.8 * bytesPerToken(model, granularities.XL!));
    }
    const [{ tokens } = { tokens: [] }] = windowsOf(checkpoint, texts.search, 192);
    const request = requestOf(tokens, granularities.XL!);
    const plain = await decode(engine, request);
    const drafted = await decode(engine, {
      ...request,
      speculation: { widths: widths ?? granularities.XS!, maxTokens: 8, always: true },
    });
    assert.deepEqual(drafted.tokens, plain.tokens);
    assert.ok((drafted.end.writtenDrafts ?? 0) + (drafted.end.copiedDrafts ?? 0) > 0);
  });
});
