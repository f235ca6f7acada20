import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import type { Evaluation } from '../../../src/cli/evaluation/run';
import { FILTER_NAMES } from '../../../src/completion/filters';
import { MODEL, ROOT, shipped } from '../model';
import { temporaryFolder } from '../../temporary';

const folder = temporaryFolder();
const source = join(folder, 'list.ts');
writeFileSync(source, 'export class List {\n  private items: string[] = [];\n\n  add(item: string) {\n    \n  }\n}\n');

function matcoder(args: string[], cli = join(ROOT, 'dist', 'cli.js'), cwd = folder) {
  return spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd });
}

describe('matcoder', () => {
  it('prints its version', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    assert.equal(matcoder(['--version']).stdout, `${version}\n`);
  });
});

describe('matcoder complete', () => {
  it('prints the text that would be inserted', () => {
    const { status, stdout, stderr } = matcoder(['complete', `${source}:5:5`]);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.notEqual(stdout.trim(), '');
  });

  it('completes the documented example rightly with each size', () => {
    const documented = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
    const place = /complete -- (\S+)/.exec(documented)?.[1] ?? '';
    for (const size of ['S', 'XL']) {
      // From the root, as documented: the model reads the path too.
      const { stdout } = matcoder(['complete', place, '--submodel', size], undefined, ROOT);
      assert.equal(stdout, '\n      this.readings.splice(index, 1);\n', size);
    }
  });

  it('prints all details with --json', () => {
    const { stdout } = matcoder(['complete', 'list.ts:5:5', '--json', '--submodel', 'S']);
    const completion = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(Object.keys(completion), [
      'text',
      'outcome',
      'submodel',
      'reason',
      'promptTokens',
      'prefillMs',
      'tokens',
      'decodeMs',
    ]);
    assert.equal(completion.submodel, 'S');
    assert.deepEqual(completion.outcome, { kind: 'shown', reason: 'S was asked for' });
    const tokens = completion.tokens as { text: string; probability: number }[];
    assert.ok(
      tokens
        .map((token) => token.text)
        .join('')
        .includes((completion.text as string).slice(0, 3)), // behind blanks of the line's own, maybe
    );
    assert.ok(tokens.every(({ probability }) => probability > 0 && probability <= 1));
  });

  it('accepts every submodel that the setting and the picker offer', () => {
    for (const name of ['XS', 'M', 'XL']) {
      const { status, stdout, stderr } = matcoder([
        'complete',
        'list.ts:5:5',
        '--json',
        '--submodel',
        name,
        '--model',
        MODEL,
      ]);
      assert.equal(status, 0, stderr);
      assert.equal((JSON.parse(stdout) as { submodel: string }).submodel, name);
    }
    for (const name of ['constructor', '__proto__']) {
      const { status, stderr } = matcoder(['complete', 'list.ts:5:5', '--submodel', name]);
      assert.equal(status, 1);
      assert.match(stderr, /^matcoder: --submodel \S+: the checkpoint has no submodel .*\n$/);
    }
  });

  it('accepts the name of a size in lower case', () => {
    const { stdout, stderr } = matcoder(['complete', 'list.ts:5:5', '--json', '--submodel', 'xl', '--model', MODEL]);
    assert.equal((JSON.parse(stdout) as { submodel: string }).submodel, 'XL', stderr);
  });

  it('prints the reason, and no text, if there is nothing to show', () => {
    writeFileSync(join(folder, 'long.ts'), `const long = '${'a'.repeat(2500)}';\n`);
    const { status, stdout, stderr } = matcoder(['complete', 'long.ts:1:15']);
    assert.deepEqual([status, stdout], [0, '']);
    assert.equal(stderr, 'matcoder: nothing to show: the line is longer than 2000 characters\n');
    const { outcome } = JSON.parse(matcoder(['complete', 'long.ts:1:15', '--json']).stdout) as { outcome: object };
    assert.deepEqual(outcome, { kind: 'gated', reason: 'the line is longer than 2000 characters' });
  });

  it('prints no token of a secret', () => {
    // The file repeats a key, so the model copies it.
    const key = `const token = 'ghp_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5';\n`;
    writeFileSync(join(folder, 'repeated.ts'), `${key.repeat(4)}const token = 'ghp_`);
    const { status, stdout } = matcoder(['complete', 'repeated.ts:5:20', '--json']);
    assert.equal(status, 0);
    const { outcome, tokens } = JSON.parse(stdout) as { outcome: object; tokens: unknown[] };
    assert.deepEqual(outcome, { kind: 'empty', reason: 'the filter secrets removed all of it' });
    assert.deepEqual(tokens, []);
  });

  it('refuses the files in which the editor does nothing', () => {
    const repository = join(folder, 'repository');
    mkdirSync(join(repository, '.git'), { recursive: true });
    mkdirSync(join(repository, 'inside', 'generated'), { recursive: true });
    writeFileSync(join(repository, '.matcoderignore'), 'generated/\n');
    const refused: [string, RegExp][] = [
      [join('repository', 'inside', 'generated', 'list.ts'), /list\.ts: MatCoder .* because \.matcoderignore lists/],
      ['.env', /\.env: MatCoder does not complete in it, because files of this name usually contain secrets/],
    ];
    for (const [file, message] of refused) {
      writeFileSync(join(folder, file), 'export {};\n');
      const { status, stdout, stderr } = matcoder(['complete', `${file}:1:1`]);
      assert.deepEqual([status, stdout], [1, '']);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
    }
  });

  it('chooses the size by itself, and gives the reason', () => {
    const { stdout } = matcoder(['complete', 'list.ts:5:5', '--json']);
    assert.match((JSON.parse(stdout) as { reason: string }).reason, /^asked for by hand: .+ answers in about \d+ ms/);
  });

  const broken = join(folder, 'truncated');
  cpSync(MODEL, broken, { recursive: true });
  truncateSync(join(broken, 'model.safetensors'), 5_000_000);
  const gguf = join(temporaryFolder(), 'model.gguf');
  writeFileSync(gguf, 'GGUF');
  const halved = join(folder, 'halved');
  cpSync(MODEL, halved, { recursive: true });
  writeFileSync(join(halved, 'tokenizer.json'), readFileSync(join(MODEL, 'tokenizer.json')).subarray(0, 1000));
  writeFileSync(join(folder, 'image.png'), Buffer.from([0x89, 0x50, 0, 0, 1]));
  writeFileSync(join(folder, 'latin1.ts'), Buffer.from([0x61, 0xe9, 0x62]));
  writeFileSync(join(folder, 'empty.ts'), '');

  const cases: [string, string[], RegExp][] = [
    ['no place', [], /complete takes one FILE:LINE:COL/],
    ['a place without a line', ['list.ts'], /list\.ts: expected FILE:LINE:COL/],
    ['a file that is missing', ['none.ts:1:1'], /none\.ts: there is no such file/],
    ['a folder', ['.:1:1'], /\.: it is a folder, not a file/],
    ['a binary file', ['image.png:1:1'], /image\.png: it is a binary file/],
    ['a file that is not UTF-8', ['latin1.ts:1:1'], /latin1\.ts: it is not UTF-8/],
    ['a line past the end', ['list.ts:99:1'], /list\.ts: line 99 is past the end, the file has 8 lines/],
    ['a column past the end', ['list.ts:1:50'], /list\.ts:1: column 50 is past the end, columns go from 1 to 20/],
    ['a column of zero', ['list.ts:1:0'], /list\.ts:1:0: lines and columns count from 1/],
    ['a line of zero', ['empty.ts:0:0'], /empty\.ts:0:0: lines and columns count from 1/],
    [
      'a size that does not exist',
      ['list.ts:1:1', '--submodel', 'XXL'],
      /: the checkpoint has no submodel XXL; its sizes are XS, S, M, L, XL, or auto, and `matcoder inspect` lists the mixes$/m,
    ],
    ['an option that does not exist', ['list.ts:1:1', '--fast'], /unknown option --fast; see --help/],
    ['an option of another command', ['list.ts:1:1', '--submodels', 'S'], /complete takes no --submodels; see --help/],
    [
      'a checkpoint that is missing',
      ['list.ts:1:1', '--model', 'nowhere'],
      /nowhere: there is no such folder, and no imported model of this name/,
    ],
    [
      'a GGUF file instead of a checkpoint',
      ['list.ts:1:1', '--model', gguf],
      /model\.gguf: it is a file, not a folder\. Import it first, and choose the folder that the import writes\./,
    ],
    [
      'a checkpoint that is truncated',
      ['list.ts:1:1', '--model', broken],
      /model\.safetensors: the tensor .* after the end of the file, which is truncated/,
    ],
    ['half a tokenizer', ['list.ts:1:1', '--model', halved], /tokenizer\.json: it is not JSON/],
  ];
  for (const [name, args, message] of cases) {
    it(`ends with one line and exit code 1: ${name}`, () => {
      const { status, stdout, stderr } = matcoder(['complete', ...args]);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /, 'a stack trace');
      assert.equal(stderr.trim().split('\n').length, 1);
    });
  }

  it('ends with one line and exit code 1: an addon that is missing', () => {
    const alone = join(folder, 'alone');
    mkdirSync(join(alone, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'dist', 'cli.js'), join(alone, 'dist', 'cli.js'));
    const { status, stderr } = matcoder(['complete', 'list.ts:1:1', '--model', MODEL], join(alone, 'dist', 'cli.js'));
    assert.equal(status, 1);
    assert.match(stderr, /^matcoder: The native engine for .* is missing: reinstall MatCoder.* Looked at .*\n$/);
  });

  it('counts columns as the editor does, without a byte order mark', () => {
    writeFileSync(join(folder, 'marked.ts'), '\ufeffconst a = "\ufffd";\n');
    assert.equal(matcoder(['complete', 'marked.ts:1:15']).status, 0);
    assert.equal(matcoder(['complete', 'marked.ts:1:16']).status, 1);
  });

  it('completes in an empty file', () => {
    assert.equal(matcoder(['complete', 'empty.ts:1:1']).status, 0);
  });
});

