import assert from 'node:assert/strict';
import { english } from '../../../src/localisation/phrase';
import { FilePolicy, type Folder, MAX_FILE_BYTES, type ProjectFile } from '../../../src/workspace/filePolicy';

/** A workspace in memory, with files by absolute path, and the paths that were read. */
function workspaceOf(files: Record<string, string | Uint8Array>, excludes: Record<string, unknown> = {}) {
  const reads: string[] = [];
  const warnings: string[] = [];
  const contentAt = (path: string) => {
    const content = files[path];
    return typeof content === 'string' ? new TextEncoder().encode(content) : content;
  };
  const folder: Folder = {
    id: 'file:///repo/app',
    path: '/repo/app',
    read(path, maxBytes) {
      reads.push(path);
      const content = contentAt(path);
      return Promise.resolve(content && content.length > maxBytes ? 'too large' : content);
    },
    exists: (path) => Promise.resolve(path in files),
    excludes: () => excludes,
  };
  const policy = new FilePolicy((message) => warnings.push(message));
  const file = (path: string): ProjectFile => ({ folder, path });
  const quote = async (path: string) => {
    const read = await policy.quotable(file(path));
    return 'text' in read ? 'quoted' : read.reason;
  };
  const isQuoted = async (path: string) => (await quote(path)) === 'quoted';
  return { files, folder, policy, file, quote, isQuoted, reads, warnings };
}

const CODE = 'export const a = 1;\n';

