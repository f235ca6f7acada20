import assert from 'node:assert/strict';
import { english } from '../../../src/localisation/phrase';
import { type ResidencyInput, residencyOf } from '../../../src/session/residency';

const MINUTE = 60_000;
const CALM: ResidencyInput = {
  isLoaded: false,
  neededBytes: 1e9,
  memory: { totalBytes: 16e9, freeBytes: 4e9 },
  machine: { powerSource: 'mains', lowPower: false },
  idleMs: 2000,
  isAsked: false,
};
const free = (freeBytes: number) => ({ memory: { totalBytes: 16e9, freeBytes } });
const battery = { machine: { powerSource: 'battery', lowPower: false } } as const;

describe('a second model is', () => {
  const cases: [string, Partial<ResidencyInput>, string][] = [
    ['loaded in a pause', {}, 'wanted'],
    ['not loaded while the user types', { idleMs: 300 }, 'it is loaded in the next pause'],
    ['loaded at once if the user asks by hand', { idleMs: 300, isAsked: true }, 'wanted'],
    ['not loaded on battery', battery, 'on battery it is loaded once you ask by hand'],
    ['loaded on battery by hand', { ...battery, isAsked: true }, 'wanted'],
    ['kept on battery', { ...battery, isLoaded: true }, 'wanted'],
    ['not loaded while the system saves power', { machine: { powerSource: 'mains', lowPower: true } }, 'on battery'],
    ['loaded if power is unknown', { machine: { powerSource: 'unknown', lowPower: 'unknown' } }, 'wanted'],
    ['not loaded if the user is away', { idleMs: 20 * MINUTE }, 'nothing was typed for a while'],
    ['unloaded if the user is away', { idleMs: 20 * MINUTE, isLoaded: true }, 'nothing was typed for a while'],
    ['not loaded without the memory', free(1.7e9), 'it needs 1800 MB of free memory, and there are 1700 MB'],
    ['not loaded without the memory, also by hand', { ...free(1.7e9), isAsked: true }, 'it needs 1800 MB'],
    ['loaded with just the memory', free(1.8e9), 'wanted'],
    ['unloaded if memory is short', { ...free(3e8), isLoaded: true }, 'the machine is short of memory'],
    ['not loaded again at once with the memory that it has freed', free(3e8 + 1e9), 'it needs 1800 MB'],
  ];
  for (const [name, change, expected] of cases) {
    it(name, () => {
      const residency = residencyOf({ ...CALM, ...change });
      const text = residency.isWanted ? 'wanted' : english(residency.reason);
      assert.ok(text.startsWith(expected), text);
    });
  }
});
