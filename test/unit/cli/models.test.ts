import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { listModels, modelArgument, modelNamed, modelsTable, quoted } from '../../../src/cli/models';
import { modelsFolder } from '../../../src/models/place';
import { temporaryFolder } from '../../temporary';

describe('the models of the command line', () => {
  const cache = temporaryFolder();
  const library = join(cache, 'matcoder', 'models');
  const here = temporaryFolder();
  const before = { cache: process.env.XDG_CACHE_HOME, folder: process.cwd() };

  function write(folder: string, files: Readonly<Record<string, string>>) {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  }

  function imported(id: string, name: string, config: object = {}) {
    const record = JSON.stringify({ version: 1, id, name, bits: 8 });
    const texts = { 'config.json': JSON.stringify(config), 'tokenizer.json': '{}', 'model.safetensors': 'weights' };
    write(join(library, id), { ...texts, 'imported.json': record });
  }

  beforeEach(() => {
    process.env.XDG_CACHE_HOME = cache;
    process.chdir(here);
  });
  afterEach(() => {
    process.chdir(before.folder);
    if (before.cache === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before.cache;
    for (const folder of [library, here]) rmSync(folder, { recursive: true, force: true });
    mkdirSync(here);
  });

  it('are named by their id, and by their name if it is that of one', async () => {
    imported('smol', 'Smol');
    imported('twice', 'Twice');
    imported('twice-2', 'Twice');
    assert.equal(await modelNamed('smol'), join(library, 'smol'));
    assert.equal(await modelNamed('Smol'), join(library, 'smol'));
    assert.equal(await modelNamed('twice'), join(library, 'twice'));
    await assert.rejects(modelNamed('Twice'), /Twice: several imported models have this name; give one of twice/);
    await assert.rejects(modelNamed('other'), /other: there is no such folder, .*; there are .*smol/);
  });

  it('come before a folder of the current one, whose path begins with ./', async () => {
    imported('smol', 'Smol');
    write('smol', { 'config.json': '{}' });
    assert.equal(await modelNamed('smol'), join(library, 'smol'));
    assert.equal(await modelNamed('./smol'), join(process.cwd(), 'smol'));
    write('other', { 'config.json': '{}' });
    assert.equal(await modelNamed('other'), join(process.cwd(), 'other'));
  });

  it('are not needed for a folder or a file, whose fault is named by whoever opens it', async () => {
    write('empty', {});
    write('.', { 'model.gguf': '' });
    assert.equal(await modelNamed('empty'), join(process.cwd(), 'empty'));
    assert.equal(await modelNamed('model.gguf'), join(process.cwd(), 'model.gguf'));
  });

  it('are listed with their sizes, and a damaged one with what is missing', async () => {
    assert.match(modelsTable(await listModels()), /^No model is imported\. `matcoder import PATH`/);
    imported('smol', 'Smol', { matformer: { granularities: { S: [32], XL: [64] } } });
    imported('plain', 'Plain One');
    rmSync(join(library, 'plain', 'tokenizer.json'));
    const text = modelsTable(await listModels());
    assert.match(text, /^smol +Smol +S, XL +8 +0\.0 MB$/m);
    assert.match(text, /^plain +Plain One +damaged: tokenizer\.json +8 /m);
    assert.ok(text.includes(library));
  });

  it('are never in the current folder, also if the variable of the cache folder is empty', () => {
    process.env.XDG_CACHE_HOME = '';
    assert.ok(isAbsolute(modelsFolder()) && !modelsFolder().startsWith(process.cwd()));
  });

  it('are called by their id in advice, and others by their folder', () => {
    assert.equal(modelArgument(join(library, 'smol')), 'smol');
    assert.equal(modelArgument(join(library, 'smol', 'inner')), join(library, 'smol', 'inner'));
    assert.equal(quoted('/my models/$smol', 'linux'), "'/my models/$smol'");
    assert.equal(quoted("/it's", 'darwin'), "'/it'\\''s'");
    assert.equal(quoted('C:\\Users\\RUNNER~1\\smol', 'win32'), 'C:\\Users\\RUNNER~1\\smol');
    assert.equal(quoted('\\\\server\\my models', 'win32'), '"\\\\server\\my models"');
  });
});
