import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/replay/clock';

describe('the virtual clock', () => {
  it('jumps from event to event while no engine works', async () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    for (const timeMs of [3000, 1000, 2000]) clock.at(timeMs, () => seen.push(clock.now()));
    await clock.run(() => seen.length === 3);
    assert.deepEqual(seen, [1000, 2000, 3000]);
  });

  it('advances with the real time, times the slowdown, while the engine works', () => {
    let realMs = 0;
    const clock = new VirtualClock(2, () => realMs);
    const stop = clock.work();
    realMs = 30;
    assert.equal(clock.now(), 60);
    stop();
    realMs = 500;
    assert.equal(clock.now(), 60);
  });

  it('lets a key come in the middle of a decode', async () => {
    const clock = new VirtualClock(1);
    let keyMs: number | undefined;
    clock.at(5, () => (keyMs = clock.now()));
    const stop = clock.work();
    await clock.run(() => keyMs !== undefined);
    stop();
    assert.ok(keyMs! >= 5 && clock.now() >= keyMs!);
  });

  it('ends a wait when the signal aborts', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const waited = clock.wait(1000, controller.signal);
    controller.abort();
    await waited;
    assert.equal(clock.now(), 0);
  });

  it('fails if no event is left', async () => {
    await assert.rejects(
      new VirtualClock().run(() => false),
      /no event is left/,
    );
  });
});
