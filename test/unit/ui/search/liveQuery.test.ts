import assert from 'node:assert/strict';
import { NO_PROGRESS, type SearchAnswer } from '../../../../src/search/search';
import { LiveQuery, PAUSE_MS } from '../../../../src/ui/search/liveQuery';
import { ManualClock } from '../../../manualClock';

/** A search that answers when the test says so. */
function setUp(sizes: readonly [string, string] = ['S', 'XL']) {
  const clock = new ManualClock();
  const asked: {
    query: string;
    submodel: string | undefined;
    isUnfinished: boolean;
    signal: AbortSignal;
    answer: () => void;
    fail: () => void;
  }[] = [];
  const events: string[] = [];
  const live = new LiveQuery<string>({
    clock,
    search: (query, { submodel, isUnfinished, signal }) =>
      new Promise<SearchAnswer<string>>((resolve, reject) => {
        const answer = () => {
          resolve({ hits: [query], submodel: submodel ?? '', embedMs: 1, compareMs: 1, progress: NO_PROGRESS });
        };
        const fail = () => {
          reject(new Error('broken'));
        };
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
        asked.push({ query, submodel, isUnfinished, signal, answer, fail });
      }),
    sizeFor: (isPausing) => sizes[isPausing ? 1 : 0],
    onAnswer: ({ hits, submodel }, isRefined) =>
      events.push(`${hits.join()} ${submodel}${isRefined ? ' refined' : ''}`),
    onFault: (fault) => events.push(String(fault)),
    onEmpty: () => events.push('empty'),
    onBusy: (isBusy) => events.push(isBusy ? 'busy' : 'idle'),
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, asked, events, live, settle };
}

describe('a query while it is typed', () => {
  it('is asked at a key by the small size, and in a pause by the large one', async () => {
    const { clock, asked, events, live, settle } = setUp();
    live.type('retry');
    clock.advance(20);
    asked[0]?.answer();
    await settle();
    clock.advance(PAUSE_MS);
    asked[1]?.answer();
    await settle();
    assert.deepEqual(events, ['busy', 'retry S', 'idle', 'busy', 'retry XL refined', 'idle']);
  });

  it('may go on in its last word until a blank is typed', () => {
    const { clock, asked, live } = setUp();
    for (const text of ['retry re', 'retry request ']) {
      live.type(text);
      clock.advance(20);
    }
    assert.deepEqual(
      asked.map(({ query, isUnfinished }) => [query, isUnfinished]),
      [
        ['retry re', true],
        ['retry request', false],
      ],
    );
  });

  it('stops the search before it at each key', async () => {
    const { clock, asked, events, live, settle } = setUp();
    live.type('r');
    clock.advance(20);
    live.type('re');
    assert.equal(asked[0]?.signal.aborted, true);
    clock.advance(20);
    asked[1]?.answer();
    await settle();
    assert.deepEqual(
      events.filter((event) => !/busy|idle/.test(event)),
      ['re S'],
    );
  });

  it('is not asked if the next key comes at once', () => {
    const { clock, asked, live } = setUp();
    for (const text of ['r', 're', 'ret']) {
      live.type(text);
      clock.advance(5);
    }
    clock.advance(20);
    assert.deepEqual(
      asked.map(({ query }) => query),
      ['ret'],
    );
  });

  it('waits as long as an answer takes, within limits', async () => {
    const { clock, asked, live, settle } = setUp();
    live.type('r');
    clock.advance(15);
    clock.advance(70); // the answer takes so long
    asked[0]?.answer();
    await settle();
    live.type('re');
    clock.advance(60);
    assert.equal(asked.length, 1);
    clock.advance(10);
    assert.equal(asked.length, 2);
  });

  it('is not answered by the small size after the large one', async () => {
    const { clock, asked, events, live, settle } = setUp();
    live.type('retry');
    clock.advance(PAUSE_MS);
    asked[1]?.answer();
    await settle();
    asked[0]?.answer();
    await settle();
    assert.deepEqual(events, ['busy', 'retry XL refined', 'idle']);
  });

  it('is not refined if the size is the same', () => {
    const { clock, asked, live } = setUp(['S', 'S']);
    live.type('retry');
    clock.advance(2 * PAUSE_MS);
    assert.equal(asked.length, 1);
  });

  it('is asked again when the index has grown, but not too often and not while it is asked', async () => {
    const { clock, asked, events, live, settle } = setUp();
    live.again();
    live.type('retry');
    clock.advance(PAUSE_MS);
    live.again();
    assert.equal(asked.length, 2);
    asked.forEach(({ answer }) => {
      answer();
    });
    await settle();
    live.again();
    assert.equal(asked.length, 2);
    clock.advance(2000);
    live.again();
    assert.equal(asked.length, 3);
    asked[2]?.answer();
    await settle();
    assert.ok(events.includes('retry XL refined'));
  });

  it('that becomes empty shows nothing, and stops', () => {
    const { clock, asked, events, live } = setUp();
    live.type('retry');
    live.type('  ');
    clock.advance(1000);
    assert.deepEqual([events, asked.length], [['empty'], 0]);
  });

  it('that only gets a blank goes on', () => {
    const { clock, asked, live } = setUp();
    live.type('retry');
    clock.advance(20);
    live.type('retry ');
    assert.equal(asked[0]?.signal.aborted, false);
  });

  it('reports a fault, but not that of a search that was stopped', async () => {
    const { clock, asked, events, live, settle } = setUp();
    live.type('r');
    clock.advance(20);
    live.type('re');
    clock.advance(20);
    asked[1]?.fail();
    await settle();
    assert.deepEqual(
      events.filter((event) => !/busy|idle/.test(event)),
      ['Error: broken'],
    );
    live.dispose();
    clock.advance(1000);
    assert.equal(asked.length, 2);
  });
});
