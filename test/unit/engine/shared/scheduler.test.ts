import assert from 'node:assert/strict';
import type { Urgency } from '../../../../src/engine/engine';
import { Scheduler } from '../../../../src/engine/shared/scheduler';
import { ManualClock } from '../../../manualClock';

describe('the scheduler of the engine of all windows', () => {
  let clock: ManualClock;
  let scheduler: Scheduler;
  let log: string[];
  /** Ends the job that runs: it is done, or it yields. */
  let end: (isDone: boolean) => Promise<void>;
  let running: { readonly name: string; readonly yields: AbortSignal } | undefined;

  beforeEach(() => {
    clock = new ManualClock();
    scheduler = new Scheduler(clock);
    log = [];
    running = undefined;
  });

  const add = (owner: string, urgency: Urgency, name = `${owner} ${urgency}`) =>
    scheduler.add({
      owner,
      urgency,
      run: (yields) => {
        log.push(name);
        running = { name, yields };
        return new Promise((resolve) => {
          end = async (isDone) => {
            running = undefined;
            resolve(isDone);
            await new Promise(setImmediate);
          };
        });
      },
    });
  /** Runs the current job for a time, and all others. */
  async function finish(ms = 1): Promise<void> {
    while (running) {
      clock.advance(ms);
      await end(true);
    }
  }

  it('runs one job at a time, the most urgent first', async () => {
    for (const urgency of ['measuring', 'ahead', 'typing', 'hand', 'focused'] as const) add('a', urgency);
    assert.deepEqual(log, ['a measuring']);
    assert.ok(running?.yields.aborted);
    await finish();
    assert.deepEqual(log, ['a measuring', 'a hand', 'a focused', 'a typing', 'a ahead']);
    assert.ok(scheduler.isIdle);
  });

  it('asks a job to yield to a more urgent one, and goes on with it afterwards', async () => {
    add('a', 'ahead');
    assert.ok(!running!.yields.aborted);
    add('b', 'ahead');
    assert.ok(!running!.yields.aborted, 'an equal one waits');
    add('b', 'focused');
    assert.ok(running!.yields.aborted);
    await end(false);
    assert.equal(running?.name, 'b focused');
    assert.ok(!running.yields.aborted);
    await end(true);
    assert.equal(running.name, 'a ahead');
    await finish();
    assert.deepEqual(log, ['a ahead', 'b focused', 'a ahead', 'b ahead']);
  });

  it('does not ask twice: a job that finishes instead of yielding is done', async () => {
    add('a', 'ahead');
    add('b', 'hand');
    await finish();
    assert.deepEqual(log, ['a ahead', 'b hand']);
  });

  it('gives equally urgent windows equal time, however many requests each makes', async () => {
    for (let i = 0; i < 6; i++) add('a', 'ahead', `a${i}`);
    for (let i = 0; i < 3; i++) add('b', 'ahead', `b${i}`);
    while (running) {
      clock.advance(running.name.startsWith('a') ? 10 : 31);
      await end(true);
    }
    assert.deepEqual(log, ['a0', 'b0', 'a1', 'a2', 'a3', 'b1', 'a4', 'a5', 'b2']);
  });

  it('forgets time that was used long ago', async () => {
    add('a', 'ahead');
    await finish(1000);
    clock.advance(120_000);
    add('b', 'ahead');
    await finish(10);
    add('c', 'hand'); // the others wait for it
    add('b', 'ahead');
    add('a', 'ahead');
    await finish();
    assert.deepEqual(log.slice(2), ['c hand', 'a ahead', 'b ahead']);
  });

  it('keeps the order of one window', async () => {
    add('a', 'typing', '1');
    add('a', 'typing', '2');
    add('a', 'typing', '3');
    await end(false);
    await finish();
    assert.deepEqual(log, ['1', '1', '2', '3']);
  });

  it('does not run what was taken back, also if it has yielded', async () => {
    const first = add('a', 'ahead');
    const second = add('a', 'ahead', 'never');
    second();
    add('b', 'hand');
    await end(false);
    first();
    await finish();
    assert.deepEqual(log, ['a ahead', 'b hand']);
    assert.ok(scheduler.isIdle);
  });

  it('goes on after a job that throws', async () => {
    scheduler.add({ owner: 'a', urgency: 'hand', run: () => Promise.reject(new Error('a fault')) });
    add('a', 'typing');
    await new Promise(setImmediate);
    await finish();
    assert.deepEqual(log, ['a typing']);
  });

  it('runs measurements in turns, and passes their results and faults on', async () => {
    add('a', 'typing');
    let steps = 0;
    const inTurn = scheduler.inTurn('itself', 'measuring', () => steps++);
    const result = inTurn((onStep) => {
      onStep();
      return Promise.resolve(5);
    });
    const fault = assert.rejects(
      inTurn(() => Promise.reject(new Error('no'))),
      /no/,
    );
    add('b', 'typing');
    await finish();
    assert.equal(await result, 5);
    await fault;
    assert.equal(steps, 3, 'one of the first, and the end of each');
    assert.deepEqual(log, ['a typing', 'b typing']);
  });
});
