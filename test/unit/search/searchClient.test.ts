import assert from 'node:assert/strict';
import type { LinkEvents } from '../../../src/engine/link';
import { MAX_RESTARTS } from '../../../src/engine/restarts';
import { CodeSource } from '../../../src/search/code';
import { LocalSearch } from '../../../src/search/localSearch';
import type { FromSearch, ToSearch } from '../../../src/search/protocol';
import { SearchClient } from '../../../src/search/searchClient';
import { SearchHost } from '../../../src/search/searchHost';
import { type SearchProgress, SearchFault } from '../../../src/search/search';
import { SYSTEM_CLOCK } from '../../../src/machine/clock';
import { ManualClock } from '../../manualClock';
import { temporaryFolder } from '../../temporary';
import { PlainVectors, WordEmbedder } from './standIns';
import { GRAMMARS, SearchedWorkspace } from './workspace';

/** A process that a test decides about. */
class FakeProcess {
  readonly received: ToSearch[] = [];
  isClosed = false;

  constructor(readonly events: LinkEvents<FromSearch>) {}

  readonly link = {
    send: (message: ToSearch) => {
      this.received.push(structuredClone(message));
    },
    close: () => {
      this.isClosed = true;
    },
    kill: () => {
      this.isClosed = true;
    },
  };

  get types(): string[] {
    return this.received.map(({ type }) => type);
  }
}

describe('the search of a window', () => {
  let clock: ManualClock;
  let processes: FakeProcess[];
  let said: string[];
  let client: SearchClient;
  const last = () => processes.at(-1)!;

  beforeEach(() => {
    clock = new ManualClock();
    [processes, said] = [[], []];
    client = new SearchClient({
      ...{ hostFile: 'search.js', root: '/extension', storage: '/storage', clock },
      say: (line) => said.push(line),
      link: (_, events) => {
        const started = new FakeProcess(events);
        processes.push(started);
        return started.link;
      },
    });
  });
  afterEach(() => {
    client.dispose();
  });

  it('starts no process before it is needed', () => {
    client.setRoots([{ path: '/project' }]);
    client.key();
    client.changed(['/project/a.ts']);
    assert.equal(processes.length, 0);
    assert.equal(client.progress.now.state, 'off');
  });

  it('starts one if the index is to be built by itself, and tells it all that it knows', () => {
    client.setRoots([{ path: '/project' }]);
    client.setOn(true);
    const [open] = last().received;
    assert.ok(open?.type === 'open');
    assert.deepEqual(
      [open.root, open.storage, open.now.roots, open.now.isOn],
      [...['/extension', '/storage'], [{ path: '/project' }], true],
    );
    assert.equal(client.progress.now.state, 'starting');
  });

  it('starts one for the first question, and does not start another for the second', async () => {
    const first = client.code('a');
    const second = client.code('b', { submodel: 'XL', limit: 5 });
    assert.equal(processes.length, 1);
    const asked = last().received.filter((message) => message.type === 'ask');
    assert.deepEqual(asked[1]!.question, { kind: 'code', query: 'b', options: { submodel: 'XL', limit: 5 } });
    last().events.onMessage({ type: 'refused', id: asked[0]!.id, fault: 'no index' });
    last().events.onMessage({ type: 'reply', id: asked[1]!.id, reply: undefined });
    await assert.rejects(first, (error) => error instanceof SearchFault && error.message === 'no index');
    assert.equal(await second, undefined);
  });

  it('passes on an abort and rejects with its reason at once', async () => {
    const stop = new AbortController();
    const answer = client.code('a', { signal: stop.signal });
    stop.abort(new Error('another letter'));
    await assert.rejects(answer, /another letter/);
    assert.deepEqual(last().types, ['open', 'ask', 'abort']);
    last().events.onMessage({ type: 'reply', id: 1, reply: undefined }); // too late, and of no use
  });

  it('starts a process again after a crash, each time after a longer pause, and gives up after some', async () => {
    client.setRoots([{ path: '/project' }]);
    client.setOn(true);
    for (let crash = 0; crash < MAX_RESTARTS; crash++) {
      const answer = client.code('a');
      last().events.onEnd('ended by SIGSEGV', '');
      await assert.rejects(answer, /the search process ended by SIGSEGV\. Search again\./);
      assert.equal(processes.length, crash + 1);
      clock.advance(1000 * 2 ** crash - 1);
      assert.equal(processes.length, crash + 1);
      clock.advance(1);
      assert.equal(processes.length, crash + 2);
    }
    last().events.onEnd('ended by SIGSEGV', '');
    clock.advance(60_000);
    assert.equal(processes.length, MAX_RESTARTS + 1);
    assert.equal(client.progress.now.state, 'unavailable');
  });

  it('says why there is no search, and tries again at the next question', async () => {
    const answer = client.code('a');
    last().events.onMessage({ type: 'unusable', fault: 'config.json: it does not exist.' });
    await assert.rejects(answer, /config\.json: it does not exist/);
    assert.deepEqual(client.progress.now, { state: 'unavailable', fault: 'config.json: it does not exist.' });
    assert.ok(last().isClosed);
    void client.code('a').catch(() => undefined);
    assert.equal(processes.length, 2);
  });

  it('ends the process if it is switched off, and refuses what is asked when it is disposed', async () => {
    client.setRoots([{ path: '/project' }]);
    client.setOn(true);
    client.setOn(false);
    assert.ok(last().isClosed);
    const answer = client.code('a');
    client.dispose();
    await assert.rejects(answer, SearchFault);
    assert.ok(last().isClosed);
    await assert.rejects(client.code('a'), SearchFault);
  });

  it('does not take its own work for that of another program', () => {
    client.setRoots([{ path: '/project' }]);
    client.setOn(true);
    last().events.onMessage({
      ...{ type: 'progress', progress: client.progress, cpuShare: 0.4 },
      costs: { code: [{ submodel: 'S', embedMs: 2 }], pictures: [] },
    });
    assert.equal(client.withoutSearch({ cpuBusyByOthersShare: 0.5 }).cpuBusyByOthersShare.toFixed(2), '0.10');
    assert.deepEqual(client.withoutSearch({}), {});
    assert.deepEqual(client.costs('code'), [{ submodel: 'S', embedMs: 2 }]);
    clock.advance(3000);
    assert.equal(client.withoutSearch({ cpuBusyByOthersShare: 0.5 }).cpuBusyByOthersShare, 0.5);
  });
});

