import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SYSTEM_CLOCK } from '../../../../src/machine/clock';
import { FilePolicy, type Folder, MAX_FILE_BYTES } from '../../../../src/workspace/filePolicy';
import { MemoryFeeder } from '../../../../src/workspace/memory/feeder';
import { temporaryFolder } from '../../../temporary';
import { FakeMemory } from './world';

/** A workspace on the disk with the real file policy, read as the editor reads it. */
class Disk {
  readonly memory = new FakeMemory();
  readonly policy = new FilePolicy(() => undefined);
  readonly feeder: MemoryFeeder;
  reads = 0;
  private idle: () => void = () => undefined;

  constructor(readonly path = temporaryFolder()) {
    const folder: Folder = {
      id: 'disk',
      path: this.path,
      async read(path, maxBytes) {
        try {
          if ((await stat(path)).size > maxBytes) return 'too large';
          return await readFile(path);
        } catch {
          return undefined;
        }
      },
      exists: (path) =>
        stat(path).then(
          () => true,
          () => false,
        ),
      excludes: () => ({}),
    };
    const inFolder = (id: string) => fileURLToPath(id).slice(this.path.length + 1);
    const file = (id: string) => ({ folder, path: inFolder(id) });
    this.feeder = new MemoryFeeder({
      folders: {
        list: async (id) => {
          const entries = await readdir(fileURLToPath(id), { withFileTypes: true }).catch(() => []);
          return entries.flatMap((entry) =>
            entry.isFile() || entry.isDirectory()
              ? [{ id: `${id}/${encodeURIComponent(entry.name)}`, isFolder: entry.isDirectory() }]
              : [],
          );
        },
        ignores: (id) => this.policy.ignoresFolder(folder, inFolder(id)),
      },
      roots: () => [this.id('')],
      read: (id) => {
        this.reads++;
        return this.policy.quotable(file(id));
      },
      mayRemember: (id) => this.policy.mayQuote(file(id)),
      clock: SYSTEM_CLOCK,
      share: () => 1,
      budgetBytes: 64e6,
      onChange: () => undefined,
      onForbidden: () => undefined,
      onIdle: () => {
        this.idle();
      },
      onFault: (fault) => {
        throw fault as Error;
      },
    });
  }

  id(name: string): string {
    return pathToFileURL(join(this.path, name)).href.replace(/\/$/, '');
  }

  write(name: string, text: string | Uint8Array): void {
    const file = join(this.path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.idle = resolve;
    });
  }

  /** After a change of a rule file, as the editor reports it. */
  rulesChanged(): void {
    this.policy.forget();
    this.feeder.rulesChanged();
  }

  get known(): string[] {
    return [...this.memory.texts.values()].sort();
  }
}