describe('matcoder inspect', () => {
  it('lists the submodels from the cheapest to the whole', async () => {
    const { model } = (await shipped()).config;
    const rows = JSON.parse(matcoder(['inspect', '--json']).stdout) as Record<string, unknown>[];
    const names = rows.map((row) => row.name);
    for (const name of ['S', 'M', 'L', 'XL']) assert.ok(names.includes(name));
    assert.equal(names.at(-1), 'XL');
    assert.deepEqual(rows.at(-1)?.ffnWidths, Array(model.layers).fill(model.ffnSize));
    const parameters = rows.map((row) => Number(row.parameters));
    assert.equal(parameters.at(-1), Math.max(...parameters));
    assert.ok(rows.every((row) => Number(row.bytesPerToken) > 1e6));
  });

  it('gives the cost and the quality of at least 24', () => {
    const rows = JSON.parse(matcoder(['inspect', '--json']).stdout) as Record<string, unknown>[];
    assert.ok(rows.length >= 24, `there are ${rows.length}`);
    for (const row of rows) {
      const keys = ['name', 'parameters', 'bytesPerToken', 'ffnWidths', 'bitsPerByte', 'agreementWithXL'];
      assert.deepEqual(Object.keys(row), keys);
      assert.ok(Number(row.bitsPerByte) > 0.3 && Number(row.bitsPerByte) < 3);
      assert.ok(Number(row.agreementWithXL) > 0.3 && Number(row.agreementWithXL) <= 1);
    }
    assert.equal(rows.at(-1)?.agreementWithXL, 1);
  });

  it('refuses two reports at once', () => {
    const { status, stderr } = matcoder(['inspect', '--machine', '--hardware']);
    assert.deepEqual([status, stderr], [1, 'matcoder: inspect takes --machine or --hardware, not both\n']);
  });

  it('prints a table', () => {
    assert.match(matcoder(['inspect']).stdout, /^submodel +parameters +bytes per token .*agrees with XL/);
  });
});

