import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ManualClock } from '../../manualClock';
import { temporaryFolder } from '../../temporary';
import { REST_MS } from '../../../src/search/when';
import type { WordEmbedder } from './standIns';
import { QUIET, SearchedWorkspace } from './workspace';

/** An embedder that has begun a batch, and what ends it. */
interface Begun {
  readonly signal: AbortSignal;
  finish(): void;
}

/** Each batch waits until the test finishes it, or its signal. */
function heldBack(embedder: WordEmbedder): () => Promise<Begun> {
  const begun: Begun[] = [];
  let announce: () => void = () => undefined;
  embedder.before = (signal) =>
    new Promise((resolve) => {
      begun.push({ signal, finish: resolve });
      signal.addEventListener('abort', () => {
        resolve();
      });
      announce();
    });
  return async () => {
    while (begun.length === 0) await new Promise<void>((resolve) => (announce = resolve));
    return begun.shift()!;
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

describe('the building of the index', () => {
  let clock: ManualClock;
  let workspace: SearchedWorkspace;
  let next: () => Promise<Begun>;

  beforeEach(async () => {
    clock = new ManualClock();
    workspace = new SearchedWorkspace(temporaryFolder(), { clock });
    for (let i = 0; i < 12; i++) {
      const lines = ['a', 'b', 'c'].map((name) => `  const ${name}${i} = ${i};`).join('\n');
      workspace.write(`f${i}.ts`, `export function f${i}() {\n${lines}\n}\n`);
    }
    next = heldBack(workspace.embedder);
    await workspace.search.setRoots([{ path: workspace.root }]);
  });
  afterEach(() => workspace.search.dispose());

  it('stops in the middle of a batch at a key, and goes on after a rest with nothing lost', async () => {
    const first = await next();
    workspace.search.key();
    assert.ok(first.signal.aborted);
    await until(() => workspace.search.progress.now.state === 'waiting');
    assert.deepEqual(workspace.search.progress.now, { state: 'waiting', for: 'typing' });
    clock.advance(REST_MS - 1);
    workspace.search.key(); // another one, so the rest begins again
    clock.advance(REST_MS - 1);
    await sleep(20);
    assert.deepEqual(workspace.embedder.take(), []);
    clock.advance(1);
    for (let batch = 0; batch < 2; batch++) (await next()).finish();
    await until(() => workspace.search.progress.chunks === 12);
    assert.equal(workspace.embedder.take().length, 12);
  });

  it('stops if the machine goes to battery or becomes hot, or a suggestion is being written', async () => {
    const begun = await next();
    workspace.search.setMachine({ ...QUIET, thermal: 'serious' });
    assert.ok(begun.signal.aborted);
    await until(() => workspace.search.progress.now.state === 'waiting');
    workspace.search.setMachine(QUIET);
    clock.advance(5000);
    const again = await next();
    assert.ok(!again.signal.aborted);
    workspace.search.setCompleting(true);
    assert.ok(again.signal.aborted);
  });

  it('gives way to a query, which is answered from what is indexed by now', async () => {
    (await next()).finish();
    const second = await next();
    const answer = workspace.search.code('const');
    assert.ok(second.signal.aborted);
    (await next()).finish(); // the query
    const { hits, progress } = await answer;
    assert.equal(progress.chunks, 8);
    assert.equal(hits.filter(({ meaning }) => meaning !== undefined).length, 8);
    assert.equal(hits.length, 12); // the others by their words
    // The rest of the index comes a second after the query.
    await until(() => workspace.search.progress.now.state === 'waiting');
    clock.advance(1000);
    (await next()).finish();
    await until(() => workspace.search.progress.chunks === 12);
  });

  it('does not delay a query that is aborted, nor answer it', async () => {
    (await next()).finish();
    const stop = new AbortController();
    const answer = workspace.search.code('const', { signal: stop.signal });
    stop.abort(new Error('another letter'));
    await assert.rejects(answer, /another letter/);
  });
});
