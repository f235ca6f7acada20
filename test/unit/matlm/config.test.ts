import assert from 'node:assert/strict';
import { parseConfig, SIZES } from '../../../src/matlm/config';
import { bytesPerToken, parameters, submodelOf } from '../../../src/matlm/submodel';
import { EXAMPLE, exampleConfig, shipped } from '../model';

const changed = (change: (json: Record<string, unknown>) => void) => {
  const json = JSON.parse(EXAMPLE) as Record<string, unknown>;
  change(json);
  // JSON.stringify has no way to write a number that is read as Infinity.
  return () => parseConfig('models/x/config.json', JSON.stringify(json).replaceAll('"INFINITE"', '1e999'));
};

const WIDTHS = [128, 128, 0, 128, 256, 1024];
const matformer = (change: object) => changed((j) => Object.assign(j.matformer as object, change));
const GATE = { hidden: [Array(30).fill(0.5)], output: Array(5).fill([1, 2]) as number[][] };
const frontier = (row: object) => matformer({ frontier: [row] });

describe('config.json', () => {
  it('gives the shape and the granularities', () => {
    const { model, granularities } = exampleConfig();
    assert.equal(model.ffnSize, 1024);
    assert.deepEqual(granularities.S, [128, 128, 128, 128, 128, 128]);
    assert.deepEqual(granularities.XS, [128, 0, 128, 0, 128, 0]);
  });

  it('of the model that ships names its sizes, each within the next, and was measured', async () => {
    const { granularities, frontier: measured } = (await shipped()).config;
    const widths = SIZES.map((size) => granularities[size]!);
    for (const [i, wider] of widths.slice(1).entries())
      assert.ok(wider.every((width, layer) => width > widths[i]![layer]!));
    assert.equal(measured.at(-1)?.name, 'XL');
    assert.equal(measured.at(-1)?.agreementWithXL, 1);
  });

  it('gives the measurements of submodels, and the gate of the memory', () => {
    const row = { name: 'mix', ffnWidths: WIDTHS, bitsPerByte: 1.1, agreementWithXL: 0.8 };
    const config = matformer({ frontier: [row], memory: GATE })();
    assert.deepEqual(config.frontier, [{ name: 'mix', widths: WIDTHS, bitsPerByte: 1.1, agreementWithXL: 0.8 }]);
    assert.deepEqual(config.gate, GATE);
    assert.equal(exampleConfig().gate, undefined);
  });

  it('says whether submodels are compensated for the units that they lack', () => {
    assert.equal(matformer({})().model.hasCompensation, false);
    assert.equal(matformer({ compensation: 'mean' })().model.hasCompensation, true);
  });

  const cases: [string, () => unknown, RegExp][] = [
    ['not JSON', () => parseConfig('a/config.json', '{'), /a\/config\.json: it is not JSON/],
    [
      'another architecture',
      changed((j) => (j.model_type = 'gemma2')),
      /model_type is "gemma2"; the engine runs qwen3, .*llama/,
    ],
    [
      'an unknown compensation',
      matformer({ compensation: 'median' }),
      /models\/x\/config\.json: matformer\.compensation is "median", but the engine knows "mean" alone/,
    ],
    ['a missing dimension', changed((j) => delete j.hidden_size), /hidden_size must be a whole number/],
    [
      'a cache that is too large',
      changed((j) =>
        Object.assign(j, { num_hidden_layers: 64, num_attention_heads: 32, num_key_value_heads: 32, head_dim: 1024 }),
      ),
      /the keys and values of 2048 tokens take more than 2 GiB/,
    ],
    ['too many layers', changed((j) => (j.num_hidden_layers = 65)), /num_hidden_layers is larger than 64/],
    [
      'sums that overflow',
      changed((j) => (j.hidden_size = 2 ** 17)),
      /hidden_size, intermediate_size or num_attention_heads \* head_dim is larger/,
    ],
    [
      'heads that do not divide',
      changed((j) => (j.num_key_value_heads = 3)),
      /is not a multiple of num_key_value_heads/,
    ],
    ['an odd head', changed((j) => (j.head_dim = 21)), /head_dim is not an even number/],
    [
      'heads that fill no panel',
      changed((j) => Object.assign(j, { num_attention_heads: 2, num_key_value_heads: 2, head_dim: 20 })),
      /num_attention_heads \* head_dim is not a multiple of 16/,
    ],
    ['an infinite base', changed((j) => (j.rope_theta = 'INFINITE')), /rope_theta must be a positive number/],
    ['an absurd dimension', changed((j) => (j.vocab_size = 2 ** 40)), /vocab_size must be a whole number/],
    [
      'an unknown way to a longer context',
      changed((j) => (j.rope_scaling = { type: 'dynamic', factor: 2 })),
      /rope_scaling is of the kind "dynamic"; the engine computes default, linear, llama3 and yarn/,
    ],
    [
      'a linear scaling without a factor',
      changed((j) => (j.rope_scaling = { type: 'linear' })),
      /rope_scaling.factor must/,
    ],
    ['no object of sizes', changed((j) => (j.matformer = [])), /"matformer" is not an object/],
    [
      'a missing size',
      changed((j) => (j.matformer = { granularities: { S: [128, 128, 128, 128, 128, 128] } })),
      /granularity XL is missing/,
    ],
    [
      'too few widths',
      changed((j) => (j.matformer = { granularities: { S: [128] } })),
      /widths of S are not 6 multiples of 32/,
    ],
    [
      'a width beyond the model',
      changed((j) => (j.matformer = { granularities: { S: Array(6).fill(2048) } })),
      /between 0 and 1024/,
    ],
    ['a row without widths', frontier({ name: 'a', bitsPerByte: 1, agreementWithXL: 1 }), /the widths of a are not 6/],
    [
      'a row that was not measured',
      frontier({ name: 'a', ffnWidths: WIDTHS, agreementWithXL: 1 }),
      /bitsPerByte of a must be a positive number/,
    ],
    [
      'a row that agrees too well',
      frontier({ name: 'a', ffnWidths: WIDTHS, bitsPerByte: 1, agreementWithXL: 1.2 }),
      /agreementWithXL of a must be a number between 0 and 1/,
    ],
    [
      'a row that was measured as infinite',
      frontier({ name: 'a', ffnWidths: WIDTHS, bitsPerByte: 'INFINITE', agreementWithXL: 1 }),
      /bitsPerByte of a must be a positive number/,
    ],
    ['a gate that is no object', matformer({ memory: [0.5] }), /memory\.hidden is not 1 to 256 rows of 30 numbers/],
    [
      'a gate of other inputs',
      matformer({ memory: { ...GATE, hidden: [[1]] } }),
      /memory\.hidden is not 1 to 256 rows/,
    ],
    ['a gate of other outputs', matformer({ memory: { ...GATE, output: [[1, 2]] } }), /memory\.output is not 5 rows/],
  ];
  for (const [name, parse, message] of cases) {
    it(`is refused with the key named: ${name}`, () => {
      assert.throws(parse, message);
    });
  }
});

