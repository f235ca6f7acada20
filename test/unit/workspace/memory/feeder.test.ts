import assert from 'node:assert/strict';
import { FakeMemory, ROOT, World } from './world';

const key = { first: 0, last: 0, lines: 1 };
const at = (name: string) => `${ROOT}/${name}`;

/** Many small files, `prefix`0.ts and so on. */
const many = (prefix: string, count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}.ts`, `text of ${prefix}${i}`]));

describe('the feeder of the memory', () => {
  describe('at the start', () => {
    it('remembers all files, the nearest first', async () => {
      const world = new World();
      world.write({
        'lib/far.ts': 'far',
        'src/near.ts': 'near',
        'src/active.ts': "import '../other/imported';",
        'docs/open.md': 'open',
        'other/imported.ts': 'imported',
        'top.ts': 'top',
      });
      world.look('src/active.ts', 'docs/open.md');
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.deepEqual(world.memory.given.slice(0, 3), ["import '../other/imported';", 'open', 'near']);
      assert.deepEqual(world.known, ['far', 'imported', "import '../other/imported';", 'near', 'open', 'top'].sort());
      assert.equal(world.feeder.summary.files, 6);
    });

    it('remembers an imported file before others, as soon as its folder is read', async () => {
      const world = new World();
      world.write({
        'a/active.ts': "import './deep/imported';",
        ...many('a/deep/other', 30),
        'a/deep/imported.ts': 'it',
      });
      world.look('a/active.ts');
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.deepEqual(world.memory.given.slice(0, 2), ["import './deep/imported';", 'it']);
    });

    it('has the twenty nearest files within a fraction of a second, and takes its time for the others', async () => {
      const world = new World();
      world.write({ 'src/active.ts': 'active', ...many('src/near', 19), ...many('lib/far', 300) });
      world.look('src/active.ts');
      world.feeder.attach(world.memory);
      await world.pass(300);
      assert.ok(world.known.filter((text) => !text.includes('far')).length === 20);
      const [before, startMs] = [world.reads.length, world.clock.now()];
      await world.untilIdle();
      // A read takes a millisecond here, and its pause three.
      const share = (world.reads.length - before) / (world.clock.now() - startMs);
      assert.ok(share < 0.3, `${share} of the time`);
      assert.equal(world.known.length, 320);
    });

    it('takes less of the time if the machine has none to spare', async () => {
      const world = new World();
      world.share = 0.05;
      world.write(many('src/a', 200));
      world.feeder.attach(world.memory);
      await world.pass(300);
      const [before, startMs] = [world.reads.length, world.clock.now()];
      await world.pass(1000);
      const share = (world.reads.length - before) / (world.clock.now() - startMs);
      assert.ok(share > 0.01 && share < 0.07, `${share} of the time`);
    });

    it('does nothing without a memory, or if it is off', async () => {
      const world = new World(64e6, false);
      world.write(many('a', 3));
      world.look('a0.ts');
      world.feeder.attach(world.memory);
      await world.pass(1000);
      assert.deepEqual([world.reads, world.listed, world.feeder.summary.state], [[], [], 'off']);
      world.feeder.setOn(true);
      await world.untilIdle();
      assert.equal(world.known.length, 3);
    });

    it('gives a memory all texts again if a part of it is empty', async () => {
      const world = new World();
      world.write(many('a', 5));
      world.feeder.attach(world.memory);
      await world.untilIdle();
      world.feeder.again();
      assert.equal(world.feeder.summary.files, 5, 'they are remembered meanwhile');
      await world.untilIdle();
      const once = Object.values(many('a', 5));
      assert.deepEqual([...world.memory.given].sort(), [...once, ...once].sort());
      assert.equal(world.known.length, 5);
    });

    it('stops if the engine remembers nothing', async () => {
      const world = new World();
      world.write(many('a', 50));
      world.memory.remember = () => Promise.resolve({ documents: 0, tokens: 0, bytes: 0 });
      world.feeder.attach(world.memory);
      await world.pass(5000);
      assert.deepEqual([world.reads.length, world.idles], [1, 1]);
      assert.equal(world.feeder.summary.state, 'unavailable');
    });
  });

  describe('leaves out', () => {
    it('what is no text, too large, minified or with secrets, and counts it', async () => {
      const world = new World();
      world.write({
        'a.ts': 'a',
        'large.ts': 'too large',
        'latin.ts': 'not text',
        'logo.png': 'is not even read',
        'key.ts': 'secret',
        'min.js': 'x'.repeat(5001),
        'yarn.lock': 'is not even read',
      });
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.deepEqual(world.known, ['a']);
      assert.deepEqual(world.feeder.summary.leftOut, {
        'too large': 1,
        'not text': 2,
        secret: 1,
        minified: 1,
        generated: 1,
      });
      assert.ok(!world.reads.includes(at('logo.png')) && !world.reads.includes(at('yarn.lock')));
    });

    it('what is ignored, without listing ignored folders', async () => {
      const world = new World();
      world.write({ 'a.ts': 'a', 'dist/b.ts': 'b', 'c.ts': 'c' });
      world.ignored.add(at('dist'));
      world.ignored.add(at('c.ts'));
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.deepEqual(world.known, ['a']);
      assert.deepEqual(world.listed, [ROOT]);
      assert.deepEqual(world.feeder.summary.leftOut, {});
    });

    it('the code of others and the files of version control, even if nothing ignores them', async () => {
      const world = new World();
      world.write({ 'a.ts': 'a', '.git/config': 'b', 'node_modules/c/index.js': 'c', 'src/node_modules/d.js': 'd' });
      world.look('a.ts', 'node_modules/c/index.js');
      world.feeder.attach(world.memory);
      await world.untilIdle();
      // One that the user opened is remembered.
      assert.deepEqual(world.known, ['a', 'c']);
      world.feeder.changed(at('.git/config'));
      world.feeder.changed(at('node_modules/e'));
      await world.pass(2000);
      assert.deepEqual(world.known, ['a', 'c']);
      assert.ok(!world.reads.includes(at('.git/config')) && !world.reads.includes(at('node_modules/e')));
    });

    it('the farthest files, if the budget does not suffice for all', async () => {
      const world = new World(20_000);
      const text = (name: string) => name.repeat(1000); // 2000 bytes
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
        world.write({ [`near/${name}.ts`]: text(name), [`far/${name}.ts`]: text(name.toUpperCase()) });
      }
      world.look('near/a.ts');
      world.feeder.attach(world.memory);
      await world.untilIdle();
      const initials = () => world.known.map((known) => known.charAt(0)).join('');
      assert.match(initials(), /^[A-H]{1,3}abcdefgh$/);
      const { leftOut, bytes } = world.feeder.summary;
      assert.ok(bytes <= 20_000 && (leftOut['over the budget'] ?? 0) >= 6);
      // What is near changes with the place of the work.
      world.look('far/a.ts');
      await world.untilIdle();
      assert.match(initials(), /^ABCDEFGH[a-h]{1,3}$/);
      assert.ok(world.feeder.summary.bytes <= 20_000);
    });

    it('all but 20,000 files of a workspace of 200,000, without listing the others', async () => {
      const world = new World();
      world.share = 1;
      const list = (folder: string) =>
        folder === ROOT
          ? Array.from({ length: 2000 }, (_, i) => ({ id: `${folder}/d${i}`, isFolder: true }))
          : Array.from({ length: 100 }, (_, i) => ({ id: `${folder}/f${i}.ts`, isFolder: false }));
      Object.assign(world, { entriesOf: list });
      world.files.get = () => 'text';
      world.look('d1234/f7.ts');
      world.feeder.attach(world.memory);
      await world.untilIdle();
      const { files, isTruncated } = world.feeder.summary;
      assert.deepEqual([files, isTruncated], [20_000, true]);
      assert.ok(world.listed.length <= 202, `${world.listed.length} folders listed`);
      // The folder that the user works in is among them, also after a change of the place.
      assert.ok(world.reads.includes(at('d1234/f99.ts')) && !world.reads.includes(at('d1999/f99.ts')));
      world.look('d1999/f7.ts');
      await world.untilIdle();
      assert.ok(world.reads.includes(at('d1999/f99.ts')));
      assert.ok(world.feeder.summary.files <= 20_030);
    });

    it('all but 20,000 files, also if they came into being later', async () => {
      const world = new World();
      world.share = 1;
      world.write({ 'a.ts': 'a' });
      world.feeder.attach(world.memory);
      await world.untilIdle();
      const { size } = world.files;
      const list = (folder: string) =>
        folder === at('new')
          ? Array.from({ length: 250 }, (_, i) => ({ id: `${folder}/d${i}`, isFolder: true }))
          : Array.from({ length: 100 }, (_, i) => ({ id: `${folder}/f${i}.ts`, isFolder: false }));
      Object.assign(world, { entriesOf: list });
      world.files.get = (file) => (file === at('new') ? undefined : 'text');
      world.feeder.changed(at('new'));
      await world.untilIdle();
      const { files, isTruncated } = world.feeder.summary;
      assert.deepEqual([size, files, isTruncated], [1, 20_000, true]);
    });

    it('what lies in a loop of folders, in bounded time', async () => {
      const world = new World();
      world.share = 1;
      const list = (folder: string) => [
        { id: `${folder}/a.ts`, isFolder: false },
        ...(folder === ROOT ? [{ id: `${folder}/other`, isFolder: true }] : []),
        ...(folder.endsWith('other') ? [] : [{ id: `${folder}/loop`, isFolder: true }]),
      ];
      Object.assign(world, { entriesOf: list });
      world.files.get = () => 'text';
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.ok(world.listed.length <= 64);
      assert.ok(world.reads.includes(at('other/a.ts')));
    });
  });

  describe('follows', () => {
    async function started(files: Readonly<Record<string, string>>): Promise<World> {
      const world = new World();
      world.write(files);
      world.look(Object.keys(files)[0] ?? '');
      world.feeder.attach(world.memory);
      await world.untilIdle();
      world.reads.length = 0;
      world.memory.given.length = 0;
      return world;
    }

    it('a document that is typed, half a second after the last key', async () => {
      const world = await started({ 'a.ts': 'old' });
      world.write({ 'a.ts': 'new' });
      world.feeder.edited(at('a.ts'), [key], true);
      await world.pass(400);
      assert.deepEqual(world.known, ['old']);
      await world.pass(200);
      assert.deepEqual(world.known, ['new']);
    });

    it('a document that is typed without a pause, every two seconds', async () => {
      const world = await started({ 'a.ts': 'old' });
      for (let i = 0; i < 50; i++) {
        world.write({ 'a.ts': `text ${i}` });
        world.feeder.edited(at('a.ts'), [key], true);
        await world.pass(200);
      }
      assert.ok(world.memory.given.length >= 4 && world.memory.given.length <= 5, world.memory.given.join());
    });

    it('with a revision that grows when another file changes, and not while the active one is typed', async () => {
      const world = await started({ 'a.ts': 'old', 'b.ts': 'old too' });
      const before = world.feeder.revision;
      world.write({ 'a.ts': 'new' });
      world.feeder.edited(at('a.ts'), [key], true);
      await world.untilIdle();
      assert.equal(world.feeder.revision, before);
      world.write({ 'b.ts': 'new too' });
      world.feeder.changed(at('b.ts'));
      await world.untilIdle();
      const changed = world.feeder.revision;
      assert.ok(changed > before);
      world.files.delete(at('b.ts'));
      world.feeder.deleted(at('b.ts'));
      await world.untilIdle();
      assert.ok(world.feeder.revision > changed);
    });

    it('where a cursor is in the remembered text while lines are typed', async () => {
      const world = await started({ 'a.ts': '0\n1\n2\n3' });
      const document = world.feeder.placeOf(at('a.ts'), 2).document;
      assert.notEqual(document, undefined);
      assert.deepEqual(world.feeder.placeOf(at('a.ts'), 2), { document, hiddenLines: [2, 2] });
      world.write({ 'a.ts': '0\nnew\n1\n2\n3' });
      world.feeder.edited(at('a.ts'), [{ first: 0, last: 0, lines: 2 }], true);
      assert.deepEqual(world.feeder.placeOf(at('a.ts'), 1).hiddenLines, [0, 0]);
      assert.deepEqual(world.feeder.placeOf(at('a.ts'), 3).hiddenLines, [2, 2]);
      await world.pass(600);
      assert.deepEqual(world.feeder.placeOf(at('a.ts'), 3).hiddenLines, [3, 3]);
      assert.deepEqual(world.feeder.placeOf(at('other.ts'), 3), {});
    });

    it('new, changed and deleted files', async () => {
      const world = await started({ 'a.ts': 'a', 'b.ts': 'b' });
      world.write({ 'c.ts': 'c', 'b.ts': 'b2' });
      world.feeder.changed(at('b.ts'));
      world.feeder.changed(at('c.ts'));
      world.feeder.deleted(at('a.ts'));
      await Promise.resolve();
      assert.deepEqual(world.known, ['b']); // forgotten at once
      await world.untilIdle();
      assert.deepEqual(world.known, ['b2', 'c']);
    });

    it('a renamed folder, a deleted one, and one that comes into being with its files', async () => {
      const world = await started({ 'a.ts': 'a', 'old/b.ts': 'b', 'old/deep/c.ts': 'c', 'older/d.ts': 'd' });
      for (const name of ['old/b.ts', 'old/deep/c.ts']) world.files.delete(at(name));
      world.feeder.deleted(at('old'));
      await Promise.resolve();
      await Promise.resolve();
      assert.deepEqual(world.known, ['a', 'd']);
      world.write({ 'new/b.ts': 'b', 'new/deep/c.ts': 'c' });
      world.feeder.changed(at('new'));
      await world.untilIdle();
      assert.deepEqual(world.known, ['a', 'b', 'c', 'd']);
      // It goes, and comes back.
      for (const name of ['new/b.ts', 'new/deep/c.ts']) world.files.delete(at(name));
      world.feeder.deleted(at('new'));
      await world.untilIdle();
      world.write({ 'new/deep/e.ts': 'e' });
      world.feeder.changed(at('new'));
      await world.untilIdle();
      assert.deepEqual(world.known, ['a', 'd', 'e']);
    });

    it('a branch switch of a thousand files, one read each, the nearest first', async () => {
      const world = await started({ ...many('src/near', 100), ...many('lib/far', 900) });
      for (const file of [...world.files.keys()].reverse()) {
        world.files.set(file, `new ${String(world.files.get(file))}`);
        for (let i = 0; i < 3; i++) world.feeder.changed(file);
      }
      const startMs = performance.now();
      await world.untilIdle();
      assert.equal(world.reads.length, 1000);
      assert.ok(world.known.every((text) => text.startsWith('new')));
      assert.ok(world.memory.given.slice(0, 100).every((text) => text.includes('near')));
      assert.ok(performance.now() - startMs < 5000);
    });

    it('a log that a tool writes every 100 ms, less and less often', async () => {
      const world = await started({ 'a.ts': 'a', 'tool.txt': '0' });
      for (let i = 1; i <= 3000; i++) {
        world.write({ 'tool.txt': `${i}` });
        world.feeder.changed(at('tool.txt'));
        await world.pass(100);
      }
      const { length } = world.reads;
      assert.ok(length >= 6 && length <= 10, `read ${length} times in five minutes`);
    });

    it('a save of what it knows already, without sending it again', async () => {
      const world = await started({ 'a.ts': 'a' });
      world.feeder.changed(at('a.ts'));
      await world.untilIdle();
      assert.deepEqual([world.reads.length, world.memory.given], [1, []]);
    });

    it('a file until it holds a secret', async () => {
      const world = await started({ 'a.ts': 'a', 'b.ts': 'b' });
      world.write({ 'b.ts': 'secret' });
      world.feeder.changed(at('b.ts'));
      await world.untilIdle();
      assert.deepEqual(world.known, ['a']);
      assert.deepEqual([world.feeder.summary.leftOut.secret, world.forbidden], [1, 1]);
    });
  });

  describe('forgets', () => {
    it('what becomes ignored before anything else, and finds what no longer is', async () => {
      const world = new World();
      world.write({ 'a.ts': 'a', 'gen/b.ts': 'b', ...many('c', 100) });
      world.ignored.add(at('a.ts'));
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.ok(world.known.includes('b') && !world.known.includes('a'));
      world.ignored.clear();
      world.ignored.add(at('gen'));
      world.reads.length = 0;
      world.feeder.rulesChanged();
      await world.pass(5);
      assert.ok(!world.known.includes('b'));
      assert.deepEqual([world.reads, world.forbidden], [[], 1]);
      await world.untilIdle();
      assert.ok(world.known.includes('a') && !world.known.includes('b'));
    });

    it('what becomes ignored, also in a long pause of the work in the background', async () => {
      const world = new World();
      world.share = 0.001;
      world.write(many('a', 200));
      world.feeder.attach(world.memory);
      await world.pass(1000);
      assert.ok(world.known.includes('text of a0') && world.known.length < 100);
      world.ignored.add(at('a0.ts'));
      world.feeder.rulesChanged();
      await world.pass(5);
      assert.ok(!world.known.includes('text of a0'));
    });

    it('a file whose rules change while it is read', async () => {
      const world = new World();
      world.write({ 'a.ts': 'a', 'b.ts': 'b' });
      world.onRead = (file) => {
        if (file !== at('b.ts') || world.ignored.size > 0) return;
        // The reader does not notice this, as if the rules changed right after it was asked.
        queueMicrotask(() => {
          world.ignored.add(at('b.ts'));
          world.feeder.rulesChanged();
        });
      };
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.deepEqual(world.known, ['a']);
      assert.ok(!world.memory.given.includes('b'));
    });

    it('a file that is deleted while it is read', async () => {
      const world = new World();
      world.write({ 'a.ts': 'a', 'b.ts': 'b' });
      world.onRead = (file) => {
        if (file === at('b.ts'))
          queueMicrotask(() => {
            world.feeder.deleted(file);
          });
      };
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.deepEqual(world.memory.given, ['a']);
    });

    it('what becomes ignored, also if it was turned off and on in a pause of the work in the background', async () => {
      const world = new World();
      world.share = 0.002;
      world.write(many('a', 100));
      world.feeder.attach(world.memory);
      // The steps without pauses are done, and a long pause has begun.
      await world.pass(500);
      world.feeder.setOn(false);
      for (const name of Object.keys(many('a', 100)).slice(10)) world.files.delete(at(name));
      world.feeder.setOn(true);
      await world.untilIdle();
      await world.pass(1000);
      world.ignored.add(at('a3.ts'));
      world.feeder.rulesChanged();
      await world.pass(50);
      assert.deepEqual([world.known.length, world.known.includes('text of a3')], [9, false]);
    });

    it('everything at once if it is turned off', async () => {
      const world = new World();
      world.write(many('a', 10));
      world.feeder.attach(world.memory);
      await world.untilIdle();
      world.feeder.setOn(false);
      await Promise.resolve();
      assert.deepEqual([world.known, world.feeder.placeOf(at('a0.ts'), 0)], [[], {}]);
      assert.equal(world.forbidden, 1);
      assert.equal(world.feeder.summary.state, 'off');
    });

    it('a document that is closed for good', async () => {
      const world = new World();
      world.files.set('untitled:Untitled-1', 'unsaved');
      world.feeder.setSurroundings({
        active: 'untitled:Untitled-1',
        recent: ['untitled:Untitled-1'],
        imported: new Set(),
      });
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.deepEqual(world.known, ['unsaved']);
      world.feeder.deleted('untitled:Untitled-1');
      await Promise.resolve();
      assert.deepEqual(world.known, []);
    });
  });

  describe('after a restart of the engine', () => {
    it('feeds the new memory from the nearest on, and the old one hears nothing more', async () => {
      const world = new World();
      world.write({ 'src/active.ts': 'active', ...many('lib/a', 200) });
      world.look('src/active.ts');
      world.feeder.attach(world.memory);
      await world.pass(300);
      world.feeder.attach(undefined);
      const heard = world.memory.given.length;
      assert.deepEqual(world.feeder.placeOf(at('src/active.ts'), 0), {});
      const next = new FakeMemory();
      world.feeder.attach(next);
      await world.untilIdle();
      assert.equal(world.memory.given.length, heard);
      assert.deepEqual([next.given[0], next.texts.size], ['active', 201]);
    });

    it('goes on with the new one if the old one fails in the middle', async () => {
      const world = new World();
      world.write(many('a', 30));
      world.feeder.attach(world.memory);
      const next = new FakeMemory();
      world.memory.onRemember = () => {
        if (world.memory.given.length < 5) return;
        world.memory.fault = new Error('the engine ended by SIGKILL');
        world.feeder.attach(next);
      };
      await world.untilIdle();
      assert.deepEqual([next.texts.size, world.faults], [30, []]);
    });

    it('goes on with the next file if one cannot be remembered', async () => {
      const world = new World();
      world.write(many('a', 30));
      world.memory.fault = new Error('a token that is not in the vocabulary');
      world.memory.onRemember = () => {
        if (world.faults.length > 0) world.memory.fault = undefined;
      };
      world.feeder.attach(world.memory);
      await world.untilIdle();
      assert.deepEqual([world.known.length, world.faults.length, world.feeder.summary.files], [29, 1, 29]);
    });
  });
});
