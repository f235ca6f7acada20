import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ElasticFolder, fileFault, removeLeftOvers } from '../../../../src/models/elastic/elasticFolder';
import { ModelLibrary } from '../../../../src/models/library';
import { renameOnceFree } from '../../../../src/machine/replaceFile';
import { temporaryFolder } from '../../../temporary';
import { asOrdinaryUser } from '../../../unprivileged';

function modelFolder(): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'model.safetensors'), 'old');
  writeFileSync(join(folder, 'config.json'), '{"old":true}');
  return folder;
}

describe('the folder of a model that is made elastic', () => {
  it('has the new files in the place of the old ones in the end, and nothing else', async () => {
    const folder = modelFolder();
    const taken = await ElasticFolder.take(folder);
    writeFileSync(taken.newWeights, 'new');
    await taken.exchange({ new: true });
    await taken.release();
    assert.deepEqual(readdirSync(folder), ['config.json', 'model.safetensors']);
    assert.equal(readFileSync(join(folder, 'model.safetensors'), 'utf8'), 'new');
    assert.deepEqual(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')), { new: true });
  });

  it('is as it was if the work ends without an exchange', async () => {
    const folder = modelFolder();
    const taken = await ElasticFolder.take(folder);
    writeFileSync(taken.newWeights, 'new');
    await taken.release();
    assert.deepEqual(readdirSync(folder), ['config.json', 'model.safetensors']);
    assert.equal(readFileSync(join(folder, 'model.safetensors'), 'utf8'), 'old');
  });

  it('belongs to one process at a time', async () => {
    const folder = modelFolder();
    const taken = await ElasticFolder.take(folder);
    writeFileSync(taken.newWeights, 'new');
    await assert.rejects(ElasticFolder.take(folder), /another program makes it elastic at this moment\. Wait until/);
    assert.equal(await removeLeftOvers(folder), false);
    assert.ok(existsSync(taken.newWeights));
    await taken.release();
    await (await ElasticFolder.take(folder)).release();
  });

  it('is not exchanged if another program has replaced the weights meanwhile', async () => {
    const folder = modelFolder();
    const taken = await ElasticFolder.take(folder);
    writeFileSync(taken.newWeights, 'new');
    rmSync(join(folder, 'model.safetensors'));
    writeFileSync(join(folder, 'model.safetensors'), 'of another');
    await assert.rejects(taken.exchange({ new: true }), /another program has changed the model meanwhile/);
    await taken.release();
    assert.equal(readFileSync(join(folder, 'model.safetensors'), 'utf8'), 'of another');
    assert.equal(readFileSync(join(folder, 'config.json'), 'utf8'), '{"old":true}');
  });

  it('is said to be gone if the model was deleted meanwhile', async () => {
    const folder = modelFolder();
    const taken = await ElasticFolder.take(folder);
    rmSync(folder, { recursive: true });
    const missing = Object.assign(new Error('gone'), { code: 'ENOENT', syscall: 'open' });
    assert.match((taken.faultOf(missing) as Error).message, /a file of the model is missing\. Was it deleted meanwhile/);
    await taken.release();
  });

  it('is left alone by a run that has lost it, because it stood still for long', async () => {
    const folder = modelFolder();
    const taken = await ElasticFolder.take(folder);
    writeFileSync(taken.newWeights, 'new');
    writeFileSync(join(folder, 'elastic.lock'), '1'); // of another process
    const others = 'model.safetensors.00000000-0000-0000-0000-000000000000.partial';
    writeFileSync(join(folder, others), 'half');
    await assert.rejects(taken.exchange({ new: true }), /another program has got the folder\. Make it elastic again/);
    assert.match((taken.faultOf(new Error('any')) as Error).message, /this run stood still for so long/);
    await taken.release();
    assert.deepEqual(readdirSync(folder).sort(), ['config.json', 'elastic.lock', 'model.safetensors', others]);
    assert.equal(readFileSync(join(folder, 'model.safetensors'), 'utf8'), 'old');
    assert.equal(readFileSync(join(folder, 'elastic.lock'), 'utf8'), '1');
  });

  it('never has the half-written weights of another run in the place of the old ones', async () => {
    const folder = modelFolder();
    const first = await ElasticFolder.take(folder);
    writeFileSync(first.newWeights, 'new');
    utimesSync(join(folder, 'elastic.lock'), 1000, 1000); // it expires
    const second = await ElasticFolder.take(folder);
    writeFileSync(second.newWeights, 'half');
    await assert.rejects(first.exchange({ first: true }), { code: 'ENOENT' });
    assert.equal(readFileSync(join(folder, 'model.safetensors'), 'utf8'), 'old');
    writeFileSync(second.newWeights, 'whole');
    await second.exchange({ second: true });
    await first.release();
    await second.release();
    assert.equal(readFileSync(join(folder, 'model.safetensors'), 'utf8'), 'whole');
    assert.deepEqual(readdirSync(folder), ['config.json', 'model.safetensors']);
  });

  it('loses what a killed run has left, at the next run and when the library is cleaned', async () => {
    const library = temporaryFolder();
    const folder = join(library, 'mine');
    const leave = () => {
      mkdirSync(folder, { recursive: true });
      for (const name of ['model.safetensors', 'config.json']) writeFileSync(join(folder, name), 'old');
      // Those of earlier versions had no name of their own.
      for (const run of ['', '.7f3c2a52-62f3-4a52-9d37-0c7d2a9b9a11'])
        for (const name of ['model.safetensors', 'config.json']) writeFileSync(join(folder, `${name}${run}.partial`), 'half');
      writeFileSync(join(folder, 'elastic.lock'), '999999999'); // no process has this id
    };
    leave();
    await (await ElasticFolder.take(folder)).release();
    assert.deepEqual(readdirSync(folder), ['config.json', 'model.safetensors']);
    leave();
    assert.deepEqual(await new ModelLibrary(library).clean(), ['mine']);
    assert.deepEqual(readdirSync(folder), ['config.json', 'model.safetensors']);
    assert.deepEqual(await new ModelLibrary(library).clean(), []);
  });

  it('is refused if it cannot be written, or its weights are missing', async () => {
    await assert.rejects(
      ElasticFolder.take(temporaryFolder()),
      /model\.safetensors: a file of the model is missing\. Was it deleted/,
    );
    if (process.platform === 'win32') return; // where modes keep nobody out
    const folder = modelFolder();
    chmodSync(folder, 0o555);
    await asOrdinaryUser(() => assert.rejects(ElasticFolder.take(folder), /: it cannot be written \(EACCES\)\. Allow this user to write to it\. The model is as it was/));
    assert.deepEqual(readdirSync(folder), ['config.json', 'model.safetensors']);
  });

  it('needs room on the disk', async () => {
    const taken = await ElasticFolder.take(modelFolder());
    await assert.rejects(taken.requireDisk(1e18), /needs 1,000,000,000,064 MB of free disk space \(1,000,000,000,000 MB for .* 64 MB that must stay free\), and [\d,]+ MB are free\. Free/);
    await taken.requireDisk(1);
    await taken.release();
  });

  const faults: [string, RegExp][] = [
    ['ENOSPC', /the disk is full\. Free some space\. The model is as it was/],
    ['EROFS', /it cannot be written \(EROFS\)\. Mount its disk for writing/],
    ['EFBIG', /x: the system allows no file of this size\. Raise the limit .*FAT32.* The model is as it was/],
    ['EIO', /it cannot be written \(EIO\)\. Copy the model to another folder/],
    ['ENOENT', /a file of the model is missing/],
  ];
  for (const [code, message] of faults)
    it(`says what to do after ${code}`, () => {
      assert.match((fileFault('x', Object.assign(new Error('write'), { code })) as Error).message, message);
    });
});

describe('a file that replaces another', () => {
  const held = (code: string) => Object.assign(new Error(code), { code });

  it('waits for a program that holds it, and gives up after a while', async () => {
    let tries = 0;
    const freeAfter = (count: number) => () => (++tries < count ? Promise.reject(held('EPERM')) : Promise.resolve());
    await renameOnceFree('a', 'b', freeAfter(3), 0);
    assert.equal(tries, 3);
    await assert.rejects(renameOnceFree('a', 'b', freeAfter(1000), 0), { code: 'EPERM' });
    assert.equal(tries, 23);
  });

  it('does not wait for anything else', async () => {
    let tries = 0;
    const missing = () => Promise.reject(held((tries++, 'ENOENT')));
    await assert.rejects(renameOnceFree('a', 'b', missing, 0), { code: 'ENOENT' });
    assert.equal(tries, 1);
  });
});