describe('the memory of a workspace on the disk', () => {
  let disk: Disk;
  beforeEach(() => {
    disk = new Disk();
  });
  afterEach(() => {
    disk.feeder.dispose();
  });

  async function started(): Promise<void> {
    disk.feeder.attach(disk.memory);
    await disk.untilIdle();
  }

  it('has no part of huge, binary or otherwise encoded files, and reads none of a gigabyte', async () => {
    disk.write('a.ts', 'a');
    disk.write('exactly.ts', 'b'.repeat(100) + '\n'.repeat(MAX_FILE_BYTES - 100));
    disk.write('larger.ts', '\n'.repeat(MAX_FILE_BYTES + 1));
    disk.write('huge.txt', '');
    truncateSync(join(disk.path, 'huge.txt'), 2 ** 30); // sparse
    disk.write('latin.ts', Buffer.from('caf\xe9', 'latin1'));
    disk.write('zero.ts', 'a\0b');
    disk.write('wide.ts', Buffer.from('utf-16 text', 'utf16le'));
    const before = process.memoryUsage().arrayBuffers;
    await started();
    assert.deepEqual(
      disk.known.map((text) => text.slice(0, 3)),
      ['a', 'bbb'],
    );
    assert.deepEqual(disk.feeder.summary.leftOut, { 'too large': 2, 'not text': 3 });
    assert.ok(process.memoryUsage().arrayBuffers - before < 50e6);
  });

  it('ends in a workspace whose links lead in circles and outside', async () => {
    const outside = temporaryFolder();
    writeFileSync(join(outside, 'outside.ts'), 'outside');
    disk.write('src/a.ts', 'a');
    symlinkSync(disk.path, join(disk.path, 'src', 'loop'));
    symlinkSync(outside, join(disk.path, 'folder'));
    symlinkSync(join(outside, 'outside.ts'), join(disk.path, 'file.ts'));
    await started();
    assert.deepEqual(disk.known, ['a']);
  });

  it('has nothing that Git or MatCoder ignores, nor secrets', async () => {
    disk.write('.gitignore', 'node_modules/\n*.gen.ts\n');
    disk.write('.matcoderignore', 'private/\n');
    disk.write('node_modules/x/index.js', 'module');
    disk.write('src/a.gen.ts', 'generated');
    disk.write('private/b.ts', 'private');
    disk.write('.env', 'KEY=abc');
    disk.write('src/login.ts', "const password = 'hunter2';\n");
    disk.write('src/a b#ü.ts', 'a');
    await started();
    assert.deepEqual(
      disk.known.filter((text) => text !== 'private/\n' && !text.startsWith('node_modules')),
      ['a'],
    );
    assert.equal(disk.feeder.summary.leftOut.secret, 1);
  });

  it('has the files of a folder that the repository around it ignores, without those that other rules forbid', async () => {
    disk = new Disk(join(temporaryFolder(), 'build', 'x'));
    disk.write('../../.git/HEAD', 'ref: refs/heads/main\n');
    disk.write('../../.gitignore', 'build/\n*.gen.ts\n');
    disk.write('src/a.ts', 'a');
    disk.write('src/b.gen.ts', 'generated');
    await started();
    assert.deepEqual(disk.known, ['a']);
  });

  it('loses what a new rule forbids, and gains what it allows', async () => {
    disk.write('.gitignore', 'b.ts\n');
    for (const name of ['a', 'b', 'c']) disk.write(`${name}.ts`, `text ${name}`);
    await started();
    assert.ok(disk.known.includes('text a') && !disk.known.includes('text b'));
    disk.write('.gitignore', 'a.ts\n');
    disk.rulesChanged();
    await disk.untilIdle();
    assert.ok(!disk.known.includes('text a') && disk.known.includes('text b') && disk.known.includes('text c'));
  });

  it('never has a file that a rule forbids while it is read', async () => {
    for (let i = 0; i < 200; i++) disk.write(`a${i}.ts`, `text ${i}`);
    disk.feeder.attach(disk.memory);
    // The rules come while files are read.
    await new Promise<void>((resolve) => {
      disk.memory.onRemember = () => {
        if (disk.memory.given.length > 50) resolve();
      };
    });
    disk.write('.matcoderignore', '*.ts\n');
    disk.rulesChanged();
    await disk.untilIdle();
    assert.deepEqual(disk.known, ['*.ts\n']);
  });

  it('reads a log that a tool writes ten times a second only now and then', async () => {
    disk.write('a.ts', 'a');
    await started();
    disk.reads = 0;
    for (let i = 0; i < 30; i++) {
      disk.write('tool.txt', `line ${i}\n`.repeat(i + 1));
      disk.feeder.changed(disk.id('tool.txt'));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(disk.reads >= 1 && disk.reads <= 4, `${disk.reads} reads in three seconds`);
  });

  it('goes on if the workspace disappears', async () => {
    for (let i = 0; i < 50; i++) disk.write(`d${i}/a.ts`, `text ${i}`);
    disk.feeder.attach(disk.memory);
    rmSync(disk.path, { recursive: true });
    await disk.untilIdle();
    assert.ok(disk.known.length <= 50);
  });
});