describe('matcoder eval', () => {
  const cases: [string, string[], RegExp][] = [
    ['no places', ['list.ts', '--each', '0'], /--each 0: expected a whole number from 1 on/],
    ['a number below zero', ['list.ts', '--each', '-3'], /--each -3: expected a value, which does not begin with -/],
    ['an empty file', ['empty.ts'], /eval found no place to complete: name files that contain lines of code/],
    ['no file', [], /eval takes files, --heldout FILE or --places FILE/],
    [
      'a filter that does not exist',
      ['list.ts', '--without', 'spelling'],
      /--without spelling: expected each or one of secrets/,
    ],
    ['a submodel that does not exist', ['list.ts', '--submodels', 'XXL'], /XXL/],
    [
      'a file that is missing',
      ['--places', 'none.json'],
      /none\.json: it does not exist\. .*training\.evaluate --places FILE/,
    ],
    ['a file of something else', ['--places', 'list.ts'], /list\.ts: it cannot be read/],
    [
      'files in addition to places',
      ['list.ts', '--places', 'p.json'],
      /--places has its own places: it takes no files/,
    ],
    ['a score fitted to any file', ['list.ts', '--calibrate'], /--calibrate overwrites the score .*--heldout FILE/],
    ['a workspace without files', ['--workspace', '.'], /--workspace goes with files in it/],
    ['a workspace that is missing', ['list.ts', '--workspace', 'none'], /--workspace none: there is no such folder/],
    ['packages without a corpus', ['list.ts', '--packages'], /--packages goes with --heldout FILE/],
    ['a file outside', [join('..', 'list.ts'), '--workspace', '.'], /list\.ts: it is not in the workspace \./],
    [
      'another state of the memory',
      ['list.ts', '--workspace', '.', '--memory', 'auto'],
      /--memory auto: expected off, on, or off,on/,
    ],
    [
      'another JSON',
      ['--places', join(MODEL, 'config.json')],
      /config\.json: it does not hold places\. Create it with/,
    ],
  ];
  for (const [name, args, message] of cases) {
    it(`ends with one line and exit code 1: ${name}`, () => {
      const { status, stderr } = matcoder(['eval', ...args]);
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
    });
  }

  it('says that a corpus holds no places', () => {
    const { status, stderr } = matcoder(['eval', '--heldout', devNull]);
    assert.equal(status, 1);
    assert.match(stderr, /^matcoder: .+: it holds no places for this half of its packages\n$/);
  });
});

