import assert from 'node:assert/strict';
import { join } from 'node:path';
import { shapeByIndentation } from '../../src/completion/syntax/shape';
import { EngineClient } from '../../src/engine/client';
import type { EngineMemory } from '../../src/engine/memory';
import { AUTO } from '../../src/governor/settings';
import { openCheckpoint, SHIPPED } from '../../src/matlm/checkpoint';
import { systemClock } from '../../src/session/clock';
import { Session } from '../../src/session/session';
import { requestAt } from '../unit/completion/hand';
import { MODEL } from '../unit/model';
import { ROOT } from './harness';

/** The shipped model plays the imported one. Each has a process of its own, so that one can be killed. */
describe('two models in one session', function () {
  this.timeout(300_000);
  let session: Session;
  let submodel: string;
  let memory: EngineMemory | undefined;
  let lacks: number;
  let onChange: () => void;

  beforeEach(() => {
    submodel = 'Other';
    lacks = 0;
    onChange = () => undefined;
    const nothing = { start: () => undefined, stop: () => undefined };
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    session = new Session({
      settings: {
        engine: () => ({ modelFolder: MODEL, threads: 1 }),
        governor: () => ({ ...AUTO, submodel }),
        eagerness: () => 'eager',
        imported: () => Promise.resolve({ folder: join(ROOT, SHIPPED), name: 'Other', relativeBits: 0.8 }),
      },
      openCheckpoint,
      createEngine: (options) =>
        new EngineClient({ ...options, hostFile: join(ROOT, 'dist', 'engine.js'), root: ROOT }),
      probes: {
        stored: () => undefined,
        store: () => undefined,
        inBackground: () => nothing,
        detect: () => Promise.reject(new Error('this test probes nothing')),
      },
      syntax: { shapeAt: (_languageId, excerpt) => Promise.resolve(shapeByIndentation(excerpt, false)) },
      clock: systemClock,
      log,
      memory: () => ({ totalBytes: 16e9, freeBytes: 8e9 }),
      onChange: () => {
        onChange();
      },
      onStart: () => undefined,
      onMemory: (now) => {
        memory = now;
      },
      onMemoryLacks: () => {
        lacks++;
      },
      onDecoded: () => undefined,
      onRested: () => undefined,
    });
  });
  afterEach(() => {
    session.dispose();
  });

  /** Resolves once the session is as wanted. */
  function until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      onChange = () => {
        if (isSo()) resolve();
      };
      onChange();
    });
  }

  const isReady = () => session.state.kind === 'ready' && session.imported.state.kind === 'ready';

  async function started(): Promise<void> {
    void session.start();
    await until(isReady);
  }

  async function completed(text: string): Promise<string | undefined> {
    const request = requestAt(text, { explicit: true });
    const outcome = await session.pipeline!.complete(request, new AbortController().signal);
    assert.notEqual(outcome.kind, 'failed');
    return 'work' in outcome ? outcome.work.submodel : undefined;
  }

  it('complete by either, each in its own tokens', async () => {
    await started();
    assert.equal(await completed('const a = [1, 2, 3];\nconst b = a.█'), 'Other');
    submodel = 'S';
    assert.equal(await completed('const c = [1, 2, 3];\nconst d = c.█'), 'S');
  });

  it('remember the same texts', async () => {
    await started();
    assert.equal(lacks, 1);
    const text = 'export const answer = fortyTwo();\n'.repeat(20);
    const both = await memory!.remember(1, text);
    assert.equal(both.documents, 1);
    const none = await memory!.forget([1]);
    assert.equal(none.documents, 0);
  });

  it('complete without the imported one while its process is gone, and with it once it is back', async () => {
    await started();
    const { state } = session.imported;
    const main = session.pipeline;
    assert.ok(state.kind === 'ready');
    process.kill(state.info.pid, 'SIGKILL');
    await until(() => session.imported.state.kind !== 'ready');
    // Auto answers while the model of the fixed size is not there.
    assert.notEqual(await completed('const a = [1, 2, 3];\nconst b = a.█'), 'Other');
    await until(isReady);
    assert.equal(session.pipeline, main);
    assert.equal(await completed('const e = [1, 2, 3];\nconst f = e.█'), 'Other');
  });
});
