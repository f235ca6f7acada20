import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { openCheckpoint } from '../../../src/matlm/checkpoint';
import { checkTensors, checkValues } from '../../../src/matlm/tensors';
import { MODEL, small } from '../model';
import { needLinks } from '../../links';
import { temporaryFolder } from '../../temporary';

describe('a checkpoint folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = join(temporaryFolder(), 'model');
    cpSync(MODEL, folder, { recursive: true });
  });
  const edit = (file: string, change: (text: string) => string) => {
    writeFileSync(join(folder, file), change(readFileSync(join(folder, file), 'utf8')));
  };

  it('opens', async () => {
    const { weightsFile, config } = await openCheckpoint(folder);
    assert.equal(basename(weightsFile), 'model.safetensors');
    assert.equal(config.model.layers, 6);
  });

  it('may hold symbolic links, as a download cache does: the weights get the path of the real file', async function () {
    needLinks(this);
    const blobs = join(folder, '..', 'blobs');
    mkdirSync(blobs);
    for (const [i, file] of ['config.json', 'tokenizer.json', 'model.safetensors'].entries()) {
      cpSync(join(folder, file), join(blobs, `blob${i}`));
      rmSync(join(folder, file));
      symlinkSync(join('..', 'blobs', `blob${i}`), join(folder, file));
    }
    const { weightsFile } = await openCheckpoint(folder);
    assert.equal(basename(weightsFile), 'blob2');
  });

  for (const file of ['config.json', 'tokenizer.json', 'model.safetensors', 'confidence.json']) {
    const replaceBy = (make: (path: string) => void) => {
      rmSync(join(folder, file), { force: true });
      make(join(folder, file));
    };

    it(`is refused if ${file} is a pipe, which nobody may ever write to`, async function () {
      if (process.platform === 'win32') this.skip();
      replaceBy((path) => void execFileSync('mkfifo', [path]));
      await assert.rejects(openCheckpoint(folder), { message: new RegExp(`${file}: it is not a regular file\\. R`) });
    });

    it(`is refused if ${file} is a folder`, async () => {
      replaceBy((path) => {
        mkdirSync(path);
      });
      await assert.rejects(openCheckpoint(folder), { message: new RegExp(`${file}: it is a folder, not a file\\. R`) });
    });
  }

  it('has the format of our own prompts, by the names of its tokens', async () => {
    const { tokenizer, prompt } = await openCheckpoint(folder);
    const [end, prefix, middle, suffix, file] = ['endoftext', 'fim_prefix', 'fim_middle', 'fim_suffix', 'file_sep'].map(
      (name) => tokenizer.idOf(`<|${name}|>`)!,
    );
    assert.deepEqual(prompt, {
      order: 'spm',
      hasHeader: true,
      tokens: { prefix, suffix, middle, file },
      stop: [end, prefix, middle, suffix, file],
    });
  });

  it('has the format that config.json states', async () => {
    const stated = { order: 'none', hasHeader: false, tokens: { begin: 3 }, stop: [0] };
    edit('config.json', (text) => text.replace('{', `{ "matcoder": { "prompt": ${JSON.stringify(stated)} },`));
    assert.deepEqual((await openCheckpoint(folder)).prompt, stated);
  });

  const faults: [string, () => void, RegExp][] = [
    [
      'no token for the middle',
      () => {
        edit('tokenizer.json', (text) => text.replaceAll('<|fim_middle|>', '<|other|>'));
      },
      /tokenizer\.json: the token <\|fim_middle\|> is missing/,
    ],
    [
      'a prompt with a token beyond the vocabulary',
      () => {
        const prompt = '{ "order": "none", "hasHeader": false, "tokens": {}, "stop": [4096] }';
        edit('config.json', (text) => text.replace('{', `{ "matcoder": { "prompt": ${prompt} },`));
      },
      /config\.json: matcoder\.prompt\.stop is not a list of at most 64 tokens of the vocabulary/,
    ],
    [
      'a base of the rotations that is not a number',
      () => {
        edit('config.json', (text) => text.replace(/("rope_theta": )[\d.]+/, '$1"large"'));
      },
      /config\.json: rope_theta must be a positive number/,
    ],
    [
      'a layer more than the weights have',
      () => {
        edit('config.json', (text) =>
          text.replace(/("num_hidden_layers": )6/, '$17').replace(/"matformer"[^]*/, MATFORMER),
        );
      },
      /model\.safetensors: the tensor model\.layers\.6\.input_layernorm\.weight is missing/,
    ],
    [
      'a tokenizer that takes forever to read',
      () => {
        truncateSync(join(folder, 'tokenizer.json'), 40_000_000);
      },
      /tokenizer\.json: it is larger than 32 MB/,
    ],
    [
      'no tokenizer',
      () => {
        rmSync(join(folder, 'tokenizer.json'));
      },
      /tokenizer\.json: it does not exist/,
    ],
  ];
  const MATFORMER = `"matformer": { "granularities": {
    ${['S', 'M', 'L', 'XL'].map((name) => `"${name}": [32, 32, 32, 32, 32, 32, 32]`).join()} } } }`;
  for (const [name, change, fault] of faults) {
    it(`is refused with the file and the fault named: ${name}`, async () => {
      change();
      await assert.rejects(openCheckpoint(folder), fault);
    });
  }
});

