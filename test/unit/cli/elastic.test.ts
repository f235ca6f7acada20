import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elasticText, progressLines } from '../../../src/cli/elastic';
import { temporaryFolder } from '../../temporary';
import { randomModel, TINY_LLAMA, writeFolder } from '../../tinyModel';
import { ROOT } from '../model';

const CLI = join(ROOT, 'dist', 'cli.js');
const cache = temporaryFolder();
const env = { ...process.env, XDG_CACHE_HOME: cache };
const source = () => writeFolder(TINY_LLAMA, randomModel(TINY_LLAMA));
const SAMPLE = join(ROOT, 'src', 'engine');

function matcoder(...args: string[]) {
  return spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', env });
}

describe('matcoder elastic', function () {
  this.timeout(300_000);

  it('gives a model of the library narrower sizes by its name, which inspect lists', () => {
    assert.equal(matcoder('import', source(), '--name', 'My Model').status, 0);
    const folder = join(cache, 'matcoder', 'models', 'my-model');
    const { status, stdout, stderr } = matcoder('elastic', 'My Model', '--sample', SAMPLE, '--minutes', '0.03');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^sample: \d+ files, [\d,]+ characters, from .*src.engine$/m);
    assert.match(stderr, /^\d+ %, searching widths$/m);
    assert.ok(stdout.startsWith(`${folder}\nsize `), stdout);
    assert.match(stdout, /^XL +100 % +\d\.\d{3} +100\.0 %$/m);
    assert.match(stdout, /^Measured on [\d,]+ bytes of the sample that nothing else read/m);
    assert.match(stdout, /^Use it with --model my-model, and one size of it with --submodel [SML]+\. /m);
    const inspected = matcoder('inspect', '--model', 'My Model').stdout;
    assert.match(inspected, /^[SML] +[\d,]+ +[\d,]+ +\d\.\d{3} /m);
    assert.match(
      inspected,
      /^narrower sizes +made from the full one with your code, measured on [\d,]+ bytes of it, \d{4}-/m,
    );
  });

  it('is a part of an import with --elastic, and prints all with --json', () => {
    const folder = join(temporaryFolder(), 'into');
    const { stdout, stderr } = matcoder(
      ...['import', source(), '--into', folder, '--elastic', '--minutes', '0.03', '--json'],
    );
    const { elastic } = JSON.parse(stdout) as {
      elastic: { folder: string; sizes: object; record: { sample: string } };
    };
    assert.equal(elastic.folder, folder);
    assert.ok(Object.keys(elastic.sizes).length > 1);
    assert.equal(elastic.record.sample, 'bundled');
    assert.match(stderr, /from sources of MatCoder, because --sample names no folder of yours/);
    const again = matcoder('elastic', folder, '--minutes', '0.03', '--json');
    assert.equal((JSON.parse(again.stdout) as { folder: string }).folder, folder, again.stderr);
  });

  it('leaves the model as it was if it is interrupted', async () => {
    if (process.platform === 'win32') return; // which has no signals that a program could hear
    const folder = join(temporaryFolder(), 'into');
    assert.equal(matcoder('import', source(), '--into', folder).status, 0);
    const before = readFileSync(join(folder, 'model.safetensors'));
    const files = readdirSync(folder);
    const child = spawn(process.execPath, [CLI, 'elastic', folder, '--minutes', '10'], { env });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('searching') && !child.killed) child.kill('SIGINT');
    });
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 1, said);
    assert.match(said, /matcoder: it was interrupted, and the model is as it was\n$/);
    assert.deepEqual(readdirSync(folder), files);
    assert.deepEqual(readFileSync(join(folder, 'model.safetensors')), before);
  });

  it('says where the import is if it is interrupted after it, and prints its report', async () => {
    if (process.platform === 'win32') return; // which has no signals that a program could hear
    const folder = join(temporaryFolder(), 'into');
    const args = ['import', source(), '--into', folder, '--name', 'Mine', '--elastic', '--minutes', '10', '--json'];
    const child = spawn(process.execPath, [CLI, ...args], { env });
    let [said, printed] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('searching') && !child.killed) child.kill('SIGINT');
    });
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 1, said);
    const last = said.trimEnd().split('\n').at(-1);
    const where = `The import is in ${folder}; \`matcoder elastic ${folder}\` makes it elastic`;
    assert.equal(last, `matcoder: it was interrupted, and the model is as it was imported. ${where}`);
    const report = JSON.parse(printed) as { folder: string; name: string };
    assert.deepEqual([report.folder, report.name], [folder, 'Mine']);
  });

  const short = temporaryFolder();
  mkdirSync(join(short, 'code'));
  writeFileSync(join(short, 'code', 'a.ts'), 'const a = 1;\n');
  writeFileSync(join(short, 'code', '.env'), 'KEY=1\n');
  writeFileSync(join(short, 'code', 'b.png'), '');
  const refused: [string, string[], RegExp][] = [
    ['no model', ['elastic'], /elastic takes the folder or the name of one model/],
    ['an empty model', ['elastic', ''], /elastic has an empty argument/],
    ['two models', ['elastic', 'a', 'b'], /elastic takes the folder or the name of one model/],
    [
      'an unknown name',
      ['elastic', 'other'],
      /other: there is no such folder, and no imported model of this name; there are my-model/,
    ],
    ['no time', ['elastic', 'my-model', '--minutes', '0'], /--minutes 0: expected a number of minutes above 0/],
    ['a missing sample', ['elastic', 'my-model', '--sample', 'none'], /--sample none: there is no such folder/],
    [
      'a sample without an elastic import',
      ['import', 'a.gguf', '--sample', 'b'],
      /import takes --sample and --minutes with --elastic/,
    ],
    [
      'a nested model',
      ['elastic', join(ROOT, 'models', 'matlm-6m')],
      /it has sizes already, because it was trained nested/,
    ],
  ];
  for (const [name, args, message] of refused) {
    it(`refuses ${name} in one line`, () => {
      const { status, stdout, stderr } = matcoder(...args);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.match(stderr.split('\n').at(-2) ?? '', /^matcoder: /);
    });
  }

  it('refuses a sample that is too short, and says what to do', () => {
    const { status, stderr } = matcoder('elastic', 'my-model', '--sample', short);
    assert.equal(status, 1);
    const lines = stderr.split('\n');
    assert.deepEqual(lines.slice(0, 3), [
      `reading the sample in ${short}`,
      `sample: 1 file, 13 characters, from ${short}`,
      'left out: 1 file whose name stands for secrets, 1 file that is no text, 1 file of fewer than 200 characters',
    ]);
    const fault = lines[3] ?? '';
    assert.ok(fault.startsWith(`matcoder: ${short}: the sample text is too short: 0 characters in 0 files; `), fault);
    assert.match(fault, /\. Take a folder with more code\./);
  });
});

