import assert from 'node:assert/strict';
import os from 'node:os';
import { dirname, join } from 'node:path';
import { importModel } from '../../../src/models/import';
import { TASKS } from '../../../src/models/tasks';
import { randomModel, TINY_LLAMA, writeGguf } from '../../tinyModel';

/** A Mac that keeps files in all of its memory, and calls nothing free. */
const FULL_MAC = { platform: () => 'darwin' as const, freemem: () => 0, totalmem: () => 16e9 };

describe('an import on a Mac', () => {
  const system = { platform: os.platform, freemem: os.freemem, totalmem: os.totalmem };
  before(() => Object.assign(os, FULL_MAC));
  after(() => Object.assign(os, system));
  const path = () => writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA));

  it('is not refused for memory that the system gives up when it is asked for', async () => {
    const model = path();
    const addon = {
      convertRows: () => {
        throw new Error('it converts');
      },
    };
    await assert.rejects(importModel(model, join(dirname(model), 'imported'), { addon }), /it converts/);
  });

  it('is described with that memory as free', async () => {
    const model = path();
    const found = await TASKS.inspect({ type: 'inspect', path: model, library: dirname(model) }, () => undefined);
    assert.equal(found.freeMemoryBytes, 4e9);
  });
});
