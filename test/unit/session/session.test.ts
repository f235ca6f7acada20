import assert from 'node:assert/strict';
import type { Outcome } from '../../../src/completion/outcome';
import type { HardwareReport } from '../../../src/engine/hardware';
import type { EngineMemory } from '../../../src/engine/memory';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { Session } from '../../../src/session/session';
import { requestAt, settle } from '../completion/hand';
import { small } from '../model';
import { type FakeEngine, World } from './fakes';

const REPORT: HardwareReport = { machine: 'm', findings: [] };

describe('a session', () => {
  let checkpoint: Checkpoint;
  let world: World;
  let session: Session;

  before(async () => {
    checkpoint = await small();
  });
  beforeEach(() => {
    world = new World();
    session = new Session(world.parts());
  });
  afterEach(() => {
    session.dispose();
  });

  /** The checkpoint that was asked for last is open, and its engine starts. */
  async function opened(): Promise<void> {
    world.opening.at(-1)!.answer.resolve(checkpoint);
    await settle();
  }

  async function started(): Promise<void> {
    void session.start();
    await opened();
    world.lastEngine.ready();
  }

  function complete(text = 'const a = █', signal = new AbortController().signal): Promise<Outcome> {
    const { pipeline } = session;
    assert.ok(pipeline, 'there is a pipeline');
    return pipeline.complete(requestAt(text, { explicit: true }), signal);
  }

  /** The engine writes a suggestion to its end. */
  function write(text: string): void {
    const { emit, request } = world.lastEngine.requests.at(-1)!;
    for (const token of checkpoint.tokenizer.encode((request.healingPrefix ?? '') + text)) {
      emit({ type: 'token', token, probability: 0.99 });
    }
    emit({ type: 'end', reason: 'stop', decodedTokens: 4, passes: 3, decodeMs: 4 });
  }

  it('opens the checkpoint of the settings, starts the engine, and completes once it is ready', async () => {
    void session.start();
    assert.deepEqual([session.state.kind, world.opening[0]?.folder, world.engines.length], ['starting', 'shipped', 0]);
    await opened();
    assert.deepEqual([session.state.kind, world.lastEngine.state.kind], ['starting', 'starting']);
    assert.deepEqual([session.pipeline, session.config], [undefined, checkpoint.config]);
    world.lastEngine.ready();
    assert.equal(session.state.kind, 'ready');
    const answer = complete();
    await settle();
    write('b;');
    assert.equal((await answer).kind, 'shown');
    assert.deepEqual(world.decoded, ['S']);
    assert.equal(world.lines.filter((line) => line === 'info: engine starting').length, 1);
  });

  it('restarted while it opens a checkpoint has one engine, that of the last start', async () => {
    for (let i = 0; i < 3; i++) void session.start();
    const [first, second, third] = world.opening;
    third!.answer.resolve(checkpoint);
    await settle();
    first!.answer.resolve(checkpoint);
    second!.answer.reject(new Error('gone'));
    await settle();
    assert.equal(world.engines.length, 1);
    assert.equal(session.state.kind, 'starting');
  });

  it('restarted while its engine starts hears the last engine only', async () => {
    void session.start();
    await opened();
    void session.start();
    await opened();
    const [first, second] = world.engines;
    assert.deepEqual(world.alive, [second]);
    first!.ready();
    assert.deepEqual([session.state.kind, session.pipeline], ['starting', undefined]);
    second!.ready({ pid: 2 });
    first!.become({ kind: 'failed', reason: 'killed' });
    assert.equal(session.state.kind, 'ready');
    assert.ok(session.pipeline);
  });

  it('completes with the model that was chosen last, if another is chosen during the start', async () => {
    void session.start();
    world.modelFolder = 'other';
    void session.start();
    assert.deepEqual(
      world.opening.map(({ folder }) => folder),
      ['shipped', 'other'],
    );
    const other = { ...checkpoint, folder: 'other', config: { ...checkpoint.config } };
    world.opening[1]!.answer.resolve(other);
    await settle();
    world.opening[0]!.answer.resolve(checkpoint);
    await settle();
    assert.deepEqual([world.engines.length, world.lastEngine.options.modelFolder], [1, 'other']);
    assert.equal(session.config, other.config);
    assert.equal(world.lastProbe.checkpoint, other);
  });

  it('gives the reason why a checkpoint cannot be opened, and recovers when another is chosen', async () => {
    void session.start();
    world.opening[0]!.answer.reject(new Error('config.json: it does not exist'));
    await settle();
    assert.deepEqual(session.state, { kind: 'failed', reason: 'config.json: it does not exist' });
    assert.deepEqual([session.config, world.engines.length], [undefined, 0]);
    await started();
    assert.equal(session.state.kind, 'ready');
  });

  it('forgets the previous model while another is opened', async () => {
    await started();
    void session.start();
    assert.deepEqual([session.config, session.pipeline, session.predictMs('S')], [undefined, undefined, undefined]);
    assert.deepEqual(world.alive, []);
  });

  it('does not complete while a crashed engine restarts, and does again afterwards', async () => {
    await started();
    const answer = complete();
    await settle();
    world.lastEngine.become({ kind: 'restarting', reason: 'the engine ended by SIGSEGV', delayMs: 250 });
    assert.notEqual((await answer).kind, 'shown');
    assert.equal(session.pipeline, undefined);
    world.lastEngine.become({ kind: 'starting' });
    world.lastEngine.ready();
    assert.ok(session.pipeline);
    assert.equal(world.engines.length, 1, 'the client restarts its process by itself');
  });

  it('fails with the engine, and works again after a restart by hand', async () => {
    await started();
    world.lastEngine.become({ kind: 'failed', reason: 'it ended 4 times in five minutes' });
    assert.deepEqual(session.state, { kind: 'failed', reason: 'it ended 4 times in five minutes' });
    assert.equal(session.pipeline, undefined);
    assert.ok(world.lines.includes('error: engine stopped: it ended 4 times in five minutes'), world.lines.join('\n'));
    await started();
    assert.deepEqual([session.state.kind, world.alive.length], ['ready', 1]);
  });

  it('keeps the visible suggestion when another backend takes over, and predicts with its costs', async () => {
    await started();
    const answer = complete();
    await settle();
    write('b;');
    assert.equal((await answer).kind, 'shown');
    const { pipeline } = session;
    const before = session.predictMs('XL')!;
    const cost = { prefillMsPerToken: 0.01, decodeMsPerToken: 0.1 };
    world.lastEngine.ready({ backend: 'gpu', costs: { S: cost, XL: cost } });
    assert.equal(session.pipeline, pipeline);
    assert.ok(session.predictMs('XL')! < before / 5);
    const requests = world.lastEngine.requests.length;
    const typed = await pipeline!.complete(requestAt('const a = b█'), new AbortController().signal);
    assert.deepEqual([typed.kind, world.lastEngine.requests.length], ['reused', requests]);
  });

  it('stops the decodes of a pipeline that is replaced, which calls back no more', async () => {
    await started();
    const { pipeline } = session;
    const answer = complete();
    await settle();
    const { signal, emit } = world.lastEngine.requests[0]!;
    void session.start();
    assert.equal(signal.aborted, true);
    assert.notEqual((await answer).kind, 'shown');
    emit({ type: 'token', token: 300, probability: 0.99 });
    emit({ type: 'end', reason: 'stop', decodedTokens: 1, passes: 1, decodeMs: 1 });
    await opened();
    world.lastEngine.ready();
    const late = await pipeline!.complete(requestAt('let x = █', { explicit: true }), new AbortController().signal);
    assert.deepEqual([late.kind, world.engines.map(({ requests }) => requests.length)], ['failed', [1, 0]]);
    assert.deepEqual(world.decoded, []);
  });

  /** The engine that gets what a memory is told. */
  function ownerOf(memory: EngineMemory): FakeEngine | undefined {
    const text = `text ${world.engines.flatMap(({ remembered }) => remembered).length}`;
    void memory.remember(1, text);
    return world.engines.find(({ remembered }) => remembered.includes(text));
  }

  it('hands over the memory of each engine that is ready, and takes it back when the engine goes', async () => {
    await started();
    const first = world.lastEngine;
    const owners = () => world.memories.map((memory) => memory && ownerOf(memory));
    assert.deepEqual(owners(), [first]);
    first.ready({ backend: 'gpu' }); // another backend in the same process, with the same memory
    assert.equal(world.memories.length, 1);
    first.become({ kind: 'restarting', reason: 'the engine ended', delayMs: 250 });
    assert.deepEqual(owners(), [first, undefined]);
    first.ready();
    world.modelFolder = 'another';
    await started();
    const second = world.lastEngine;
    assert.notEqual(second, first);
    assert.deepEqual(owners(), [first, undefined, first, undefined, second]);
    session.dispose();
    assert.equal(world.memories.at(-1), undefined);
  });

  it('waits for nothing on behalf of a pipeline that is replaced', async () => {
    await started();
    const answer = complete();
    await settle();
    write('b;');
    await answer;
    assert.equal(world.waiting, 1, 'for the pause in which a larger submodel may write it too');
    void session.start();
    assert.equal(world.waiting, 0);
  });

  describe('that probes the hardware in the background', () => {
    it('lets the engine adopt the report', async () => {
      await started();
      world.lastProbe.events.onReport(REPORT);
      assert.deepEqual([session.hardware, world.lastEngine.adopted], [REPORT, [REPORT]]);
    });

    it('probes only while nobody waits and the engine is ready', async () => {
      void session.start();
      await opened();
      const isQuiet = () => world.lastProbe.events.isQuiet();
      world.pass(60_000);
      assert.equal(isQuiet(), false, 'the engine starts');
      world.lastEngine.ready();
      assert.equal(isQuiet(), true);
      session.typed(undefined);
      assert.equal(isQuiet(), false, 'a key was typed');
      world.pass(60_000);
      let end: () => void = () => undefined;
      session.busyWhile(new Promise<void>((resolve) => (end = resolve)));
      assert.equal(isQuiet(), false, 'a completion is in progress');
      end();
      await settle();
      assert.equal(isQuiet(), true);
      world.lastEngine.become({ kind: 'restarting', reason: 'it ended', delayMs: 1 });
      assert.equal(isQuiet(), false, 'the engine has crashed');
    });

    it('goes on completing if the probe crashes', async () => {
      await started();
      world.lastProbe.events.onFault('the driver took its process down');
      assert.ok(session.pipeline);
      assert.ok(world.lines.includes('warn: the driver took its process down'), world.lines.join('\n'));
    });

    it('goes on completing if the probe cannot begin', async () => {
      world.probeFault = new Error('EACCES: permission denied');
      await started();
      assert.ok(session.pipeline);
      assert.match(world.lines.join('\n'), /warn: the hardware cannot be probed: EACCES/);
    });

    it('ignores the probe of an earlier start, which is stopped', async () => {
      await started();
      const [old] = world.probes;
      void session.start();
      assert.equal(old!.isRunning, false);
      old!.events.onReport(REPORT);
      old!.events.onFault('late');
      assert.equal(session.hardware, undefined);
      assert.ok(!world.lines.includes('warn: late'));
      await opened();
      assert.deepEqual([world.probes.length, world.lastProbe.isRunning], [2, true]);
    });
  });

  describe('that is asked to probe the hardware', () => {
    it('stores the report and starts again', async () => {
      await started();
      const done = session.detectHardware();
      assert.equal(world.lastProbe.isRunning, false);
      world.detections[0]!.answer.resolve(REPORT);
      await settle();
      assert.deepEqual(world.stored, [REPORT]);
      await opened();
      await done;
      assert.equal(world.engines.length, 2);
    });

    it('twice at once probes once', async () => {
      await started();
      void session.detectHardware();
      void session.detectHardware();
      assert.equal(world.detections.length, 1);
    });

    it('starts again also if nothing could be probed or stored, and says why', async () => {
      await started();
      world.probeFault = new Error('ENOSPC: no space left on the device');
      const done = session.detectHardware();
      world.detections[0]!.answer.resolve(REPORT);
      await settle();
      await opened();
      await done;
      assert.equal(session.state.kind, 'starting');
      assert.match(world.lines.join('\n'), /report of the hardware probe cannot be stored, and is not used: ENOSPC/);
    });

    it('gives up if the engine is started with another model meanwhile', async () => {
      await started();
      const done = session.detectHardware();
      void session.start();
      assert.equal(world.detections[0]!.signal.aborted, true);
      await done;
      assert.deepEqual([world.stored, world.opening.length], [[], 2]);
    });
  });

  describe('that is asked to probe the hardware again after a restart', () => {
    it('makes a new probe, though the process of the stopped one has not ended', async () => {
      world.probesEndLate = true;
      await started();
      void session.detectHardware();
      await started();
      const again = session.detectHardware();
      const [stopped, running] = world.detections;
      assert.deepEqual([stopped!.signal.aborted, running?.signal.aborted], [true, false]);
      stopped!.answer.reject(new Error('the probe was stopped'));
      await settle();
      void session.detectHardware();
      assert.equal(world.detections.length, 2, 'the end of the stopped one does not hide the running one');
      running!.answer.resolve(REPORT);
      await settle();
      await opened();
      await again;
      assert.deepEqual(world.stored, [REPORT]);
    });
  });

  it('that is disposed stops everything and starts nothing again', async () => {
    await started();
    void session.detectHardware();
    void complete();
    await settle();
    const changes = world.changes;
    session.dispose();
    assert.deepEqual([world.alive, world.lastProbe.isRunning, session.pipeline], [[], false, undefined]);
    assert.equal(world.detections[0]!.signal.aborted, true);
    assert.equal(world.lastEngine.requests[0]!.signal.aborted, true);
    world.lastEngine.ready();
    world.lastProbe.events.onReport(REPORT);
    await session.start();
    await settle();
    assert.deepEqual([world.changes, world.opening.length, world.decoded], [changes, 1, []]);
  });

  it('that is disposed while it opens a checkpoint starts no engine', async () => {
    void session.start();
    session.dispose();
    await opened();
    assert.deepEqual([world.engines, session.state.kind], [[], 'stopped']);
  });
});
