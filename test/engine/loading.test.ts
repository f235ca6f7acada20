import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { NativeEvent, NativeOptions } from '../../src/engine/addon';
import { addonFiles, loadAddon, loadFirst } from '../../src/engine/loadAddon';
import { PREFILL_CHUNK } from '../../src/engine/engine';
import { thisTarget } from '../../src/engine/target';
import type { TensorEntry } from '../../src/matlm/safetensors';
import { addon, ADDON_FILE, generate } from './harness';
import { randomTensors, TINY, writeWeights } from './tinyCheckpoint';
import { temporaryFolder } from '../temporary';
import { asOrdinaryUser } from '../unprivileged';

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
    const end = Math.max(...Object.values(good.tensors).map((entry) => entry.end));
    for (const [name, entry] of Object.entries(good.tensors)) {
      const tensors = Object.fromEntries(Object.entries(good.tensors).filter(([other]) => other !== name));
      // Without the last one the file is too long.
      const fault = entry.end === end ? 'its tensors end after' : `tensor ${name.replaceAll('.', '\\.')} is missing`;
      refused({ tensors }, new RegExp(`: .*${fault}`));
    }
  });

  const cases: [string, (entry: TensorEntry) => object, RegExp][] = [
    ['is turned', () => ({ shape: [80, 128] }), /has the shape \[80, 128\], but config\.json implies \[128, 80\]/],
    ['has too many dimensions', () => ({ shape: [128, 80, 1] }), /has the shape \[128, 80, 1\]/],
    ['has a negative dimension', () => ({ shape: [-128, -80] }), /has the shape \[-128, -80\]/],
    ['lies past the end', (e) => ({ begin: e.begin + 1e12, end: e.end + 1e12 }), /lies beyond the end of the file/],
    ['begins in the file and ends past it', () => ({ end: 1e12 }), /lies beyond the end of the file/],
    ['begins before the file', () => ({ begin: -80 }), /lies beyond the end of the file/],
    ['ends before it begins', (e) => ({ begin: e.end + 1 }), /lies beyond the end of the file/],
    ['is shorter than its shape', (e) => ({ end: e.end - 1 }), /has 10239 bytes, but its shape needs 10240/],
    ['is of an unknown type', () => ({ dtype: 'Q9' }), /is Q9, a type that this engine does not read/],
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

  it('is refused if the file is cut off, missing or a folder', () => {
    const cut = writeWeights(randomTensors(TINY)).weightsPath;
    truncateSync(cut, 5000);
    refused({}, /tensor model\.layers\.0\.\S+ lies beyond the end of the file: the file is truncated/, cut);
    refused({}, /cannot be opened/, join(dirname(cut), 'nothing'));
    refused({}, /cannot be|its tensors end after/, dirname(cut)); // on Linux a folder seems to be endless
  });

  it('is refused if a larger file has taken the place of the one whose header was read', () => {
    const { weightsPath, tensors } = writeWeights(randomTensors(TINY));
    appendFileSync(weightsPath, Buffer.alloc(8));
    refused({ tensors }, /it has \d+ bytes, but its tensors end after \d+\. If it was replaced/, weightsPath);
  });

  for (const [number, value] of Object.entries({ 'not a number': NaN, infinite: -Infinity })) {
    it(`is refused if a scale or a norm is ${number}`, () => {
      for (const name of ['model.layers.0.self_attn.o_proj.weight_scale', 'model.norm.weight']) {
        const tensors = randomTensors(TINY);
        tensors[name]!.values[3] = value;
        const weights = writeWeights(tensors);
        const fault = new RegExp(`the checkpoint's weights appear corrupt: tensor ${name} holds a value that is not`);
        refused(weights, fault, weights.weightsPath);
      }
    });
  }

  const XL = Int32Array.from({ length: TINY.layers }, () => TINY.ffnSize);
  const tooLarge: [string, string, RegExp][] = [
    [
      'model.layers.2.input_layernorm.weight',
      'input',
      /that enter model\.layers\.2\.self_attn\.q_proj, k_proj and v_proj/,
    ],
    [
      'model.layers.1.self_attn.v_proj.weight_scale',
      'values',
      /queries, keys or values of model\.layers\.1\.self_attn/,
    ],
    ['model.layers.0.self_attn.k_norm.weight', 'keys', /queries, keys or values of model\.layers\.0\.self_attn/],
    [
      'model.layers.3.self_attn.o_proj.weight_scale',
      'attention',
      /that enter model\.layers\.3\.mlp\.gate_proj and up_proj/,
    ],
    ['model.layers.1.mlp.gate_proj.weight_scale', 'gate', /that enter model\.layers\.1\.mlp\.down_proj/],
    ['model.layers.3.mlp.down_proj.weight_scale', 'output', /the activations after model\.norm/],
    ['model.norm.weight', 'norm', /the activations after model\.norm/],
  ];
  for (const [name, part, fault] of tooLarge) {
    it(`whose weights are finite but too large to compute with fails with the place named: ${part}`, async () => {
      for (const isa of addon.supportedIsas) {
        const tensors = randomTensors(TINY);
        tensors[name]!.values.fill(3e38);
        const weights = writeWeights(tensors);
        const engine = new addon.Engine({ ...weights, config: TINY, threads: 2, isa });
        const request = {
          tokens: Int32Array.of(1, 2, 3),
          widths: XL,
          maxTokens: 8,
          stopTokens: Int32Array.of(),
          draftTokens: 4,
          draftWidths: XL,
          draftAlways: true,
        };
        const end = await new Promise<NativeEvent>((resolve) => {
          engine.generate(request, (event) => {
            if (event.type === 'end') resolve(event);
          });
        });
        engine.dispose();
        assert.ok(end.type === 'end' && end.reason === 'failed', `${isa}: ${JSON.stringify(end)}`);
        const { message = '' } = end;
        assert.ok(message.startsWith(`${weights.weightsPath}: the checkpoint's weights appear corrupt: `), message);
        assert.match(message, fault, isa);
        assert.match(message, / not finite$/);
      }
    });
  }

  it('computes with weights that are almost zero', async () => {
    const tensors = randomTensors(TINY);
    for (const [name, tensor] of Object.entries(tensors)) {
      if (/scale|embed/.test(name)) tensor.values.fill(1e-42);
      if (name.includes('embed')) tensor.dtype = 'F32';
    }
    const engine = new addon.Engine({ ...writeWeights(tensors), config: TINY, threads: 1 });
    const { tokens, probabilities } = await generate(engine, [1, 2, 3], [...XL], 4);
    assert.deepEqual(
      [tokens, probabilities.map((p) => Math.fround(p * TINY.vocabularySize))],
      [
        [0, 0, 0, 0],
        [1, 1, 1, 1],
      ],
    );
    engine.dispose();
  });

  it('is refused if config.json is absurd', () => {
    for (const change of [
      { vocabularySize: 2 ** 30 },
      { layers: 0 },
      { layers: 65 },
      { hiddenSize: -80 },
      { headDim: 21 },
      { heads: 3 },
      { heads: 1024, kvHeads: 1024 },
      { hiddenSize: 2 ** 17 },
      { contextLength: 2 ** 20, layers: 64 },
      { ffnSize: 48 },
      { contextLength: 0 },
      { ropeFrequencies: [1] },
      { normEps: NaN },
      { normEps: Infinity },
      { ropeFrequencies: Array<number>(8).fill(Infinity) },
      { ropeMagnitude: 0 },
      { attentionScale: NaN },
    ]) {
      refused({ config: { ...TINY, ...change } }, /its config\.json does not describe a model this engine runs: /);
    }
  });

  it('is refused if the instruction set does not exist here', () => {
    assert.throws(
      () => new addon.Engine({ ...good, config: TINY, threads: 1, isa: 'avx1024' as 'avx2' }),
      /the instruction set avx1024 does not run on this machine; it has .*scalar/,
    );
  });
});

