import assert from 'node:assert/strict';
import { bundledSample, isEnough, splitSample } from '../../../../src/models/elastic/sampleText';
import { ROOT } from '../../model';

const file = (path: string, chars: number) => ({ path, text: `${path}\n`.repeat(Math.ceil(chars / (path.length + 1))) });
const many = Array.from({ length: 40 }, (_, i) => file(`src/${i}.ts`, 500 + 37 * i));
const pathsOf = (files: readonly { path: string }[]) => files.map(({ path }) => path);

describe('the sample text of an elastic model', () => {
  it('has three parts that share no file, each with about its share', () => {
    const { calibration, search, heldOut } = splitSample(many, 'x');
    const all = [calibration, search, heldOut].flatMap(pathsOf);
    assert.equal(new Set(all).size, all.length);
    assert.deepEqual(all.toSorted(), pathsOf(many).toSorted());
    const [a, b, c] = [calibration, search, heldOut].map((part) => part.reduce((sum, { text }) => sum + text.length, 0));
    const total = a! + b! + c!;
    for (const [chars, share] of [[a!, 0.4], [b!, 0.35], [c!, 0.25]] as const)
      assert.ok(Math.abs(chars / total - share) < 0.05, `${chars / total} instead of ${share}`);
  });

  it('has the same parts whatever the order of the files', () => {
    assert.deepEqual(splitSample(many.toReversed(), 'x'), splitSample(many, 'x'));
  });

  it('never has the same text in two parts', () => {
    const copies = many.map(({ path, text }) => ({ path: `copy/${path}`, text }));
    const { calibration, search, heldOut } = splitSample([...many, ...copies], 'x');
    const texts = [...calibration, ...search, ...heldOut].map(({ text }) => text);
    assert.equal(texts.length, many.length);
    assert.equal(new Set(texts).size, many.length);
  });

  it('takes the first lines of a long file, so that it does not decide alone', () => {
    const long = file('src/long.ts', 1_000_000);
    const { calibration, search, heldOut } = splitSample([...many, long], 'x');
    const { text } = [...calibration, ...search, ...heldOut].find(({ path }) => path === long.path)!;
    assert.ok(text.length > 15_900 && text.length <= 16_000 && text.endsWith('\n') && long.text.startsWith(text));
    const oneLine = { path: 'src/line.ts', text: 'x'.repeat(50_000) };
    assert.ok(isEnough([oneLine, ...many.slice(0, 20)]));
  });

  it('is no more than can be used, from all folders', () => {
    const folders = Array.from({ length: 100 }, (_, i) => file(`src/${String(i).padStart(2, '0')}.ts`, 15_000));
    const { calibration, search, heldOut } = splitSample(folders, 'x');
    const used = pathsOf([...calibration, ...search, ...heldOut]).toSorted();
    assert.ok(used.length >= 24 && used.length <= 27, `${used.length}`);
    assert.ok(used[0]! < 'src/2' && used.at(-1)! > 'src/8');
  });

  it('is refused if it is too short, and the message says what to do', () => {
    const short = many.slice(0, 9);
    assert.ok(!isEnough(short));
    assert.throws(
      () => splitSample(short, '/models/mine'),
      /^CheckpointError: \/models\/mine: the sample text is too short: 5,\d{3} characters in 9 files; 20,000 .*\. Take a folder with more code\. Without narrower sizes the model works as it is\.$/,
    );
    assert.throws(() => splitSample([file('a.ts', 16_000), file('b.ts', 16_000)], 'x'), /in 2 files; .* in three files/);
    assert.throws(() => splitSample([], 'x'), /0 characters in 0 files/);
    const uneven = [file('a.ts', 15_000), file('b.ts', 12_000), file('c.ts', 300)];
    assert.ok(!isEnough(uneven));
    assert.throws(() => splitSample(uneven, 'x'), /cannot be split .* few files: 27,\d{3} characters in 3 files\. Take a folder/);
    // Files of a few characters do not make a part.
    assert.throws(() => splitSample([...uneven.slice(0, 2), file('c.ts', 16)], 'x'), /in 2 files; .* in three files/);
    assert.ok(!isEnough(Array.from({ length: 50 }, (_, i) => ({ path: `${i}.ts`, text: file('a.ts', 5000).text }))));
  });

  it('is bundled for those who have too few files: three languages, and the build writes the same again', async () => {
    const files = await bundledSample(ROOT);
    assert.ok(isEnough(files));
    for (const ending of ['.ts', '.cc', '.py']) {
      const chars = files.filter(({ path }) => path.endsWith(ending)).reduce((sum, { text }) => sum + text.length, 0);
      assert.ok(chars > 30_000 && chars <= 50_000, `${chars} characters of ${ending}`);
    }
    await assert.rejects(bundledSample('/nowhere'), /sample\.json: the bundled sample text cannot be read\. Install MatCoder/);
  });
});