describe('the search process', () => {
  it('builds the index, answers questions while it opens, and forgets what the rules forbid', async () => {
    const workspace = new SearchedWorkspace();
    workspace.write('src/a.ts', 'export function parseNumbers(text: string) {\n  const a = 1;\n  return text;\n}\n');
    workspace.write('src/b.ts', 'export function drawCircle(radius: number) {\n  const b = 1;\n  return radius;\n}\n');
    let toClient: ((message: FromSearch) => void) | undefined;
    const host = new SearchHost({
      openSearch: ({ storage, say }) => {
        const search = new LocalSearch({
          code: {
            embedder: new WordEmbedder(),
            vectors: () => new PlainVectors(),
            source: (policy) => new CodeSource(policy, GRAMMARS),
          },
          ...{ storage, say, clock: SYSTEM_CLOCK },
        });
        return Promise.resolve({ search, dispose: () => search.dispose() });
      },
      send: (message) => toClient?.(structuredClone(message)),
      clock: SYSTEM_CLOCK,
      cpuMs: () => 0,
      cores: 2,
    });
    const client = new SearchClient({
      ...{ hostFile: '', root: '', storage: temporaryFolder() },
      say: () => undefined,
      link: (_, { onMessage }) => {
        toClient = onMessage;
        return {
          send: (message) => {
            host.receive(structuredClone(message));
          },
          close: () => undefined,
          kill: () => undefined,
        };
      },
    });
    const reached = (wanted: (progress: SearchProgress) => boolean) =>
      new Promise<void>((resolve) => {
        const stop = client.onProgress((progress) => {
          if (!wanted(progress)) return;
          stop();
          resolve();
        });
      });
    try {
      client.setRoots([{ path: workspace.root }]);
      assert.deepEqual((await client.code('draw circle')).hits, []);
      const isReady = reached(({ now, chunks }) => now.state === 'ready' && chunks === 2);
      client.indexNow();
      await isReady;
      const { hits } = await client.code('draw circle', { limit: 1 });
      assert.deepEqual([hits[0]?.path, hits[0]?.name], ['src/b.ts', 'drawCircle']);
      await assert.rejects(client.code('draw circle', { submodel: 'XS' }), /XS: there is no such size/);
      workspace.write('.matcoderignore', 'b.ts\n');
      const isLess = reached(({ chunks }) => chunks === 1);
      client.rulesChanged();
      await client.code('draw circle').then(({ hits: left }) => {
        assert.deepEqual(
          left.map(({ path }) => path).filter((path) => path === 'src/b.ts'),
          [],
        );
      });
      await isLess;
    } finally {
      client.dispose();
      await host.dispose();
      await workspace.search.dispose();
    }
  });
});