describe('loading the addon', () => {
  it('gives an engine that prefills in the chunks that the contract names', () => {
    assert.equal(addon.prefillChunkTokens, PREFILL_CHUNK);
  });

  it('names every path that was tried if there is none', () => {
    const root = temporaryFolder();
    assert.throws(
      () => loadAddon(root),
      ({ message }: Error) =>
        message.includes(addonFiles(root, thisTarget())[0]!) &&
        message.includes(join(root, 'prebuilds', thisTarget(), 'matcoder_engine.node')) &&
        message.includes('npm run build'),
    );
  });

  it('names the file and the fault if it is not an addon', () => {
    const root = temporaryFolder();
    const folder = dirname(addonFiles(root, thisTarget())[0]!);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'matcoder_engine.node'), 'not an addon');
    assert.throws(() => loadAddon(root), /is damaged: reinstall .*matcoder_engine\.node is no native library/);
  });

  it('names the file and the fault if it is cut', () => {
    const root = temporaryFolder();
    const file = packaged(root);
    // Given such a file, the loader of Linux would end this process.
    truncateSync(file, Math.floor(statSync(file).size / 2));
    assert.throws(() => loadAddon(root), /is damaged: reinstall .*matcoder_engine\.node has \d+ bytes of at least \d+/);
  });

  it('names both platforms if it is another’s', () => {
    const root = temporaryFolder();
    const file = packaged(root);
    const other = process.arch === 'x64' ? 'arm64' : 'x64';
    const content = readFileSync(file);
    // The field of the processor in the header of Linux, of Windows, or of macOS.
    if (process.platform === 'linux') content.writeUInt16LE(other === 'arm64' ? 183 : 62, 18);
    else if (process.platform === 'win32') {
      content.writeUInt16LE(other === 'arm64' ? 0xaa64 : 0x8664, content.readUInt32LE(0x3c) + 4);
    } else content.writeUInt32LE(other === 'arm64' ? 0x0100000c : 0x01000007, 4);
    writeFileSync(file, content);
    assert.throws(
      () => loadAddon(root),
      new RegExp(`is made for ${process.platform}-${other}, and this is ${thisTarget()}:`),
    );
  });

  it('waits for a file that is withheld, as by an antivirus program, and then loads it', function () {
    if (process.platform === 'win32') this.skip(); // modes withhold nothing there
    const root = temporaryFolder();
    const file = packaged(root);
    chmodSync(root, 0o755);
    chmodSync(file, 0);
    let waits = 0;
    const loaded = asOrdinaryUser((asSelf) =>
      loadFirst(root, {
        target: thisTarget(),
        load: createRequire(join(root, 'package.json')),
        wait: () => {
          if (++waits < 3) return;
          asSelf(() => {
            chmodSync(file, 0o644);
          });
        },
      }),
    );
    assert.equal(typeof loaded.Engine, 'function');
    assert.equal(waits, 3);
  });

  it('says after some seconds that the file is withheld', function () {
    if (process.platform === 'win32') this.skip(); // modes withhold nothing there
    const root = temporaryFolder();
    chmodSync(root, 0o755);
    chmodSync(packaged(root), 0);
    this.timeout(300_000);
    asOrdinaryUser(() => {
      assert.throws(
        () => loadAddon(root),
        /^AddonError: Another program holds the native engine, or this user may not read it\. .*matcoder_engine\.node: EACCES/,
      );
    });
  });

  it('loads a prebuilt one if none was built here', () => {
    const root = temporaryFolder();
    packaged(root);
    assert.equal(typeof loadAddon(root).Engine, 'function');
  });
});

/** Puts the addon into a folder as a package has it. */
function packaged(root: string): string {
  const file = join(root, 'prebuilds', thisTarget(), 'matcoder_engine.node');
  mkdirSync(dirname(file), { recursive: true });
  copyFileSync(ADDON_FILE, file);
  return file;
}
