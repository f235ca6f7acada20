import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAddon, type NativeEvent, type NativeOptions } from '../../src/engine/addon';
import type { TensorEntry } from '../../src/matlm/safetensors';
import { addon, ROOT } from './harness';
import { randomTensors, TINY, writeWeights } from './tinyCheckpoint';
import { temporaryFolder } from '../temporary';

// The engine trusts no one who calls it: these checkpoints reach it past the checks of src/matlm.
describe('a checkpoint given to the engine', () => {
  const good = writeWeights(randomTensors(TINY));
  const NAME = 'model.layers.1.mlp.up_proj.weight';

  function refused(options: Partial<NativeOptions>, fault: RegExp, file = good.weightsPath): void {
    assert.throws(
      () => new addon.Engine({ ...good, weightsPath: file, config: TINY, threads: 2, ...options }),
      (error: Error) => {
        assert.match(error.message, fault);
        assert.ok(error.message.startsWith(`${file}: `), `the file is not named: ${error.message}`);
        return true;
      },
    );
  }

  it('is refused with the name of any tensor that is missing', () => {
    for (const name of Object.keys(good.tensors)) {
      const tensors = Object.fromEntries(Object.entries(good.tensors).filter(([other]) => other !== name));
      refused({ tensors }, new RegExp(`: tensor ${name.replaceAll('.', '\\.')} is missing`));
    }
  });

  const cases: [string, (entry: TensorEntry) => object, RegExp][] = [
    ['is turned', () => ({ shape: [80, 128] }), /has the shape \[80, 128\] where config\.json makes it \[128, 80\]/],
    ['has too many dimensions', () => ({ shape: [128, 80, 1] }), /has the shape \[128, 80, 1\]/],
    ['has a negative dimension', () => ({ shape: [-128, -80] }), /has the shape \[-128, -80\]/],
    ['lies past the end', (e) => ({ begin: e.begin + 1e12, end: e.end + 1e12 }), /lies beyond the end of the file/],
    ['begins in the file and ends past it', () => ({ end: 1e12 }), /lies beyond the end of the file/],
    ['begins before the file', () => ({ begin: -80 }), /lies beyond the end of the file/],
    ['ends before it begins', (e) => ({ begin: e.end + 1 }), /lies beyond the end of the file/],
    ['is shorter than its shape', (e) => ({ end: e.end - 1 }), /takes 10239 bytes where its shape needs 10240/],
    ['is of an unknown type', () => ({ dtype: 'Q9' }), /is Q9, which this engine does not read/],
  ];
  for (const [name, change, fault] of cases) {
    it(`is refused with the file and the tensor named: one ${name}`, () => {
      const entry = good.tensors[NAME]!;
      refused(
        { tensors: { ...good.tensors, [NAME]: { ...entry, ...change(entry) } } },
        new RegExp(`tensor ${NAME.replaceAll('.', '\\.')} ${fault.source}`),
      );
    });
  }

  it('is refused where the file is cut off, missing or a folder', () => {
    const cut = writeWeights(randomTensors(TINY)).weightsPath;
    truncateSync(cut, 5000);
    refused({}, /tensor model\.layers\.0\.\S+ lies beyond the end of the file, which is truncated/, cut);
    refused({}, /cannot be opened/, join(dirname(cut), 'nothing'));
    refused({}, /cannot be/, dirname(cut));
  });

  for (const [number, value] of Object.entries({ 'not a number': NaN, infinite: -Infinity })) {
    it(`is refused where a scale or a norm is ${number}`, () => {
      for (const name of ['model.layers.0.self_attn.o_proj.weight_scale', 'model.norm.weight']) {
        const tensors = randomTensors(TINY);
        tensors[name]!.values[3] = value;
        const weights = writeWeights(tensors);
        refused(weights, new RegExp(`tensor ${name} holds a value that is not finite`), weights.weightsPath);
      }
    });
  }

  it('says that its logits are not finite where its weights are too large to compute with', async () => {
    const tensors = randomTensors(TINY);
    tensors['model.norm.weight']!.values.fill(3e38);
    const engine = new addon.Engine({ ...writeWeights(tensors), config: TINY, threads: 2 });
    const widths = Int32Array.from({ length: TINY.layers }, () => TINY.ffnSize);
    const request = {
      tokens: Int32Array.of(1, 2, 3),
      widths,
      maxTokens: 8,
      stopTokens: Int32Array.of(),
      draftTokens: 4,
      draftWidths: widths,
      draftAlways: true,
    };
    const end = await new Promise<NativeEvent>((resolve) => {
      engine.generate(request, (event) => {
        if (event.type === 'end') resolve(event);
      });
    });
    engine.dispose();
    assert.deepEqual([end.type, 'reason' in end && end.reason], ['end', 'failed']);
    assert.match('message' in end ? end.message : '', /the logits are not finite/);
  });

  it('is refused where config.json is absurd', () => {
    for (const change of [
      { vocabularySize: 2 ** 30 },
      { vocabularySize: 100 },
      { layers: 0 },
      { layers: 65 },
      { hiddenSize: -80 },
      { headDim: 20 },
      { heads: 3 },
      { heads: 1024, kvHeads: 1024 },
      { hiddenSize: 2 ** 17 },
      { contextLength: 2 ** 20, layers: 64 },
      { ffnSize: 48 },
      { contextLength: 0 },
      { ropeTheta: 0 },
      { normEps: NaN },
    ]) {
      refused({ config: { ...TINY, ...change } }, /its config\.json does not describe a model this engine runs: /);
    }
  });

  it('is refused where the instruction set does not exist here', () => {
    assert.throws(
      () => new addon.Engine({ ...good, config: TINY, threads: 1, isa: 'avx1024' as 'avx2' }),
      /the instruction set avx1024 does not run on this machine; it has .*scalar/,
    );
  });
});

describe('loading the addon', () => {
  it('names every place it looked at where there is none', () => {
    const root = temporaryFolder();
    assert.throws(
      () => loadAddon(root),
      ({ message }: Error) =>
        message.includes(join(root, 'native', 'build', 'Release', 'matcoder_engine.node')) &&
        message.includes(join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'matcoder_engine.node')) &&
        message.includes('npm run build'),
    );
  });

  it('names the file and the fault where it is not an addon', () => {
    const root = temporaryFolder();
    const folder = join(root, 'native', 'build', 'Release');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'matcoder_engine.node'), 'not an addon');
    assert.throws(() => loadAddon(root), /matcoder_engine\.node: the native engine does not load \(.+\)\. Reinstall/);
  });

  it('takes a prebuilt one where none was built here', () => {
    const root = temporaryFolder();
    const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(ROOT, 'native/build/Release/matcoder_engine.node'), join(folder, 'matcoder_engine.node'));
    assert.equal(typeof loadAddon(root).Engine, 'function');
  });
});
