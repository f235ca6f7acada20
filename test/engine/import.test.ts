import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { openCheckpoint } from '../../src/matlm/checkpoint';
import { readTensorEntries } from '../../src/matlm/safetensors';
import { generalGate } from '../../src/models/generalGate';
import { importModel, type ImportOptions, type Resources } from '../../src/models/import';
import { inspectModel } from '../../src/models/inspect';
import { text, u32, f32 } from '../gguf';
import { temporaryFolder } from '../temporary';
import { randomModel, TINY_LLAMA, type TinyConfig, writeFolder, writeGguf } from '../tinyModel';
import { addon, generate, ROOT } from './harness';

const UNTIED: TinyConfig = { ...TINY_LLAMA, tie_word_embeddings: false };

function newFolder(): string {
  return join(temporaryFolder(), 'library', 'tiny');
}

async function imported(path: string, options: Partial<ImportOptions> = {}) {
  const folder = newFolder();
  return importModel(path, folder, { addon, ...options });
}

function json(folder: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>;
}

/** What is in a folder, with the folder itself; empty if it does not exist. */
function left(folder: string): string[] {
  return existsSync(dirname(folder)) ? readdirSync(dirname(folder)) : [];
}

describe('a model on the disk', () => {
  it('becomes the same checkpoint from a GGUF file and from a Hugging Face folder, in one file or several', async () => {
    for (const config of [TINY_LLAMA, UNTIED]) {
      const tensors = randomModel(config);
      const sources = [
        writeGguf(config, tensors),
        writeFolder(config, tensors),
        writeFolder(config, tensors, { shards: 3 }),
      ];
      const results = await Promise.all(sources.map((source) => imported(source)));
      const [first, ...others] = results.map(({ folder }) => readFileSync(join(folder, 'model.safetensors')));
      for (const other of others) assert.deepEqual(other, first);
      const [ofGguf, ofFolder] = await Promise.all(results.map(({ folder }) => openCheckpoint(folder)));
      assert.deepEqual(ofGguf!.config, ofFolder!.config);
      assert.deepEqual(ofGguf!.prompt, ofFolder!.prompt);
      for (const line of ['abcabc ab 123\n', 'x = "é"'])
        assert.deepEqual(ofGguf!.tokenizer.encode(line), ofFolder!.tokenizer.encode(line));
    }
  });

  it('runs in the engine once it is imported', async () => {
    const { folder } = await imported(writeGguf(UNTIED, randomModel(UNTIED)), { bits: 4 });
    const { weightsFile, tensors, config } = await openCheckpoint(folder);
    const engine = new addon.Engine({ weightsPath: weightsFile, tensors, config: config.model, threads: 1 });
    const { tokens, reason } = await generate(engine, [97, 98, 99], config.granularities.XL!, 5);
    engine.dispose();
    assert.equal(reason, 'length');
    assert.equal(tokens.length, 5);
  });

  it('may have its weights in float32, bfloat16 and float16', async () => {
    const tensors = randomModel(TINY_LLAMA);
    const files = await Promise.all(
      (['F32', 'BF16', 'F16'] as const).map(async (type) => {
        const { folder, relativeError } = await imported(writeFolder(TINY_LLAMA, tensors, { type }));
        assert.ok(relativeError > 0 && relativeError < 0.01);
        const entries = await readTensorEntries(join(folder, 'model.safetensors'));
        const { begin, end } = entries['model.norm.weight']!;
        return new Float32Array(readFileSync(join(folder, 'model.safetensors')).buffer.slice(begin, end));
      }),
    );
    const norm = tensors.get('model.norm.weight')!.values;
    for (const [i, found] of files.entries())
      for (const [at, value] of found.entries()) assert.ok(Math.abs(value - norm[at]!) <= [0, 2 ** -7, 2 ** -10][i]!);
  });

  it('is described before a weight is read, with what the import needs', async () => {
    const more = {
      'general.license': text('apache-2.0'),
      'general.file_type': u32(0),
      'general.repo_url': text('https://example.org/tiny'),
    };
    const path = writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA), { metadata: more });
    const { needs, prompt, ...facts } = await inspectModel(path);
    assert.deepEqual(prompt, { order: 'none', hasHeader: true, tokens: {}, stop: [256] });
    assert.deepEqual(facts, {
      path,
      format: 'GGUF',
      sourceBytes: readFileSync(path).length,
      name: 'Tiny Llama',
      family: 'llama',
      licence: 'apache-2.0',
      page: 'https://example.org/tiny',
      parameters: 102_976,
      quantisation: 'F32',
      layers: 2,
      hiddenSize: 64,
      vocabularySize: 260,
      contextLength: 256,
      sizes: ['XL'],
      bits: 8,
      isExact: false,
    });
    const { folder } = await imported(path);
    const written = readdirSync(folder).map((name) => readFileSync(join(folder, name)).length);
    assert.ok(needs.diskBytes >= written.reduce((sum, bytes) => sum + bytes));
    assert.equal(needs.weightBytes, readFileSync(join(folder, 'model.safetensors')).length);
    assert.ok(needs.seconds > 0 && needs.memoryBytes > 0);
    assert.ok((await inspectModel(path, { bits: 4 })).needs.weightBytes < 0.8 * needs.weightBytes);
  });

  it('leaves a record of where it came from', async () => {
    const path = writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA), { metadata: { 'general.license': text('mit') } });
    const { folder, relativeError } = await imported(path, { name: 'Mine', now: () => new Date(0) });
    assert.deepEqual(json(folder, 'imported.json'), {
      version: 1,
      name: 'Mine',
      id: 'tiny',
      source: { file: 'tiny.gguf', bytes: readFileSync(path).length, format: 'GGUF', quantisation: 'F32' },
      licence: 'mit',
      family: 'llama',
      parameters: 102_976,
      quantisation: 'F32',
      bits: 8,
      relativeError,
      createdAt: '1970-01-01T00:00:00.000Z',
    });
    assert.deepEqual(json(folder, 'config.json').matcoder, {
      prompt: { order: 'none', hasHeader: true, tokens: {}, stop: [256] },
      licence: 'mit',
      name: 'Mine',
    });
  });

  it('keeps the submodels that it was trained with', async () => {
    const matformer = { granularities: { S: [32, 32], XL: [96, 96] }, frontier: [] };
    const tensors = randomModel(TINY_LLAMA);
    const ofGguf = writeGguf(TINY_LLAMA, tensors, { metadata: { matformer: text(JSON.stringify(matformer)) } });
    for (const source of [ofGguf, writeFolder({ ...TINY_LLAMA, matformer }, tensors)]) {
      const { folder, facts } = await imported(source);
      assert.deepEqual(facts.sizes, ['S', 'XL']);
      assert.deepEqual({ ...(await openCheckpoint(folder)).config.granularities }, matformer.granularities);
    }
    const broken = writeGguf(TINY_LLAMA, tensors, { metadata: { matformer: text('[') } });
    await assert.rejects(imported(broken), /its matformer is not a JSON object/);
  });

  it('has a general gate of the memory until its own is fitted, and keeps one that it brings', async () => {
    const gate = await generalGate(ROOT);
    const tensors = randomModel(TINY_LLAMA);
    const without = await imported(writeFolder(TINY_LLAMA, tensors), { gate });
    assert.deepEqual((await openCheckpoint(without.folder)).config.gate, gate);
    const memory = { hidden: [Array<number>(30).fill(0.5)], output: Array.from({ length: 5 }, () => [1, 2]) };
    const matformer = { granularities: { XL: [96, 96] }, memory };
    const own = await imported(writeFolder({ ...TINY_LLAMA, matformer }, tensors), { gate });
    assert.deepEqual((await openCheckpoint(own.folder)).config.gate, memory);
  });

  it('tells how far it is, up to the end', async () => {
    const shares: number[] = [];
    const onProgress: ImportOptions['onProgress'] = ({ doneWeights, totalWeights }) =>
      shares.push(doneWeights / totalWeights);
    await imported(writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA)), { onProgress });
    assert.ok(shares.length > 5);
    assert.deepEqual(
      shares,
      [...shares].sort((a, b) => a - b),
    );
    assert.equal(shares.at(-1), 1);
  });

  it('leaves nothing behind if its import is cancelled, fails or finds the disk full', async () => {
    const path = writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA));
    const folder = newFolder();
    const cancel = new AbortController();
    const onProgress = () => {
      assert.match(left(folder).join(), /^tiny\.[\da-f-]{36}\.partial$/);
      cancel.abort(new Error('cancelled'));
    };
    await assert.rejects(importModel(path, folder, { addon, onProgress, signal: cancel.signal }), /^Error: cancelled$/);
    assert.deepEqual(left(folder), []);
    await assert.rejects(importModel(path, folder, { addon, signal: cancel.signal }), /cancelled/);

    const failing = { convertRows: () => Promise.reject(new Error('holds a value that is not finite')) };
    await assert.rejects(
      importModel(path, folder, { addon: failing }),
      /tiny\.gguf: the tensor \S+ holds a value that is not finite/,
    );
    assert.deepEqual(left(folder), []);

    const full = () => {
      throw Object.assign(new Error('write'), { code: 'ENOSPC' });
    };
    await assert.rejects(importModel(path, folder, { addon, onProgress: full }), /the disk is full\. Free some space/);
    const tooLarge = () => {
      throw Object.assign(new Error('EFBIG: file too large, ftruncate'), { code: 'EFBIG', syscall: 'ftruncate' });
    };
    await assert.rejects(
      importModel(path, folder, { addon, onProgress: tooLarge }),
      /tiny: the system allows no file of this size\. Raise the limit .*, and import the model again\.$/,
    );
    assert.deepEqual(left(folder), []);
  });

  it('is imported anew if an earlier import of the same name was killed', async () => {
    const folder = newFolder();
    mkdirSync(`${folder}.partial`, { recursive: true });
    writeFileSync(join(`${folder}.partial`, 'model.safetensors'), 'half');
    writeFileSync(join(`${folder}.partial`, 'other'), '');
    await importModel(writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA)), folder, { addon });
    assert.deepEqual(left(folder), ['tiny']);
    assert.deepEqual(readdirSync(folder), ['config.json', 'imported.json', 'model.safetensors', 'tokenizer.json']);
  });

  it('is imported anew after kill -9 in the middle, and nothing half is taken for a model', async () => {
    const path = writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA));
    const folder = newFolder();
    const program = `
      const { importModel } = require('./src/models/import');
      const { loadAddon } = require('./src/engine/loadAddon');
      const onProgress = () => process.kill(process.pid, 'SIGKILL');
      importModel(${JSON.stringify(path)}, ${JSON.stringify(folder)}, { addon: loadAddon(${JSON.stringify(ROOT)}), onProgress });`;
    const { signal, status } = spawnSync(process.execPath, ['--import', 'tsx', '-e', program], { cwd: ROOT });
    assert.ok(signal === 'SIGKILL' || status === 1);
    assert.match(left(folder).join(), /^tiny\.[\da-f-]{36}\.partial$/);
    await importModel(path, folder, { addon });
    assert.deepEqual(left(folder), ['tiny']);
    await openCheckpoint(folder);
  });

  it('is whole or not there if its import stood still for so long that another one of its name has begun', async () => {
    const path = writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA));
    const folder = newFolder();
    const others = `${folder}.00000000-0000-0000-0000-000000000000.partial`;
    // As the other one begins: it has the lock by then.
    const onProgress = () => {
      for (const name of left(folder)) rmSync(join(dirname(folder), name), { recursive: true });
      mkdirSync(others);
      writeFileSync(join(others, 'model.safetensors'), 'half');
    };
    await assert.rejects(
      importModel(path, folder, { addon, onProgress }),
      /tiny: its import stood still for so long that another program has removed .* Import the model again\.$/,
    );
    assert.deepEqual(left(folder), [basename(others)]);
    assert.deepEqual(readdirSync(others), ['model.safetensors']);

    const ended = () => {
      mkdirSync(join(folder, 'of the other'), { recursive: true });
    };
    await assert.rejects(importModel(path, folder, { addon, onProgress: ended }), /it exists already/);
    assert.deepEqual(left(folder), ['tiny']);
    assert.deepEqual(readdirSync(folder), ['of the other']);
  });

  it('never replaces another', async () => {
    const path = writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA));
    const { folder } = await imported(path);
    await assert.rejects(importModel(path, folder, { addon }), /it exists already\. Choose another name or folder\./);
  });

  it('is not begun if the disk or the memory is too small', async () => {
    const path = writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA));
    const folder = newFolder();
    const enough: Resources = {
      freeDiskBytes: () => Promise.resolve(1e12),
      availableMemoryBytes: 1e12,
      totalMemoryBytes: 1e12,
    };
    const attempt = (resources: Partial<Resources>) => () =>
      importModel(path, folder, { addon, resources: { ...enough, ...resources } });
    await assert.rejects(
      attempt({ freeDiskBytes: () => Promise.resolve(1e6) }),
      /needs 8\d MB of free disk space \(\d+ MB for its files, and 64 MB that must stay free\), and 1 MB are free\. Free some space, or choose a smaller model\. Four bits/,
    );
    await assert.rejects(
      attempt({ availableMemoryBytes: 1e6 }),
      /importing the model needs \d+ MB of memory, and 1 MB/,
    );
    await assert.rejects(
      attempt({ totalMemoryBytes: 1e4 }),
      /the model needs 1 MB of memory, and this machine has 1 MB/,
    );
    assert.ok(!existsSync(dirname(folder)));
    await attempt({ freeDiskBytes: () => Promise.reject(new Error('ENOSYS')) })();
  });

  it('is refused if its file becomes shorter meanwhile', async () => {
    const path = writeGguf(TINY_LLAMA, randomModel(TINY_LLAMA));
    const folder = newFolder();
    const cut = () => {
      truncateSync(path, 60_000);
    };
    await assert.rejects(
      importModel(path, folder, { addon, onProgress: cut }),
      /tiny\.gguf: it became shorter while it was read/,
    );
    assert.deepEqual(left(folder), []);
  });

  const tensors = randomModel(TINY_LLAMA);
  const gguf = (metadata: object) => () => writeGguf(TINY_LLAMA, tensors, { metadata: { ...metadata } });
  const without = (name: string) => new Map([...tensors].filter(([key]) => key !== name));
  const folder = (more: object) => () => writeFolder({ ...TINY_LLAMA, ...more }, tensors);
  const changed = (change: (path: string) => void) => () => {
    const path = writeFolder(TINY_LLAMA, tensors, { shards: 2 });
    change(path);
    return path;
  };
  const index = (value: object) =>
    changed((path) => {
      writeFileSync(join(path, 'model.safetensors.index.json'), JSON.stringify(value));
    });
  const cases: [string, () => string, RegExp][] = [
    [
      'a file of another kind',
      () => writeFile('model.bin'),
      /it is neither a GGUF file nor a part of a Hugging Face folder\. Choose/,
    ],
    ['nothing', () => join(temporaryFolder(), 'none'), /it does not exist\. Choose a GGUF file, or a folder/],
    ['a folder with nothing in it', () => temporaryFolder(), /there is neither a config\.json nor a GGUF file in it/],
    [
      'a mixture of experts',
      gguf({ 'general.architecture': text('qwen3moe') }),
      /it is a qwen3moe, a mixture of experts, which the engine does not run\. Supported are llama/,
    ],
    [
      'a Llama with experts',
      gguf({ 'llama.expert_count': u32(8) }),
      /it is a llama with 8 experts \(MoE\), a mixture of experts/,
    ],
    ['Mamba', gguf({ 'general.architecture': text('mamba2') }), /it is a mamba2, a model with recurrent layers/],
    ['Gemma', gguf({ 'general.architecture': text('gemma3') }), /it is a gemma3, a model with other layers/],
    ['no architecture', gguf({ 'general.architecture': undefined }), /it does not say its architecture/],
    ['a missing key', gguf({ 'llama.block_count': undefined }), /it has no llama\.block_count/],
    [
      'heads of two sizes',
      gguf({ 'llama.attention.value_length': u32(64) }),
      /its heads have 32 numbers for keys and 64 for values/,
    ],
    [
      'a part of a head that is not rotated',
      gguf({ 'llama.rope.dimension_count': u32(16) }),
      /only 16 of the 32 numbers of a head are rotated/,
    ],
    [
      'a number by layer',
      gguf({ 'llama.attention.head_count_kv': { type: 'array', of: 'u32', value: [u32(2), u32(4)] } }),
      /llama\.attention\.head_count_kv differs by layer/,
    ],
    [
      'a scaling that is unknown',
      gguf({ 'llama.rope.scaling.type': text('longrope') }),
      /its RoPE is scaled by longrope/,
    ],
    ['a part of a split file', gguf({ 'split.count': u32(3) }), /it is one of the 3 parts of a model\. Join them/],
    [
      'sizes that the engine does not run',
      gguf({ 'llama.feed_forward_length': u32(100) }),
      /intermediate_size is not a multiple of 32/,
    ],
    [
      'sizes that are not those of the tensors',
      gguf({ 'llama.feed_forward_length': u32(128) }),
      /the tensor blk\.0\.ffn_gate\.weight has the shape \[96, 64\], but the model's sizes imply \[128, 64\]/,
    ],
    [
      'a tokenizer that is not supported',
      gguf({ 'tokenizer.ggml.model': text('rwkv') }),
      /tokenizer is of the kind "rwkv"/,
    ],
    [
      'a missing tensor',
      () => writeGguf(TINY_LLAMA, without('model.layers.1.mlp.up_proj.weight')),
      /the tensor model\.layers\.1\.mlp\.up_proj\.weight is missing/,
    ],
    [
      'a type of weights that is not read',
      () =>
        writeGguf(TINY_LLAMA, tensors, {
          others: new Map([['model.norm.weight', { type: 28, data: new Uint8Array(512) }]]),
        }),
      /the tensor output_norm\.weight is F64; F32, F16, .* are read\. Choose a file of one of these/,
    ],
    [
      'a vector in blocks',
      () =>
        writeGguf(TINY_LLAMA, tensors, {
          others: new Map([['model.norm.weight', { type: 8, data: new Uint8Array(68) }]]),
        }),
      /the tensor output_norm\.weight is Q8_0, but a vector has to be F32, F16, BF16/,
    ],
    [
      'a tensor that the engine does not know',
      () =>
        writeGguf(TINY_LLAMA, tensors, {
          extra: [{ name: 'blk.0.ffn_gate_exps.weight', sizes: [32], type: 0, data: new Uint8Array(128) }],
        }),
      /it has the tensor blk\.0\.ffn_gate_exps\.weight, which no model has/,
    ],
    [
      'a tensor of a layer too many',
      () =>
        writeGguf(TINY_LLAMA, tensors, {
          extra: [{ name: 'blk.2.attn_norm.weight', sizes: [64], type: 0, data: new Uint8Array(256) }],
        }),
      /it has the tensor blk\.2\.attn_norm\.weight, which the engine would not compute with/,
    ],
    [
      'factors of the rotation that no scaling gives',
      () =>
        writeGguf(TINY_LLAMA, tensors, {
          extra: [
            {
              name: 'rope_freqs.weight',
              sizes: [16],
              type: 0,
              data: new Uint8Array(Float32Array.from({ length: 16 }, (_, i) => 1 + (i % 3)).buffer),
            },
          ],
        }),
      /its rope_freqs\.weight is no scaling that Llama 3 knows/,
    ],
    [
      'a folder of StarCoder2',
      folder({ model_type: 'starcoder2' }),
      /it is a starcoder2, a model with other layers, which the engine does not run/,
    ],
    ['a folder with experts', folder({ num_local_experts: 4 }), /it is a llama with 4 experts \(MoE\)/],
    [
      'a quantised folder',
      folder({ quantization_config: { quant_method: 'awq' } }),
      /its weights are quantised \(awq\)\. Take|its weights are quantised \(awq\);/,
    ],
    [
      'a folder without a tokenizer',
      changed((path) => {
        rmSync(join(path, 'tokenizer.json'));
      }),
      /tokenizer\.json: it does not exist\. Take the folder with its tokenizer\.json/,
    ],
    [
      'a folder without weights',
      changed((path) => {
        rmSync(join(path, 'model-2-of-2.safetensors'));
      }),
      /model-2-of-2\.safetensors: it does not exist/,
    ],
    [
      'a config.json that is not JSON',
      changed((path) => {
        writeFileSync(join(path, 'config.json'), '{');
      }),
      /config\.json: it is not JSON/,
    ],
    [
      'a list of parts that leads elsewhere',
      index({ weight_map: { a: '../model-1-of-2.safetensors' } }),
      /"\.\.\/model-1-of-2\.safetensors" is not the name of a safetensors file/,
    ],
    [
      'a list of parts that lies',
      index({ weight_map: { a: 'model-1-of-2.safetensors' } }),
      /it says that a is in model-1-of-2\.safetensors, but it is not there/,
    ],
    ['a list of no parts', index({ weight_map: {} }), /it names 0 files/],
    [
      'a tensor in two parts',
      changed((path) => {
        const [one, two] = ['model-1-of-2.safetensors', 'model-2-of-2.safetensors'].map((name) => join(path, name));
        rmSync(two!);
        writeFileSync(two!, readFileSync(one!));
      }),
      /model-2-of-2\.safetensors: the tensor \S+ is also in model-1-of-2\.safetensors/,
    ],
    [
      'integers for weights',
      changed((path) => {
        const header = Buffer.from(
          JSON.stringify({ 'model.norm.weight': { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }),
        );
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(header.length));
        rmSync(join(path, 'model.safetensors.index.json'));
        writeFileSync(join(path, 'model.safetensors'), Buffer.concat([length, header, Buffer.alloc(8)]));
      }),
      /the tensor model\.norm\.weight is I64; F32, F16, BF16 are read from folders/,
    ],
  ];
  for (const [name, make, message] of cases) {
    it(`is refused with the fault named: ${name}`, async () => {
      const path = make();
      const target = newFolder();
      await assert.rejects(importModel(path, target, { addon }), message);
      await assert.rejects(importModel(path, target, { addon }), { name: 'CheckpointError' });
      assert.deepEqual(left(target), []);
    });
  }

  it('may be named by a file of its folder, and a folder with one GGUF file stands for that', async () => {
    const folder = writeFolder(TINY_LLAMA, tensors);
    for (const name of ['config.json', 'model.safetensors']) {
      const { path, name: called } = await inspectModel(join(folder, name));
      assert.deepEqual([path, called], [folder, 'Tiny-Llama']);
    }
    const gguf = writeGguf(TINY_LLAMA, tensors);
    assert.equal((await inspectModel(dirname(gguf))).path, gguf);
    writeFileSync(join(dirname(gguf), 'other.GGUF'), '');
    await assert.rejects(inspectModel(dirname(gguf)), /it has 2 GGUF files\. Choose one/);
  });

  it('is called by its name in the cache of Hugging Face, and its card tells the licence', async () => {
    const folder = writeFolder(TINY_LLAMA, tensors);
    writeFileSync(join(folder, 'README.md'), '---\nlanguage: en\nlicense: "apache-2.0"\n---\nlicense: none\n');
    const snapshots = join(temporaryFolder(), 'models--Some-One--Tiny-Coder', 'snapshots');
    mkdirSync(snapshots, { recursive: true });
    renameSync(folder, join(snapshots, '0123abcd'));
    const { name, licence } = await inspectModel(join(snapshots, '0123abcd'));
    assert.deepEqual([name, licence], ['Tiny-Coder', 'apache-2.0']);
  });

  it('tells its scaling of the rotation, its biases and the scales of Granite', async () => {
    const rope = async (metadata: object, extra: object = {}) => {
      const path = writeGguf(TINY_LLAMA, tensors, { metadata: { ...metadata }, ...extra });
      const { folder } = await imported(path);
      return json(folder, 'config.json').rope_scaling;
    };
    assert.equal(await rope({}), undefined);
    const linear = { 'llama.rope.scaling.type': text('linear'), 'llama.rope.scaling.factor': f32(4) };
    assert.deepEqual(await rope(linear), { rope_type: 'linear', factor: 4 });
    const yarn = {
      'llama.rope.scaling.type': text('yarn'),
      'llama.rope.scaling.factor': f32(2.5),
      'llama.rope.scaling.original_context_length': u32(128),
    };
    assert.deepEqual(await rope(yarn), { rope_type: 'yarn', factor: 2.5, original_max_position_embeddings: 128 });
    const factors = Float32Array.from({ length: 16 }, (_, i) => {
      const turns = (8192 * 10_000 ** (-i / 16)) / (2 * Math.PI);
      const share = Math.min(1, Math.max(0, (turns - 1) / 3));
      return 1 / ((1 - share) / 32 + share);
    });
    const extra = [{ name: 'rope_freqs.weight', sizes: [16], type: 0, data: new Uint8Array(factors.buffer) }];
    assert.deepEqual(await rope({}, { extra }), {
      rope_type: 'llama3',
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    });

    const biased = new Map(tensors);
    for (const i of [0, 1])
      for (const [part, size] of [
        ['q', 128],
        ['k', 64],
        ['v', 64],
      ] as const)
        biased.set(`model.layers.${i}.self_attn.${part}_proj.bias`, { shape: [size], values: new Float32Array(size) });
    const { folder } = await imported(writeGguf(TINY_LLAMA, biased));
    assert.equal(json(folder, 'config.json').model_type, 'qwen2');

    const granite = { ...TINY_LLAMA, model_type: 'granite' };
    const scales = { embedding_scale: 12, 'attention.scale': 0.015625, residual_scale: 0.22, logit_scale: 8 };
    const metadata = Object.fromEntries(Object.entries(scales).map(([key, value]) => [`granite.${key}`, f32(value)]));
    const { folder: ofGranite } = await imported(writeGguf(granite, tensors, { metadata }));
    const { config } = await openCheckpoint(ofGranite);
    const { embeddingScale, attentionScale, residualScale, logitScale } = config.model;
    assert.deepEqual([embeddingScale, attentionScale, residualScale, logitScale], [12, 0.015625, 0.22, 0.125]);
  });
});

function writeFile(name: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, 'abc');
  return path;
}
