import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFolder } from '../../../src/models/folderSource';
import { randomModel, TINY_LLAMA, writeFolder } from '../../tinyModel';

describe('the beginning that a Hugging Face folder states', () => {
  const TENSORS = randomModel(TINY_LLAMA);
  const BYTES = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true };
  const A = { Sequence: { id: 'A', type_id: 0 } };
  const BEGIN = { SpecialToken: { id: '<|pad|>', type_id: 0 } };
  const template = (...single: object[]) => ({
    type: 'TemplateProcessing',
    single,
    pair: [],
    special_tokens: { '<|pad|>': { id: '<|pad|>', ids: [259], tokens: ['<|pad|>'] } },
  });
  const sequence = (...processors: unknown[]) => ({ type: 'Sequence', processors });

  async function beginOf(processor: unknown, settings: object = {}): Promise<number | undefined> {
    const folder = writeFolder({ ...TINY_LLAMA, bos_token_id: 256 }, TENSORS);
    const file = join(folder, 'tokenizer.json');
    const tokenizer = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...tokenizer, post_processor: processor }));
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(settings));
    return (await openFolder(folder)).hints.begin;
  }

  it('is the token that its tokenizer puts before each text, as that of Llama 3 does', async () => {
    assert.equal(await beginOf(sequence(BYTES, template(BEGIN, A))), 259);
    assert.equal(await beginOf(template(BEGIN, A)), 259);
    assert.equal(await beginOf(template(BEGIN, A), { add_bos_token: null }), 259);
  });

  it('is what its settings say, whatever its tokenizer does', async () => {
    assert.equal(await beginOf(template(BEGIN, A), { add_bos_token: false }), undefined);
    assert.equal(await beginOf(null, { add_bos_token: true }), 256);
  });

  it('is missing if its tokenizer puts nothing before a text', async () => {
    const odd = [{ ...template(BEGIN, A), special_tokens: {} }, template(), sequence(null, 7), { single: 'A' }];
    for (const processor of [null, BYTES, template(A, BEGIN), sequence(BYTES), ...odd])
      assert.equal(await beginOf(processor), undefined, JSON.stringify(processor));
  });
});