describe('the report of matcoder elastic', () => {
  const row = (name: string, bytesPerToken: number, bitsPerByte: number) => ({
    ...{ name, bytesPerToken, bitsPerByte, agreementWithXL: 0.9, parameters: 1, ffnWidths: [32] },
  });
  const report = {
    folder: '/models/mine',
    sizes: { XL: [64], S: [32], XS: [0] },
    unchanged: undefined,
    frontier: [row('S', 50, 1.1), row('mix 90', 90, 1.01), row('XL', 100, 1)],
    weightBytes: { before: 96_600_000, after: 108_400_000 },
    heldOutTextBytes: 90_000,
    record: {
      ...{ sample: 'user' as const, calibratedTokens: 1, searchedTokens: 1, heldOutTokens: 1, heldOutBytes: 800 },
      createdAt: '',
    },
    seconds: 250,
  };

  it('has the sizes with their loss, says that the weights grew, and that little was measured', () => {
    const text = elasticText(report);
    assert.match(text, /^S +50 % +1\.100 +\+10\.0 % +90\.0 %$/m);
    assert.ok(!text.includes('mix 90'));
    assert.match(text, /^The weights take 108\.4 MB instead of 96\.6 MB/m);
    assert.match(text, /^Measured on 800 bytes .*That is little: more --minutes/m);
    assert.match(text, /^Made in 4\.2 minutes\.$/m);
    assert.match(
      elasticText({ ...report, budgetSeconds: 60 }),
      /^Made in 4\.2 minutes, longer than --minutes says, because/m,
    );
    assert.match(elasticText({ ...report, budgetSeconds: 240 }), /^Made in 4\.2 minutes\.$/m);
    const larger = {
      ...report,
      weightBytes: { before: 100, after: 101 },
      record: { ...report.record, heldOutBytes: 30_000 },
    };
    assert.doesNotMatch(elasticText(larger), /instead of|little/);
  });

  const remedies: [string, number, RegExp][] = [
    ['most of the text was not read', 90_000, /That is little: more --minutes measure more\.$/m],
    ['all of it was', 820, /That is little: the sample has no more for it, and a larger --sample has\.$/m],
    ['it is not clear', 1000, /That is little: a larger --sample or more --minutes measure more\.$/m],
  ];
  for (const [what, heldOutTextBytes, message] of remedies)
    it(`says what measures more if little was measured and ${what}`, () => {
      assert.match(elasticText({ ...report, heldOutTextBytes }), message);
    });

  it('says that nothing was changed if there is no narrower size', () => {
    const alone = { ...report, sizes: { XL: [64] }, unchanged: 'loss' as const };
    assert.match(elasticText(alone), /No narrower size is good enough\. So nothing was changed.*--sample DIR/);
    const kept = elasticText({ ...report, unchanged: 'loss' });
    assert.match(kept, /nothing was changed \(4\.2 minutes\)\. It keeps the sizes that it has: XL, S, XS\. /);
    const grown = elasticText({ ...alone, unchanged: 'growth' });
    assert.match(grown, /saves more than sorting costs.*nothing was changed.*--bits 8/);
  });

  it('tells each tenth and each piece of the work once', () => {
    const lines: string[] = [];
    const tell = progressLines((line) => lines.push(line));
    for (const share of [0, 0.05, 0.12, 0.19]) tell(share, 'calibrate');
    tell(0.2, 'sort');
    assert.deepEqual(lines, ['0 %, reading the sample', '10 %, reading the sample', '20 %, sorting the weights']);
  });
});