describe('matcoder replay', () => {
  it('types a file under each policy, and prints the results', () => {
    const { status, stdout } = matcoder(['replay', 'list.ts', '--policy', 'auto,S', '--max-chars', '80', '--json']);
    assert.equal(status, 0);
    const rows = JSON.parse(stdout) as Record<string, number | string>[];
    assert.deepEqual(
      rows.map(({ scenario, policy }) => [scenario, policy]),
      [
        ['quiet', 'auto'],
        ['quiet', 'S'],
      ],
    );
    for (const row of rows) {
      assert.ok(Number(row.decodes) > 0 && Number(row.engineSeconds) > 0 && Number(row.gigabytesRead) > 0);
      assert.ok(row.joules === 'unknown' || Number(row.joules) > 0, String(row.joules));
      assert.ok(Number(row.keysSaved) <= Number(row.keysByHand) && Number(row.accepted) <= Number(row.shown));
    }
  });

  it('measures the engine once, keeps the model’s answers, and gives the same results with them', () => {
    const [costs, answers] = ['costs.json', 'answers.jsonl'];
    const args = ['replay', 'list.ts', '--policy', 'S', '--scenario', 'quiet,slow', '--max-chars', '80', '--json'];
    const run = () => {
      const rows = JSON.parse(matcoder([...args, '--costs', costs, '--answers', answers]).stdout) as object[];
      return rows.map((row) => ({ ...row, cpuSeconds: 0, joules: 0 }));
    };
    const first = run();
    const kept = readFileSync(join(folder, answers), 'utf8');
    assert.match(readFileSync(join(folder, costs), 'utf8'), /"attentionMs"/);
    assert.deepEqual(run(), first);
    assert.equal(readFileSync(join(folder, answers), 'utf8'), kept, 'nothing was asked of the model again');
  }).timeout(300_000);

  it('ends with one line and exit code 1: costs of another kind', () => {
    const { status, stderr } = matcoder(['replay', 'list.ts', '--costs', 'list.ts']);
    assert.equal(status, 1);
    assert.match(stderr, /^matcoder: list\.ts: /);
  });

  it('draws held-out files', () => {
    const text = 'export const answer = 42;\n'.repeat(20);
    const rows = ['a', 'b', 'c'].map((name) => JSON.stringify({ package: name, path: `${name}.ts`, text }));
    writeFileSync(join(folder, 'heldout.jsonl'), `${rows.join('\n')}\n`);
    const args = ['replay', '--heldout', 'heldout.jsonl', '--files', '2', '--max-chars', '60', '--policy', 'S'];
    assert.match(matcoder(args).stdout, /^scenario .*\nquiet +S +-?\d+/);
  });

  const cases: [string, string[], RegExp][] = [
    ['no file', [], /replay takes files, or --heldout FILE/],
    ['three models', ['list.ts', ...['a', 'b', 'c'].flatMap((folder) => ['--model', folder])], /one --model or two/],
    ['one of two models without a second', ['list.ts', '--policy', 'second'], /it goes with two models/],
    ['sizes of a second model without one', ['list.ts', '--policy', 'auto-xl'], /it goes with two models/],
    ['a workspace without files', ['--workspace', '.'], /--workspace goes with files in it/],
    ['packages without a corpus', ['list.ts', '--packages'], /--packages goes with --heldout FILE/],
    ['a file that is missing', ['none.ts'], /none\.ts: there is no such file/],
    ['a file that is too short', ['empty.ts'], /empty\.ts: it is too short to replay/],
    [
      'a policy that does not exist',
      ['list.ts', '--policy', 'XXL'],
      /--policy XXL: the checkpoint has no submodel XXL/,
    ],
    [
      'a scenario that does not exist',
      ['list.ts', '--scenario', 'noisy'],
      /--scenario noisy: expected all, or some of quiet, battery/,
    ],
    ['a length that is not a number', ['list.ts', '--max-chars', 'many'], /--max-chars many: expected a whole number/],
    ['a length of nothing', ['list.ts', '--max-chars', '0'], /--max-chars 0: expected a whole number from 1 on/],
    ['costs in a device', ['list.ts', '--costs', devNull], /: it is not a regular file/],
    ['answers in a folder', ['list.ts', '--answers', '.'], /\.: it is a folder, not a file/],
    [
      'held-out code that is missing',
      ['--heldout', 'none.jsonl'],
      /none\.jsonl: there is no such file; .*training\.corpus/,
    ],
    ['held-out code of another kind', ['--heldout', 'list.ts'], /list\.ts:1: expected a JSON object with package/],
  ];
  for (const [name, args, message] of cases) {
    it(`ends with one line and exit code 1: ${name}`, function () {
      // Wine takes this device for a file.
      if (process.platform === 'win32' && args.includes(devNull)) this.skip();
      const { status, stderr } = matcoder(['replay', ...args]);
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
    });
  }
});

