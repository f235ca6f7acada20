import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseObject } from '../../../src/matlm/json';
import { parsePromptFormat } from '../../../src/matlm/promptFormat';
import { openSource } from '../../../src/models/open';
import { planImport } from '../../../src/models/plan';
import { promptOf } from '../../../src/models/prompt';
import { f32, text, texts, u32, type Value } from '../../gguf';
import { ggufMetadata, randomModel, TINY_LLAMA, writeFolder, writeGguf } from '../../tinyModel';

/** All of an import that comes before the first weight. */
async function prepare(path: string): Promise<void> {
  const source = await openSource(path);
  planImport(source, 8);
  promptOf(source, parseObject(path, await source.tokenizerText()));
}

/** Whether it is read; a refusal has to name the file and what to do. */
async function isRead(path: string, what: string): Promise<boolean> {
  return prepare(path).then(
    () => true,
    (error: unknown) => {
      const { name, message } = error as Error;
      assert.equal(name, 'CheckpointError', `${what}: ${String((error as Error).stack)}`);
      assert.match(message, /^\S.*: .*\. \S.*\.$/s, what);
      assert.ok(message.length < 2000, what);
      return false;
    },
  );
}

const TENSORS = randomModel(TINY_LLAMA);

describe('a hostile model', () => {
  it('is read if nothing is wrong with it', async () => {
    assert.ok(await isRead(writeGguf(TINY_LLAMA, TENSORS), 'GGUF'));
    assert.ok(await isRead(writeFolder(TINY_LLAMA, TENSORS, { shards: 2 }), 'folder'));
  });

  it('as GGUF is refused with the fault named, whatever a key of it holds', async () => {
    const odd: Value[] = [
      u32(0),
      u32(1),
      u32(0x7fffffff),
      f32(NaN),
      f32(-1),
      f32(Infinity),
      text(''),
      text('{"granularities":{"XL":[1e9]}}'),
      { type: 'u64', value: (1n << 64n) - 1n },
      { type: 'bool', value: 1 },
      texts([]),
      texts(['a', 'a']),
      { type: 'array', of: 'u32', value: [] },
      { type: 'array', of: 'u32', value: [u32(7), u32(7)] },
    ];
    const keys = [...ggufMetadata(TINY_LLAMA).map(([key]) => key), 'matformer', 'matcoder', 'general.alignment'];
    keys.push('llama.expert_count', 'llama.rope.scaling.type', 'llama.rope.scaling.factor', 'split.count');
    keys.push('tokenizer.ggml.fim_pre_token_id', 'tokenizer.huggingface.json', 'general.file_type');
    let refused = 0;
    for (const key of keys)
      for (const [i, value] of odd.entries())
        if (!(await isRead(writeGguf(TINY_LLAMA, TENSORS, { metadata: { [key]: value } }), `${key} ${i}`))) refused++;
    assert.ok(refused > 100, `${refused} were refused`);
  }).timeout(300_000);

  it('gives no prompt with tokens that it has no row for', async () => {
    const odd = u32(0x0fffffff);
    const names = ['eos', 'eot', 'fim_pre', 'fim_suf', 'fim_mid'].map((name) => `tokenizer.ggml.${name}_token_id`);
    const folder = writeFolder(TINY_LLAMA, TENSORS);
    writeFileSync(join(folder, 'generation_config.json'), '{"eos_token_id":[-1,268435455]}');
    for (const path of [writeGguf(TINY_LLAMA, TENSORS, { metadata: Object.fromEntries(names.map((key) => [key, odd])) }), folder]) {
      const source = await openSource(path);
      const prompt = promptOf(source, parseObject(path, await source.tokenizerText()));
      assert.deepEqual(parsePromptFormat(path, prompt, TINY_LLAMA.vocab_size), prompt);
    }
  });

  it('as a folder is refused with the fault named, whatever a key of config.json holds', async () => {
    const folder = writeFolder(TINY_LLAMA, TENSORS);
    const odd = ['null', '0', '-1', '1e999', '9007199254740993', '"x"', '[]', '{}', '[[]]', 'true', '{"quant_method":7}'];
    const keys = [...Object.keys(TINY_LLAMA), 'rope_scaling', 'quantization_config', 'matformer', 'matcoder', 'layer_types'];
    keys.push('sliding_window', 'num_experts', 'bos_token_id', 'attention_bias', '__proto__', 'constructor');
    let refused = 0;
    for (const key of keys) {
      for (const value of odd) {
        const rest = Object.entries(TINY_LLAMA).filter(([name]) => name !== key);
        const lines = rest.map(([name, stated]) => `${JSON.stringify(name)}: ${JSON.stringify(stated)}`);
        writeFileSync(join(folder, 'config.json'), `{${[...lines, `${JSON.stringify(key)}: ${value}`].join(',')}}`);
        if (!(await isRead(folder, `${key} ${value}`))) refused++;
      }
    }
    assert.ok(refused > 80, `${refused} were refused`);
  }).timeout(300_000);

  it('as a folder is refused wherever the header of its weights is cut or changed', async () => {
    const folder = writeFolder(TINY_LLAMA, TENSORS);
    const file = join(folder, 'model.safetensors');
    const whole = readFileSync(file);
    const headerEnd = 8 + Number(whole.readBigUInt64LE());
    for (let length = 0; length < headerEnd; length += 7) {
      writeFileSync(file, whole.subarray(0, length));
      assert.ok(!(await isRead(folder, `${length} bytes`)));
    }
    for (let at = 0; at < headerEnd; at += 5) {
      const changed = Buffer.from(whole);
      changed[at] = changed[at]! ^ 0x11;
      writeFileSync(file, changed);
      await isRead(folder, `byte ${at}`);
    }
  });

  it('as a folder is refused with an index of any content', async () => {
    const folder = writeFolder(TINY_LLAMA, TENSORS, { shards: 2 });
    const maps = ['[]', 'null', '7', '{"a":7}', '{"a":null}', '{"a":"/etc/passwd"}', '{"a":"a/b.safetensors"}'];
    maps.push('{"a":".safetensors"}', '{"a":"none.safetensors"}', '{"__proto__":"model-1-of-2.safetensors"}');
    maps.push(JSON.stringify(Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [i, `${i}.safetensors`]))));
    for (const map of maps) {
      writeFileSync(join(folder, 'model.safetensors.index.json'), `{"weight_map":${map}}`);
      assert.ok(!(await isRead(folder, map)), map);
    }
  });

  it('as a folder is refused with nested JSON of any depth', async () => {
    const folder = writeFolder(TINY_LLAMA, TENSORS);
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    for (const name of ['config.json', 'tokenizer.json', 'model.safetensors.index.json', 'tokenizer_config.json']) {
      const other = writeFolder(TINY_LLAMA, TENSORS);
      writeFileSync(join(other, name), `{"weight_map":${deep},"model_type":${deep}}`);
      await isRead(other, name);
    }
    const stated = JSON.stringify(TINY_LLAMA).slice(1);
    writeFileSync(join(folder, 'config.json'), `{"other":${deep},${stated}`);
    assert.ok(!(await isRead(folder, 'a key that nobody reads')));
  });
});
