import assert from 'node:assert/strict';
import { type Machine, UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { Quiet } from '../../../src/session/quiet';

const START_MS = 1000;
const LATER_MS = START_MS + 60_000;

describe('quiet', () => {
  const times: [string, number | undefined, number, boolean][] = [
    ['is not yet while the editor starts', undefined, START_MS + 19_000, false],
    ['is if nobody has typed since the start', undefined, START_MS + 20_000, true],
    ['is not soon after a key', LATER_MS - 9000, LATER_MS, false],
    ['is if the last key was long ago', LATER_MS - 10_000, LATER_MS, true],
  ];
  for (const [name, keyMs, nowMs, expected] of times) {
    it(name, () => {
      const quiet = new Quiet(START_MS);
      if (keyMs !== undefined) quiet.key(keyMs);
      assert.equal(quiet.isQuiet(nowMs, UNKNOWN_MACHINE), expected);
    });
  }

  it('is not while a completion is under way, also one that fails', async () => {
    const quiet = new Quiet(START_MS);
    const seen = () => quiet.isQuiet(LATER_MS, UNKNOWN_MACHINE);
    const ends: ((fault?: Error) => void)[] = [];
    const answers = [0, 1].map(
      () =>
        new Promise<void>((resolve, reject) =>
          ends.push((fault) => {
            if (fault) reject(fault);
            else resolve();
          }),
        ),
    );
    for (const answer of answers) quiet.busyWhile(answer);
    assert.equal(seen(), false);
    ends[0]!();
    await answers[0];
    assert.equal(seen(), false);
    ends[1]!(new Error('the engine ended'));
    await answers[1]!.catch(() => undefined);
    assert.equal(seen(), true);
  });

  const machines: [string, Partial<Machine>, boolean][] = [
    ['on mains', { powerSource: 'mains' }, true],
    ['on battery', { powerSource: 'battery' }, false],
    ['in low-power mode', { lowPower: true }, false],
    ['that others keep busy', { cpuBusyByOthersShare: 0.9 }, false],
    ['that others use a little', { cpuBusyByOthersShare: 0.2 }, true],
    ['that is slowed down by heat', { thermal: 'serious' }, false],
  ];
  for (const [name, machine, expected] of machines) {
    it(`${expected ? 'is' : 'is not'} on a machine ${name}`, () => {
      assert.equal(new Quiet(START_MS).isQuiet(LATER_MS, { ...UNKNOWN_MACHINE, ...machine }), expected);
    });
  }
});
