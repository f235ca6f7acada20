import assert from 'node:assert/strict';
import { gate, type GateCause, type GateInput } from '../../../src/completion/gate';

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
  const cases: [string, Partial<GateInput>, GateCause | undefined, RegExp?][] = [
    ['opens at the end of a line', {}, undefined],
    ['opens before closing brackets', { lineSuffix: ') });' }, undefined],
    ['opens for untitled and remote documents', { scheme: 'vscode-remote' }, undefined],
    ['shuts before code', { lineSuffix: ' + b;' }, 'code follows', /^code follows/],
    ['opens before code when asked by hand', { lineSuffix: ' + b;', explicit: true }, undefined],
    ['shuts where completion is off', { enabled: false }, 'language off', /off for typescript/],
    ['opens where it is off when asked by hand', { enabled: false, explicit: true }, undefined],
    ['shuts with several cursors', { cursors: 2 }, 'several cursors', /more than one cursor/],
    ['shuts with a selection', { hasSelection: true }, 'selection', /selected/],
    ['shuts in an output panel', { scheme: 'output' }, 'read-only document', /scheme output/],
    [
      'shuts in a file that is ignored, even by hand',
      { closed: 'ignored', explicit: true },
      'closed file',
      /^ignored$/,
    ],
    [
      'shuts in a line of a megabyte, even by hand',
      { lineLength: 1e6, explicit: true },
      'long line',
      /longer than 2000/,
    ],
  ];
  for (const [name, change, cause, reason = /./] of cases) {
    it(name, () => {
      const found = gate({ ...open, ...change });
      assert.equal(found?.cause, cause);
      if (found) assert.match(found.reason, reason);
    });
  }
});