describe('matcoder eval, over a file', () => {
  it('prints figures for each trigger and each kind of span, and for VS Code’s words', () => {
    const { stdout, stderr } = matcoder([
      'eval',
      source,
      '--submodels',
      'S',
      '--each',
      '1',
      '--without',
      'scope',
      '--json',
    ]);
    assert.equal(stderr, '');
    const { rows, calibration } = JSON.parse(stdout) as {
      rows: { submodel: string; way: string; without?: string; kind: string; opportunities: number }[];
      calibration: { submodel: string; curve: unknown[] }[];
    };
    const ways = new Set(rows.map(({ submodel, way, without }) => [submodel, way, without].join(' ').trim()));
    assert.deepEqual(
      [...ways],
      ['S by hand', 'S eager', 'S balanced', 'S careful', 'S balanced scope', 'words by hand'],
    );
    assert.ok(rows.filter(({ kind }) => kind === 'all').every(({ opportunities }) => opportunities >= 3));
    assert.deepEqual(
      calibration.map(({ submodel, curve }) => [submodel, curve.length]),
      [['S', 10]],
    );
  });
});

describe('matcoder in a workspace', () => {
  const workspace = join(folder, 'project');
  const circle = join(workspace, 'circle.ts');
  const body = (name: string) =>
    `export class ${name} {\n  scaledBy(factor: number): ${name} {\n    return new ${name}(this.size * factor);\n  }\n}\n`;
  mkdirSync(workspace);
  writeFileSync(circle, body('Circle'));
  writeFileSync(join(workspace, 'square.ts'), body('Square'));

  it('completes with what its other files say', () => {
    writeFileSync(join(workspace, 'cube.ts'), 'export class Cube {\n  scaledBy(factor: number): Cube {\n    \n');
    const { stdout, stderr } = matcoder(['complete', `${join(workspace, 'cube.ts')}:3:5`, '--workspace', workspace]);
    assert.match(stdout, /return new Cube\(this\.size \* factor\);/, stderr);
  });

  it('compares the memory with none at the same places', () => {
    const args = ['eval', circle, '--workspace', workspace, '--memory', 'off,on', '--submodels', 'S', '--each', '1'];
    const { stdout, stderr } = matcoder([...args, '--json']);
    assert.equal(stderr, '');
    const { rows, effects, memory } = JSON.parse(stdout) as Evaluation;
    const all = rows.filter(({ kind, way }) => kind === 'all' && way === 'balanced');
    assert.deepEqual(
      all.map((row) => row.memory),
      ['off', 'on'],
    );
    assert.equal(all[0]!.opportunities, all[1]!.opportunities);
    assert.ok(effects.some(({ of, places }) => of === 'all' && places === all[0]!.opportunities));
    assert.ok(memory!.documents >= 2 && memory!.tokens > 20 && memory!.bytes > 0, JSON.stringify(memory));
    assert.match(
      matcoder(args).stdout,
      /\nmemory, on less off .*\n[^]*\nThe memory: \d+ documents, \d+ tokens, \d+ bytes\n$/,
    );
  }).timeout(300_000);

  it('types with and without the memory', () => {
    const args = [
      'replay',
      circle,
      '--workspace',
      workspace,
      '--memory',
      'off,on',
      '--policy',
      'S',
      '--max-chars',
      '60',
    ];
    const { stdout } = matcoder(args);
    assert.match(stdout, /^scenario +policy +memory .*\nquiet +S +off .*\nquiet +S +on /);
    assert.match(stdout, /quiet, S: keys with the memory as a share of those without/);
  }).timeout(300_000);

  it('says that a checkpoint cannot use a memory', () => {
    const args = ['eval', circle, '--workspace', workspace, '--submodels', 'S', '--model'];
    const bare = join(folder, 'bare');
    cpSync(MODEL, bare, { recursive: true });
    const config = JSON.parse(readFileSync(join(bare, 'config.json'), 'utf8')) as { matformer: { memory?: object } };
    delete config.matformer.memory;
    writeFileSync(join(bare, 'config.json'), JSON.stringify(config));
    const { status, stderr } = matcoder([...args, bare]);
    assert.deepEqual(
      [status, stderr],
      [1, 'matcoder: the checkpoint has no gate, so it cannot use a memory of the workspace: take --memory off\n'],
    );
    assert.equal(matcoder([...args, bare, '--memory', 'off', '--each', '1']).status, 0);
  });
});

