import assert from 'node:assert/strict';
import { gate, type GateInput } from '../../../src/completion/gate';

const open: GateInput = {
  explicit: false,
  enabled: true,
  scheme: 'file',
  languageId: 'typescript',
  cursors: 1,
  hasSelection: false,
  lineLength: 20,
  lineSuffix: '',
};

describe('the gate', () => {
  const cases: [string, Partial<GateInput>, RegExp | undefined][] = [
    ['opens at the end of a line', {}, undefined],
    ['opens before closing brackets', { lineSuffix: ') });' }, undefined],
    ['opens for untitled and remote documents', { scheme: 'vscode-remote' }, undefined],
    ['shuts before code', { lineSuffix: ' + b;' }, /code follows/],
    ['opens before code when asked by hand', { lineSuffix: ' + b;', explicit: true }, undefined],
    ['shuts where completion is off', { enabled: false }, /off for typescript/],
    ['opens where it is off when asked by hand', { enabled: false, explicit: true }, undefined],
    ['shuts with several cursors', { cursors: 2 }, /more than one cursor/],
    ['shuts with a selection', { hasSelection: true }, /selected/],
    ['shuts in an output panel', { scheme: 'output' }, /scheme output/],
    ['shuts in a line of a megabyte, even by hand', { lineLength: 1e6, explicit: true }, /longer than 2000/],
  ];
  for (const [name, change, reason] of cases) {
    it(name, () => {
      const found = gate({ ...open, ...change });
      if (reason) assert.match(found ?? '', reason);
      else assert.equal(found, undefined);
    });
  }
});
