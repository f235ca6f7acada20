import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { CHECK_MS } from '../../../src/session/importedModel';
import { Session } from '../../../src/session/session';
import { requestAt, settle } from '../completion/hand';
import { small } from '../model';
import { type FakeEngine, World } from './fakes';

const COST = { prefillMsPerToken: 0.1, decodeMsPerToken: 1 };

describe('an imported model beside the main one', () => {
  let checkpoint: Checkpoint;
  let dense: Checkpoint;
  let world: World;
  let session: Session;

  before(async () => {
    checkpoint = await small();
    const { XL = [] } = checkpoint.config.granularities;
    dense = { ...checkpoint, folder: 'other', config: { ...checkpoint.config, granularities: { XL }, frontier: [] } };
  });
  beforeEach(() => {
    world = new World();
    world.imported = { folder: 'other', name: 'Other', relativeBits: 0.8 };
    session = new Session(world.parts());
  });
  afterEach(() => {
    session.dispose();
  });

  const mainEngine = () => world.engines.find(({ options }) => options.modelFolder === 'shipped')!;
  const otherEngines = () => world.engines.filter(({ options }) => options.modelFolder === 'other');
  const otherEngine = (): FakeEngine => otherEngines().at(-1)!;
  const state = () => session.imported.state;
  const names = () => session.pipeline?.models.all.map(({ checkpoint: { folder } }) => folder);

  /** Time passes in steps, so that what is checked again and again is checked. */
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += CHECK_MS) {
      world.pass(Math.min(CHECK_MS, ms - passed));
      await settle();
    }
  }

  /** The main model is ready. */
  async function started(): Promise<void> {
    void session.start();
    await settle();
    world.opening.find(({ folder }) => folder === 'shipped')!.answer.resolve(checkpoint);
    await settle();
    mainEngine().ready();
    await settle();
  }

  /** The imported model is opened in a pause, and its engine starts. */
  async function loading(): Promise<void> {
    await pass(2 * CHECK_MS);
    world.opening.find(({ folder }) => folder === 'other')!.answer.resolve(dense);
    await settle();
  }

  async function loaded(): Promise<void> {
    await started();
    await loading();
    otherEngine().ready({ costs: { XL: COST } });
  }

  it('is loaded in a pause, and then completions come from both', async () => {
    await started();
    assert.deepEqual([state().kind, names()?.length], ['unloaded', 1]);
    await loading();
    assert.equal(state().kind, 'loading');
    otherEngine().ready({ costs: { XL: COST } });
    assert.deepEqual([state().kind, names()?.length], ['ready', 2]);
    assert.ok(session.predictMs('Other'));
    assert.equal(session.pipeline!.models.costs.named('Other').relativeBits, 0.8);
  });

  it('is probed on this machine while nobody types and memory has room for it once more, and uses what is found', async () => {
    await loaded();
    const probe = world.probes.find(({ checkpoint: { folder } }) => folder === 'other')!;
    assert.ok(probe.isRunning);
    await pass(60_000);
    assert.ok(probe.events.isQuiet());
    session.typed(undefined);
    assert.ok(!probe.events.isQuiet());
    await pass(60_000);
    world.freeBytes = 5e8;
    assert.ok(!probe.events.isQuiet());
    const report = { machine: 'm', findings: [] };
    probe.events.onReport(report);
    assert.deepEqual([otherEngine().adopted, mainEngine().adopted], [[report], []]);
    session.dispose();
    assert.ok(!probe.isRunning);
  });

  it('is not loaded while the user types', async () => {
    await started();
    for (let key = 0; key < 40; key++) {
      session.typed(undefined);
      await pass(500);
    }
    assert.equal(world.opening.length, 1);
    await loading();
    assert.equal(state().kind, 'loading');
  });

  it('is followed without a signal that each check adds to, and a stop ends the wait for the next one', async () => {
    const { mock: any } = mock.method(AbortSignal, 'any');
    await loaded();
    await pass(10 * CHECK_MS);
    any.restore();
    assert.equal(any.callCount(), 0);
    assert.equal(world.waiting, 1);
    session.dispose();
    assert.equal(world.waiting, 0);
  });

  it('joins a main model that becomes ready after it', async () => {
    void session.start();
    await settle();
    await loading();
    otherEngine().ready({ costs: { XL: COST } });
    world.opening.find(({ folder }) => folder === 'shipped')!.answer.resolve(checkpoint);
    await settle();
    mainEngine().ready();
    assert.equal(names()?.length, 2);
  });

  it('joins the main model again after a restart of that', async () => {
    await loaded();
    mainEngine().become({ kind: 'restarting', reason: 'the engine ended by SIGSEGV', delayMs: 250 });
    assert.equal(state().kind, 'ready');
    mainEngine().ready();
    assert.equal(names()?.length, 2);
  });

  it('stays when another backend takes over, with other costs and an empty cache', async () => {
    await loaded();
    const { pipeline } = session;
    const { cache } = pipeline!.models.all[1]!;
    cache.wasRead([1, 2, 3]);
    const before = session.predictMs('Other')!;
    otherEngine().ready({ costs: { XL: { prefillMsPerToken: 1, decodeMsPerToken: 10 } } });
    assert.equal(session.predictMs('Other'), 10 * before);
    assert.deepEqual([cache.unreadOf([1, 2, 3]), session.pipeline === pipeline], [3, true]);
  });

  it('is in use also if its engine has sizes already that were found after its checkpoint was opened', async () => {
    await started();
    await loading();
    otherEngine().ready({ costs: { XL: COST, 'of a later search': COST } });
    assert.deepEqual([state().kind, names()?.length], ['ready', 2]);
    otherEngine().ready({ costs: { XL: COST, 'of a later search': COST } });
    assert.deepEqual([state().kind, names()?.length], ['ready', 2]);
  });

  it('never hurts the main model, whatever becomes of it', async () => {
    await loaded();
    const { pipeline } = session;
    otherEngine().become({ kind: 'restarting', reason: 'the engine ended by SIGSEGV', delayMs: 250 });
    assert.equal(names()?.length, 1);
    otherEngine().ready({ costs: { XL: COST } });
    assert.equal(names()?.length, 2);
    otherEngine().become({ kind: 'failed', reason: 'it failed 4 times in five minutes' });
    assert.deepEqual(state(), { kind: 'failed', reason: 'it failed 4 times in five minutes' });
    assert.deepEqual([names()?.length, session.state.kind, session.pipeline === pipeline], [1, 'ready', true]);
    await pass(100 * CHECK_MS);
    assert.equal(otherEngines().length, 1, 'it is not tried again and again');
  });

  it('ends its decodes when it goes, so that no request waits for it', async () => {
    await loaded();
    const request = requestAt('const a = █', { explicit: true });
    const answer = session.pipeline!.complete(request, new AbortController().signal);
    await settle();
    const running = [mainEngine(), otherEngine()].flatMap(({ requests }) => requests);
    assert.equal(running.length, 1);
    otherEngine().become({ kind: 'failed', reason: 'killed' });
    mainEngine().become({ kind: 'failed', reason: 'killed' });
    assert.notEqual((await answer).kind, 'shown');
  });

  it('fails alone if its checkpoint cannot be opened, and is tried again at the next start', async () => {
    await started();
    await pass(2 * CHECK_MS);
    world.opening[1]!.answer.reject(new Error('config.json: it does not exist'));
    await settle();
    assert.deepEqual(state(), { kind: 'failed', reason: 'config.json: it does not exist' });
    assert.equal(session.state.kind, 'ready');
    await session.startImported();
    await settle();
    assert.deepEqual([state().kind, world.opening.length], ['loading', 3]);
  });

  it('goes on as it is when the main model is started again', async () => {
    await loaded();
    void session.start();
    await settle();
    assert.deepEqual([otherEngines().length, state().kind], [1, 'ready']);
  });

  it('leaves the process too if the user restarts the engine, and is loaded again', async () => {
    await loaded();
    const engines = [mainEngine(), otherEngine()];
    void session.restart();
    await settle();
    assert.deepEqual(
      engines.map(({ isAlive, isToRestart }) => [isAlive, isToRestart]),
      [
        [false, true],
        [false, true],
      ],
    );
    await pass(2 * CHECK_MS);
    assert.equal(world.opening.filter(({ folder }) => folder === 'other').length, 2);
  });

  it('is opened again if it was imported or measured again', async () => {
    await loaded();
    world.imported = { ...world.imported!, revision: 'the second' };
    await session.startImported();
    assert.equal(otherEngine().isAlive, false);
    await pass(2 * CHECK_MS);
    assert.equal(world.opening.filter(({ folder }) => folder === 'other').length, 2);
  });

  it('is replaced by another choice, and goes with none', async () => {
    await loaded();
    world.imported = { folder: 'third', name: 'Third' };
    await session.startImported();
    assert.equal(names()?.length, 1);
    assert.equal(otherEngine().isAlive, false);
    await pass(2 * CHECK_MS);
    assert.equal(world.opening.at(-1)!.folder, 'third');
    world.imported = undefined;
    await session.startImported();
    assert.deepEqual(state(), { kind: 'none' });
    world.opening.at(-1)!.answer.resolve(dense);
    await pass(2 * CHECK_MS);
    assert.deepEqual([world.alive.length, names()?.length], [1, 1]);
  });

  it('is not loaded without enough memory, and unloaded when memory is short', async () => {
    world.freeBytes = 1e8;
    await started();
    await loading().catch(() => undefined);
    assert.match(JSON.stringify(state()), /MB of free memory/);
    assert.equal(otherEngines().length, 0);
    world.freeBytes = 8e9;
    await loading();
    otherEngine().ready({ costs: { XL: COST } });
    world.freeBytes = 1e8;
    await pass(2 * CHECK_MS);
    assert.deepEqual([state().kind, otherEngine().isAlive, names()?.length], ['unloaded', false, 1]);
    world.freeBytes = 4e8;
    await pass(2 * CHECK_MS);
    assert.equal(state().kind, 'unloaded', 'what it has freed is not enough to load it again');
    world.freeBytes = 8e9;
    await pass(2 * CHECK_MS);
    assert.equal(state().kind, 'loading');
  });

  it('is unloaded while the user is away, and comes back with the user', async () => {
    await loaded();
    await pass(20 * 60_000);
    assert.equal(state().kind, 'unloaded');
    session.typed(undefined);
    await pass(2 * CHECK_MS);
    assert.equal(state().kind, 'loading');
  });

  it('is loaded on battery only once the user asks by hand', async () => {
    await started();
    mainEngine().machine = { powerSource: 'battery', lowPower: false, thermal: 'nominal', readAtMs: 0 };
    await pass(4 * CHECK_MS);
    assert.equal(world.opening.length, 1);
    session.busyWhile(Promise.resolve(), true);
    await settle();
    world.opening[1]!.answer.resolve(dense);
    await settle();
    assert.equal(state().kind, 'loading');
  });

  it('has the texts of the workspace remembered again, because its memory is empty', async () => {
    await started();
    assert.deepEqual([world.memories.length, world.refeeds], [1, 0]);
    await loading();
    otherEngine().ready({ costs: { XL: COST } });
    assert.deepEqual([world.memories.length, world.refeeds], [1, 1], 'the main one keeps what it has');
  });

  it('leaves nothing running when the session ends', async () => {
    await loaded();
    session.dispose();
    assert.deepEqual([world.alive.length, world.waiting], [0, 0]);
  });
});
