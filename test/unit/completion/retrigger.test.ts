import assert from 'node:assert/strict';
import { Retrigger } from '../../../src/completion/retrigger';
import { TYPING_GAP_MS } from '../../../src/governor/typing';
import { VirtualClock } from '../../../src/replay/clock';
import { requestAt } from './hand';

describe('a request that was declined while the user typed', () => {
  let clock: VirtualClock;
  let retrigger: Retrigger;
  let asked: { readonly prefix: string; readonly atMs: number }[];

  beforeEach(() => {
    clock = new VirtualClock();
    asked = [];
    retrigger = new Retrigger({
      wait: clock.wait,
      onRested: ({ prefix }) => asked.push({ prefix, atMs: clock.now() }),
    });
  });

  async function at(timeMs: number): Promise<void> {
    let isTime = false;
    clock.at(timeMs, () => (isTime = true));
    await clock.run(() => isTime);
  }

  it('is repeated in a pause, and once only', async () => {
    void retrigger.declined(requestAt('const a = █'));
    await at(10 * TYPING_GAP_MS);
    assert.deepEqual(asked, [{ prefix: 'const a = ', atMs: TYPING_GAP_MS }]);
  });

  it('is forgotten when another is declined', async () => {
    void retrigger.declined(requestAt('const a█'));
    await at(100);
    void retrigger.declined(requestAt('const ab█'));
    await at(10 * TYPING_GAP_MS);
    assert.deepEqual(asked, [{ prefix: 'const ab', atMs: 100 + TYPING_GAP_MS }]);
  });

  it('is forgotten when the document changes, and not when another does', async () => {
    void retrigger.declined(requestAt('const a = █'));
    await at(100);
    retrigger.edited('output:log');
    await at(200);
    retrigger.edited('file:///a.ts');
    await at(10 * TYPING_GAP_MS);
    assert.deepEqual(asked, []);
    void retrigger.declined(requestAt('const a = █'));
    await at(11 * TYPING_GAP_MS - 10);
    retrigger.edited('output:log');
    await at(20 * TYPING_GAP_MS);
    assert.equal(asked.length, 1);
  });

  it('is forgotten when any other request comes', async () => {
    void retrigger.declined(requestAt('const a = █'));
    retrigger.cancel();
    await at(10 * TYPING_GAP_MS);
    assert.deepEqual(asked, []);
  });
});