describe('the tensors of a model', () => {
  it('are all there, in the shapes that config.json implies', async () => {
    const { config, tensors, weightsFile } = await small();
    checkTensors(weightsFile, config.model, tensors);
    const check = (change: object, fault: RegExp) => {
      assert.throws(() => {
        checkTensors('w', config.model, { ...tensors, ...change });
      }, fault);
    };
    const name = 'model.layers.0.mlp.down_proj.weight';
    const entry = tensors[name]!;
    check(
      { [name]: { ...entry, shape: [1024, 256] } },
      /has the shape \[1024, 256\], but config\.json implies \[256, 1024\]/,
    );
    check({ [`${name}_scale`]: undefined }, /the tensor model\.layers\.0\.mlp\.down_proj\.weight_scale is missing/);
    check({ 'model.norm.weight': { ...entry, shape: [256] } }, /model\.norm\.weight is I8, but F32 or F16 is expected/);
    assert.throws(() => {
      checkTensors('w', config.model, Object.create(tensors) as typeof tensors);
    }, /is missing/);
  });

  it('hold finite numbers', () => {
    const file = join(temporaryFolder(), 'w');
    const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
    const halves = (...bits: number[]) => Buffer.from(Uint16Array.from(bits).buffer);
    const cases: [Buffer, 'F32' | 'F16' | 'I8', boolean][] = [
      [floats(0, -1, 3.4e38, -3.4e38, 1e-45), 'F32', true],
      [floats(1, NaN), 'F32', false],
      [floats(1, Infinity), 'F32', false],
      [floats(-Infinity, 1), 'F32', false],
      [halves(0, 0x7bff, 0xfbff, 1), 'F16', true],
      [halves(0, 0x7c00), 'F16', false],
      [halves(0xfc00, 0), 'F16', false],
      [halves(0, 0x7e00), 'F16', false],
      [Buffer.from([0xff, 0xff, 0xff, 0xff]), 'I8', true],
      // Beyond what is read at once.
      [Buffer.concat([Buffer.alloc(1 << 20), floats(NaN)]), 'F32', false],
    ];
    for (const [bytes, dtype, isFinite] of cases) {
      writeFileSync(file, Buffer.concat([Buffer.alloc(3), bytes]));
      const check = () => {
        checkValues(file, { a: { dtype, shape: [], begin: 3, end: 3 + bytes.length } });
      };
      if (isFinite) check();
      else assert.throws(check, /w: the tensor a holds a value that is not finite/);
    }
    assert.throws(() => {
      checkValues(file, { a: { dtype: 'F32', shape: [], begin: 0, end: 1 << 22 } });
    }, /ends after the end of the file/);
  });
});