describe('a submodel', () => {
  const config = exampleConfig();

  for (const name of ['constructor', '__proto__', 'toString']) {
    it(`named ${name} does not exist unless the checkpoint has it`, () => {
      assert.throws(() => submodelOf(config, name), new RegExp(`has no submodel ${name}; it has XS, S, M`));
      const row = `{"name":"${name}","ffnWidths":${JSON.stringify(WIDTHS)},"bitsPerByte":1,"agreementWithXL":1}`;
      const json = EXAMPLE.replace(/"frontier": \[[^]*\n {2,4}\]/, `"frontier": [${row}]`);
      for (const text of [
        json,
        EXAMPLE.replace('"granularities": {', `"granularities": { "${name}": ${JSON.stringify(WIDTHS)},`),
      ]) {
        const read = parseConfig('config.json', text);
        assert.deepEqual(submodelOf(read, name).widths, WIDTHS);
      }
    });
  }

  it('counts its own parameters, as Python counts them', () => {
    const count = (name: string) => parameters(config.model, config.granularities[name]!);
    assert.deepEqual(['XS', 'S', 'M', 'L', 'XL'].map(count), [886_912, 1_773_568, 2_363_392, 3_543_040, 5_902_336]);
  });

  it('reads its own bytes and no more', () => {
    const { model } = config;
    const small = bytesPerToken(model, submodelOf(config, 'S').widths);
    const large = bytesPerToken(model, submodelOf(config, 'XL').widths);
    // 896 more hidden units a layer, of three vectors of 256 each.
    assert.equal(large - small, 6 * 896 * 3 * 256);
    const half = { ...model, bytesPerWeight: 0.5 };
    assert.equal(
      bytesPerToken(half, config.granularities.XL!) - bytesPerToken(half, config.granularities.S!),
      6 * 896 * 384,
    );
  });
});
