import assert from 'node:assert/strict';
import { GENERAL_WEIGHTS } from '../../../src/completion/decode/generalScore';
import type { Calibration } from '../../../src/matlm/calibration';
import { KeptScores } from '../../../src/ui/keptScores';

/** The editor's storage. */
class Memento {
  readonly values = new Map<string, unknown>();
  isFull = false;
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as the editor declares it
  get<T>(key: string): T | undefined {
    return this.values.get(key) as T | undefined;
  }
  update(key: string, value: unknown): Promise<void> {
    if (this.isFull) return Promise.reject(new Error('no space'));
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, JSON.parse(JSON.stringify(value)));
    return Promise.resolve();
  }
}

const checkpoint = (id: string, calibration?: Calibration) => ({ folder: `/models/${id}`, calibration });

describe('the stored outcomes by score', () => {
  let storage: Memento;
  let warnings: string[];
  let open: KeptScores[];
  const start = () => {
    const kept = new KeptScores(storage, (text) => warnings.push(text));
    open.push(kept);
    return kept;
  };
  beforeEach(() => {
    [storage, warnings, open] = [new Memento(), [], []];
  });
  afterEach(() => {
    for (const kept of open) kept.dispose();
  });
  const learn = (kept: KeptScores, id: string, count: number) => {
    for (let i = 0; i < count; i++) kept.of(checkpoint(id))!.settled(0.5, false);
  };

  it('are none for a model whose score was measured', () => {
    assert.equal(start().of(checkpoint('a', { features: [], weights: [] })), undefined);
  });

  it('outlive a window, each model for itself', async () => {
    const first = start();
    learn(first, 'a', 60);
    await first.save();
    const second = start();
    assert.deepEqual(second.of(checkpoint('a'))!.weights, first.of(checkpoint('a'))!.weights);
    assert.notDeepEqual(second.of(checkpoint('a'))!.weights, GENERAL_WEIGHTS);
    assert.deepEqual(second.of(checkpoint('b'))!.weights, GENERAL_WEIGHTS);
    assert.ok(!JSON.stringify([...storage.values]).includes('/models'), 'no path is stored');
  });

  it('are the sum over all windows', async () => {
    const [first, second] = [start(), start()];
    learn(first, 'a', 30);
    learn(second, 'a', 30);
    await first.save();
    await second.save();
    const counts = storage.get<Record<string, { shown: number[] }>>('matcoder.scores')!;
    assert.equal(counts.a!.shown[5], 60);
  });

  it('are kept if they cannot be saved, with one warning', async () => {
    const kept = start();
    learn(kept, 'a', 3);
    storage.isFull = true;
    await kept.save();
    await kept.save();
    assert.equal(warnings.length, 1);
    storage.isFull = false;
    await kept.save();
    assert.equal(storage.get<Record<string, { shown: number[] }>>('matcoder.scores')!.a!.shown[5], 3);
  });

  it('are gone after a reset, in memory too', async () => {
    const kept = start();
    learn(kept, 'a', 60);
    await kept.save();
    learn(kept, 'a', 5);
    await kept.reset();
    await kept.save();
    assert.equal(storage.values.size, 0);
    assert.deepEqual(kept.of(checkpoint('a'))!.weights, GENERAL_WEIGHTS);
  });

  it('are gone with a model that was deleted, those of others stay', async () => {
    const kept = start();
    learn(kept, 'a', 60);
    learn(kept, 'b', 60);
    await kept.save();
    learn(kept, 'a', 5);
    await kept.forget('a');
    await kept.save();
    assert.deepEqual(Object.keys(storage.get<object>('matcoder.scores')!), ['b']);
    assert.deepEqual(kept.of(checkpoint('a'))!.weights, GENERAL_WEIGHTS);
  });

  it('count as none if they are damaged', () => {
    storage.values.set('matcoder.scores', { a: { shown: 'many' } });
    assert.deepEqual(start().of(checkpoint('a'))!.weights, GENERAL_WEIGHTS);
    storage.values.set('matcoder.scores', 7);
    assert.deepEqual(start().of(checkpoint('a'))!.weights, GENERAL_WEIGHTS);
  });
});