describe('the file policy', () => {
  it('distinguishes ignored files from others', async () => {
    const { isQuoted } = workspaceOf(
      {
        '/repo/.git': '',
        '/repo/.gitignore': 'app/above.ts\n',
        '/repo/app/.gitignore': 'git.ts\n',
        '/repo/app/src/.matcoderignore': 'own.ts\n',
        ...Object.fromEntries(
          ['above.ts', 'git.ts', 'src/own.ts', 'hidden.ts', 'src/a.ts'].map((path) => [`/repo/app/${path}`, CODE]),
        ),
      },
      { 'hidden.*': true },
    );
    const paths = ['above.ts', 'git.ts', 'src/own.ts', 'hidden.ts', 'src/a.ts', 'none.ts'];
    const quoted = await Promise.all(paths.map(isQuoted));
    assert.deepEqual(
      paths.filter((_, i) => quoted[i]),
      ['src/a.ts'],
    );
  });

  it('quotes from a workspace folder that Git ignores, by all rules about the files in it', async () => {
    const { isQuoted, policy, folder } = workspaceOf({
      '/repo/.git': '',
      '/repo/.gitignore': 'app/\n*.log\n',
      '/repo/app/.gitignore': 'git.ts\n',
      ...Object.fromEntries(['a.ts', 'src/a.ts', 'src/a.log', 'git.ts'].map((path) => [`/repo/app/${path}`, CODE])),
    });
    const paths = ['a.ts', 'src/a.ts', 'src/a.log', 'git.ts'];
    assert.deepEqual(await Promise.all(paths.map(isQuoted)), [true, true, false, false]);
    assert.deepEqual(
      [await policy.ignoresFolder(folder, ''), await policy.ignoresFolder(folder, 'src')],
      [false, false],
    );
  });

  it('quotes nothing from a workspace folder that MatCoder’s own rules list', async () => {
    const { isQuoted } = workspaceOf({
      '/repo/.git': '',
      '/repo/.matcoderignore': 'app/\n',
      '/repo/app/a.ts': CODE,
    });
    assert.equal(await isQuoted('a.ts'), false);
  });

  it('quotes no file with a secret in its name or anywhere in its text', async () => {
    const { quote } = workspaceOf({
      '/repo/app/.envrc': CODE,
      '/repo/app/a.ts': `${CODE.repeat(2000)}const password = 'hunter2';\n`,
      '/repo/app/b.sh': 'export DB_PASSWORD=swordfish\n',
      '/repo/app/c.ts': CODE,
    });
    const paths = ['.envrc', 'a.ts', 'b.sh', 'c.ts'];
    assert.deepEqual(await Promise.all(paths.map(quote)), ['ignored', 'secret', 'secret', 'quoted']);
  });

  it('quotes no large and no binary files, and says so', async () => {
    const { quote } = workspaceOf({
      '/repo/app/large.ts': 'a'.repeat(MAX_FILE_BYTES + 1),
      '/repo/app/zero.ts': 'a\0b',
      '/repo/app/latin.ts': new Uint8Array([0x61, 0xe9, 0x62]),
    });
    const quoted = await Promise.all(['large.ts', 'zero.ts', 'latin.ts', 'none.ts'].map(quote));
    assert.deepEqual(quoted, ['too large', 'not text', 'not text', 'missing']);
  });

  it('returns the text of the editor if a file is open, line ends as \\n', async () => {
    const { policy, file } = workspaceOf({});
    const open = { languageId: 'typescript', getText: () => 'a();\r\nb();' };
    assert.deepEqual(await policy.quotable(file('a.ts'), open), { text: 'a();\nb();' });
  });

  it('applies the rules at the time of the answer, not of the call', async () => {
    const { files, policy, file } = workspaceOf({ '/repo/app/a.ts': CODE });
    let reads = 0;
    const getText = () => {
      if (reads++ === 0) {
        files['/repo/app/.gitignore'] = 'a.ts\n';
        policy.forget();
      }
      return CODE;
    };
    const read = await policy.quotable(file('a.ts'), { languageId: 'typescript', getText });
    assert.deepEqual(read, { reason: 'ignored' });
  });

  it('uses the language of a document whose name has no extension', async () => {
    const { policy, file } = workspaceOf({});
    const getText = () => 'db_password=swordfish\n';
    const readAs = (languageId: string) => policy.quotable(file('deploy'), { languageId, getText });
    const secret = { reason: 'secret' };
    assert.deepEqual([await readAs('shellscript'), await readAs('plaintext')], [secret, { text: getText() }]);
    assert.deepEqual(policy.unsaved({ languageId: 'shellscript', getText }), secret);
  });

  it('knows which files may be quoted, and which folders hold none, without reading a file', async () => {
    const { policy, folder, file, reads } = workspaceOf(
      {
        '/repo/.git': '',
        '/repo/.gitignore': 'dist/\nnames\n',
        '/repo/app/.gitignore': 'logs/*\n!logs/keep.ts\n',
        '/repo/app/.matcoderignore': 'gen/\n',
      },
      { '**/hidden': true },
    );
    const folders = ['', 'src', 'dist', 'dist/deep', 'logs', 'src/names', 'gen', 'src/hidden'];
    const ignored = await Promise.all(folders.map((path) => policy.ignoresFolder(folder, path)));
    assert.deepEqual(
      folders.filter((_, i) => ignored[i]),
      ['dist', 'dist/deep', 'src/names', 'gen', 'src/hidden'],
    );
    const paths = ['src/a.ts', 'dist/a.ts', 'logs/a.ts', 'logs/keep.ts', '.env'];
    const may = await Promise.all(paths.map((path) => policy.mayQuote(file(path))));
    assert.deepEqual(
      paths.filter((_, i) => may[i]),
      ['src/a.ts', 'logs/keep.ts'],
    );
    assert.deepEqual(
      reads.filter((path) => !path.endsWith('ignore')),
      [],
    );
  });

  it('closes files with the names of secrets, and those that MatCoder’s own rules list', async () => {
    const { policy, file } = workspaceOf({ '/repo/app/.matcoderignore': 'gen/\n', '/repo/app/.gitignore': 'out/\n' });
    const closed = async (path: string) => {
      const reason = await policy.closed(`/repo/app/${path}`, file(path));
      return reason && english(reason);
    };
    assert.deepEqual(await Promise.all(['.envrc', 'gen/a.ts', 'out/a.ts'].map(closed)), [
      'files of this name usually contain secrets',
      '.matcoderignore lists the file',
      undefined,
    ]);
    assert.match(english((await policy.closed('/elsewhere/prod.env', undefined))!), /secrets/);
  });

  it('reads a rule once for all files and folders until a change', async () => {
    const { policy, isQuoted, reads } = workspaceOf({ '/repo/app/.gitignore': 'x\n', '/repo/app/a/b/c.ts': CODE });
    const count = () => reads.filter((path) => path === '/repo/app/.gitignore').length;
    await Promise.all(['a/b/c.ts', 'a/d.ts', 'e.ts', 'a/b/f.ts'].map(isQuoted));
    assert.equal(count(), 1);
    policy.forget();
    await isQuoted('a/b/c.ts');
    assert.equal(count(), 2);
  });

  it('warns once of rules that cannot be followed, and quotes nothing below them', async () => {
    const { isQuoted, warnings } = workspaceOf(
      { '/repo/app/a/.gitignore': 'x\n'.repeat(20_001), '/repo/app/a/b.ts': CODE, '/repo/app/c.ts': CODE },
      { [`{${'a,'.repeat(600)}b}`]: true },
    );
    assert.deepEqual(await Promise.all(['a/b.ts', 'c.ts', 'a/d.ts'].map(isQuoted)), [false, true, false]);
    assert.deepEqual(warnings.map((message) => /^(?:\S+\.gitignore|files\.exclude)/.exec(message)?.[0]).sort(), [
      '/repo/app/a/.gitignore',
      'files.exclude',
    ]);
  });
});