describe('matcoder, if its output cannot be written', () => {
  const cli = join(ROOT, 'dist', 'cli.js');
  const FULL = '/dev/full';

  for (const args of [['inspect'], ['inspect', '--json'], ['--help']]) {
    it(`is quiet if nobody reads it: matcoder ${args.join(' ')} | true`, async () => {
      const child = spawn(process.execPath, [cli, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout.destroy(); // the reader is gone before anything is written
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      assert.deepEqual([await once(child, 'close'), stderr], [[0, null], '']);
    });

    it(`says so in one line if the disk is full: matcoder ${args.join(' ')} > ${FULL}`, function () {
      if (!existsSync(FULL)) this.skip();
      const full = openSync(FULL, 'w');
      const stdio = ['ignore', full, 'pipe'] as const;
      const { status, stderr } = spawnSync(process.execPath, [cli, ...args], {
        encoding: 'utf8',
        cwd: folder,
        stdio: [...stdio],
      });
      closeSync(full);
      assert.deepEqual([status, stderr], [1, 'matcoder: the output cannot be written (ENOSPC)\n']);
    });
  }

  it('ends with the exit code of a failure although the message cannot be written', function () {
    if (!existsSync(FULL)) this.skip();
    const full = openSync(FULL, 'w');
    const args = [cli, 'inspect', '--model', 'nowhere'];
    const { status } = spawnSync(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', full] });
    closeSync(full);
    assert.equal(status, 1);
  });
});

describe('the bench', () => {
  const bench = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'scripts', 'bench.mjs'), ...args], { encoding: 'utf8', timeout: 60_000 });

  it('explains itself, and installs nothing', () => {
    const { status, stdout } = bench('--help');
    assert.equal(status, 0);
    assert.match(stdout, /^npm run bench -- \[--json\]/);
  });

  for (const args of [
    ['--bogus'],
    ['--rounds', 'x'],
    ['--rounds'],
    ['--engines', 'other'],
    ['gpu', '--threads', '3'],
  ]) {
    it(`ends with one line and exit code 1: ${args.join(' ')}`, () => {
      const { status, stdout, stderr } = bench(...args);
      assert.deepEqual([status, stdout], [1, '']);
      assert.match(stderr, /^bench: .+; see npm run bench -- --help\n$/);
    });
  }
});

describe('matcoder', () => {
  it('explains itself', () => {
    const { status, stdout } = matcoder(['--help']);
    assert.equal(status, 0);
    assert.match(stdout, /matcoder complete FILE:LINE:COL/);
    assert.equal(matcoder(['-h']).stdout, stdout);
  });

  it('explains each option of eval, replay and lsp, the filters and itself', () => {
    const { stdout } = matcoder(['--help']);
    const options = (text = '') => new Set(text.match(/--[a-z][a-z-]*/g));
    for (const command of ['eval FILE', 'replay', 'lsp', 'help']) {
      const [, synopsis, explanation] =
        new RegExp(`^(matcoder (?:--)?${command}.*\n(?: {5,}.*\n)*)((?: {4}\\S.*\n)+)`, 'm').exec(stdout) ?? [];
      assert.ok(synopsis, command);
      for (const option of options(synopsis))
        if (!['--json', '--model', '--help'].includes(option))
          assert.ok(options(explanation).has(option), `${option} of ${command}`);
    }
    for (const filter of FILTER_NAMES) assert.match(stdout, new RegExp(`\\b${filter}\\b`));
  });
});
