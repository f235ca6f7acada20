import assert from 'node:assert/strict';
import { allSizes, savedShare, type UsageEvent } from '../../../src/statistics/counts';
import { type Days, KEPT_DAYS, parseDays } from '../../../src/statistics/days';
import { Statistics } from '../../../src/statistics/statistics';

const ANSWERED = { kind: 'answered', size: 'M', latencyMs: 20 } as const;
const READ: UsageEvent = { kind: 'read', bytes: 30, bytesByXL: 100 };
const ACCEPTED: UsageEvent = { kind: 'accepted', size: 'M', savedKeys: 12, again: false };

/** What the editor keeps between sessions, for any number of windows. */
function kept(stored?: unknown) {
  const warnings: string[] = [];
  const kept = { stored, warnings, date: new Date(2026, 2, 1, 12) };
  const storage = {
    load: () => kept.stored,
    save: (days: Days) => {
      kept.stored = JSON.parse(JSON.stringify(days));
      return Promise.resolve();
    },
  };
  const open = () =>
    new Statistics(
      storage,
      () => kept.date,
      (text) => warnings.push(text),
    );
  return { kept, open };
}

describe('statistics', () => {
  it('outlive the window', async () => {
    const { open } = kept();
    const statistics = open();
    for (const event of [ANSWERED, READ, ACCEPTED]) statistics.add(event);
    await statistics.save();
    const total = open().total();
    assert.deepEqual([total.savedKeys, total.sizes.M?.requests, total.sizes.M?.accepted], [12, 1, 1]);
    assert.equal(savedShare(total), 0.7);
  });

  it('of two windows add up', async () => {
    const { open } = kept();
    const windows = [open(), open()];
    for (const window of windows) window.add(ACCEPTED);
    for (const window of windows) await window.save();
    assert.equal(open().total().savedKeys, 24);
  });

  it('begin a new day at midnight', () => {
    const { kept: editor, open } = kept();
    const statistics = open();
    statistics.add(ACCEPTED);
    editor.date = new Date(2026, 2, 2, 0, 1);
    assert.deepEqual([statistics.today().savedKeys, statistics.total().savedKeys], [0, 12]);
  });

  it(`keep the last ${KEPT_DAYS} days of use`, async () => {
    const { kept: editor, open } = kept();
    const statistics = open();
    for (let day = 1; day <= 40; day++) {
      editor.date = new Date(2026, 2, day, 12);
      statistics.add(ACCEPTED);
      await statistics.save();
    }
    assert.equal(statistics.total().savedKeys, 12 * KEPT_DAYS);
    assert.equal(Object.keys(editor.stored as Days)[0], '2026-03-11');
  });

  it('are gone after a reset', async () => {
    const { open } = kept();
    const statistics = open();
    statistics.add(ACCEPTED);
    await statistics.save();
    statistics.add(ACCEPTED);
    await statistics.reset();
    assert.equal(statistics.total().savedKeys, 0);
    assert.equal(open().total().savedKeys, 0);
  });

  it('hold counts by size and day, and nothing else', async () => {
    const { kept: editor, open } = kept();
    const statistics = open();
    for (const event of [ANSWERED, READ]) statistics.add(event);
    await statistics.save();
    assert.deepEqual(editor.stored, {
      '2026-03-01': {
        sizes: { M: { requests: 1, shown: 0, accepted: 0, latencies: { 34: 1 } } },
        savedKeys: 0,
        autoBytes: 30,
        autoBytesByXL: 100,
      },
    });
  });

  describe('whose save fails', () => {
    /** A disk that is full until it is not; the editor's storage holds in memory what it could not write. */
    function full(holds: boolean) {
      const disk = { isFull: true, stored: undefined as unknown, memory: undefined as unknown };
      const warnings: string[] = [];
      const storage = {
        load: () => disk.memory,
        save: (days: Days) => {
          if (!disk.isFull || holds) disk.memory = JSON.parse(JSON.stringify(days));
          if (disk.isFull) return Promise.reject(new Error('no space left on the device'));
          disk.stored = disk.memory;
          return Promise.resolve();
        },
      };
      const statistics = new Statistics(
        storage,
        () => new Date(2026, 2, 1),
        (text) => warnings.push(text),
      );
      return { disk, warnings, statistics };
    }

    for (const holds of [false, true]) {
      it(`are counted once when it works again, if the editor ${holds ? 'holds' : 'drops'} them meanwhile`, async () => {
        const { disk, warnings, statistics } = full(holds);
        statistics.add(ACCEPTED);
        await statistics.save();
        await statistics.save();
        assert.equal(statistics.total().savedKeys, 12);
        assert.deepEqual([warnings.length, warnings[0]?.includes('no space left')], [1, true]);
        disk.isFull = false;
        await statistics.save();
        assert.equal(parseDays(disk.stored)['2026-03-01']?.savedKeys, 12);
        assert.equal(statistics.total().savedKeys, 12);
      });
    }
  });

  it('keep sizes separate, however a checkpoint names them', () => {
    const statistics = kept().open();
    for (const name of ['constructor', '__proto__']) {
      for (let i = 0; i < 2; i++) statistics.add({ kind: 'shown', size: name });
    }
    const { sizes } = statistics.total();
    assert.deepEqual(
      Object.entries(sizes).map(([name, { shown }]) => [name, shown]),
      [
        ['constructor', 2],
        ['__proto__', 2],
      ],
    );
  });

  it('of all sizes are summed', () => {
    const statistics = kept().open();
    statistics.add(ANSWERED);
    statistics.add({ ...ANSWERED, size: 'XL' });
    assert.equal(allSizes(statistics.total()).requests, 2);
  });

  const size = { requests: 1, shown: 0, accepted: 0, latencies: {} };
  const day = { sizes: { M: size }, savedKeys: 0, autoBytes: 0, autoBytesByXL: 0 };
  const corrupt: [unknown, RegExp][] = [
    ['text', /not an object/],
    [[day], /not an object/],
    [{ yesterday: day }, /"yesterday" is not a date/],
    [{ '2026-03-01': null }, /2026-03-01 are not an object/],
    [{ '2026-03-01': { ...day, savedKeys: -1 } }, /savedKeys of 2026-03-01/],
    [{ '2026-03-01': { ...day, autoBytes: NaN } }, /autoBytes of 2026-03-01/],
    [{ '2026-03-01': { ...day, sizes: { M: { ...size, shown: '7' } } } }, /shown of 2026-03-01, M/],
    [{ '2026-03-01': { ...day, sizes: { M: { ...size, latencies: { 999: 1 } } } } }, /unknown bucket/],
    [
      { '2026-03-01': { ...day, sizes: Object.fromEntries(Array.from({ length: 99 }, (_, i) => [i, size])) } },
      /more than 32 sizes/,
    ],
  ];
  for (const [stored, fault] of corrupt) {
    it(`that are corrupt are dropped with a warning: ${JSON.stringify(stored).slice(0, 60)}`, () => {
      assert.throws(() => parseDays(stored), fault);
      const { kept: editor, open } = kept(stored);
      const statistics = open();
      assert.equal(statistics.total().savedKeys, 0);
      assert.equal(statistics.total().savedKeys, 0);
      assert.equal(editor.warnings.length, 1, 'and the warning comes once');
      assert.match(editor.warnings[0]!, fault);
    });
  }
});
