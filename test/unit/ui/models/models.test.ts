import assert from 'node:assert/strict';
import { english, verbatim } from '../../../../src/localisation/phrase';
import type { Choice, Found } from '../../../../src/models/importProtocol';
import type { LibraryModel } from '../../../../src/models/library';
import { modelSizesOf } from '../../../../src/models/modelSizes';
import { canFindSizes, choiceOf, ModelShelf } from '../../../../src/ui/models/shelf';
import { expectedMs, speedOf } from '../../../../src/ui/models/speed';
import { describeFound, describeModel, describeSearch, duration, feasible, roomTexts } from '../../../../src/ui/models/texts';
import { exampleConfig } from '../../model';

const EIGHT: Choice = {
  bits: 8,
  diskBytes: 145e6,
  memoryBytes: 190e6,
  bytesPerToken: 140e6,
  isExact: false,
  seconds: 12,
};
const FOUR: Choice = { ...EIGHT, bits: 4, diskBytes: 98e6, memoryBytes: 140e6, bytesPerToken: 90e6, isExact: true };
const FOUND: Found = {
  name: 'SmolLM2 135M',
  family: 'llama',
  parameters: 134_515_008,
  quantisation: 'Q4_1',
  licence: 'apache-2.0',
  page: undefined,
  hasFim: false,
  choices: [FOUR, EIGHT],
  freeDiskBytes: 20e9,
  freeMemoryBytes: 4e9,
};

describe('what an import says before it starts', () => {
  const options = [
    { choice: FOUR, expectedMs: 93.4 },
    { choice: EIGHT, expectedMs: undefined },
  ];

  it('is what it found and what it will need', () => {
    assert.deepEqual(describeFound(FOUND, options).split('\n\n'), [
      'Llama, 135 million parameters, Q4_1. Licence: apache-2.0.',
      'It was not trained to fill in code, so it completes from the text before the cursor alone.',
      '4 bits: 98.0 MB on the disk, 140 MB of memory, imported in about 12 s. A typical completion will take about 93 ms here. ' +
        'The weights keep their values.',
      '8 bits: 145 MB on the disk, 190 MB of memory, imported in about 12 s. The weights are rounded.',
      '20.0 GB are free on the disk. Nothing is downloaded.',
    ]);
  });

  it('names a licence that is missing, and the ability to fill in', () => {
    const text = describeFound({ ...FOUND, licence: undefined, hasFim: true }, options);
    assert.match(text, /It states no licence\./);
    assert.match(text, /It fills in code/);
  });

  it('warns if less memory is free than one of the options needs', () => {
    assert.doesNotMatch(describeFound({ ...FOUND, freeMemoryBytes: 190e6 }, options), /memory are free/);
    assert.match(describeFound({ ...FOUND, freeMemoryBytes: 150e6 }, options), /Only 150 MB of memory are free/);
  });

  it('offers only what the disk has room for', () => {
    const bitsAt = (freeDiskBytes: number) => feasible(options, { freeDiskBytes }).map(({ choice }) => choice.bits);
    assert.deepEqual(bitsAt(1e9), [4, 8]);
    assert.deepEqual(bitsAt(180e6), [4]);
    assert.deepEqual(bitsAt(100e6), []);
  });

  it('says that more is needed than is free, also if both are nearly the same', () => {
    assert.deepEqual(roomTexts(1_234e6, 1_226e6), ['1.3 GB', '1.2 GB']);
    assert.deepEqual(roomTexts(210.2e6, 210.1e6), ['211 MB', '210 MB']);
  });

  it('is how long a search for smaller sizes takes, and that the model stays', () => {
    const text = describeSearch({ ...{ name: 'Smol', diskBytes: 98e6, bits: 8 }, elasticity: undefined });
    assert.match(text, /runs Smol on your files .* Smol itself predicts as before\./);
    assert.match(text, /It takes about 4 min, .* up to 196 MB of the disk are needed\. You can cancel it/);
    assert.doesNotMatch(text, /larger/);
    assert.match(describeSearch({ ...{ name: 'Four', diskBytes: 98e6, bits: 4 }, elasticity: undefined }), /Four itself gets larger and a little slower/);
    assert.match(describeSearch({ ...{ name: 'Large', diskBytes: 3e9, bits: undefined }, elasticity: undefined }), /about 5 min/);
  });

  it('is in units that people read', () => {
    assert.equal(duration(0.2), '1 s');
    assert.equal(duration(89), '89 s');
    assert.equal(duration(100), '2 min');
    assert.equal(describeModel({ family: 'qwen2', parameters: 1.54e9, bits: 8 }), 'Qwen2, 1.54 billion parameters, 8 bits');
    assert.equal(describeModel({ family: 'Qwen2', parameters: undefined, bits: undefined }), 'Qwen2');
  });
});

describe('the expected speed of a model', () => {
  const typical = { promptTokens: 20, newTokens: 10 };
  const speed = { bytesPerToken: 50e6, parameters: 45e6, prefillMsPerToken: 0.5, decodeMsPerToken: 2 };

  it('is that of the model that was measured, if it is as large', () => {
    assert.equal(expectedMs({ bytesPerToken: 50e6 }, 45e6, speed, typical), 20 * 0.5 + 10 * 2);
  });

  it('grows with the parameters for the prompt, and with the bytes for the text', () => {
    assert.equal(expectedMs({ bytesPerToken: 50e6 }, 90e6, speed, typical), 20 + 20);
    assert.equal(expectedMs({ bytesPerToken: 100e6 }, 45e6, speed, typical), 10 + 40);
  });

  it('needs a measurement of the largest submodel', () => {
    const config = exampleConfig();
    assert.equal(speedOf(config, { S: { prefillMsPerToken: 1, decodeMsPerToken: 1 } }), undefined);
    const found = speedOf(config, { XL: { prefillMsPerToken: 1, decodeMsPerToken: 2 } });
    assert.equal(found?.decodeMsPerToken, 2);
    assert.ok(found.parameters > 0 && found.bytesPerToken > 0);
  });
});

describe('the shelf of imported models', () => {
  let models: LibraryModel[];
  let chosen: string;
  let changes: number;
  let shelf: ModelShelf;
  const model = (id: string, change: Partial<LibraryModel> = {}): LibraryModel => ({
    id,
    name: id,
    family: 'llama',
    bits: 4,
    parameters: 1e6,
    licence: undefined,
    page: undefined,
    diskBytes: 1e6,
    createdMs: 0,
    folder: `/models/${id}`,
    broken: undefined,
    isPrefixOnly: false,
    measured: {},
    sizes: [],
    elasticity: undefined,
    ...change,
  });

  beforeEach(() => {
    models = [model('a'), model('b', { broken: 'config.json' })];
    chosen = '';
    changes = 0;
    shelf = new ModelShelf({
      library: { list: () => Promise.resolve(models) },
      chosenId: () => chosen,
      onChange: () => changes++,
    });
  });

  it('uses the model that the settings name', async () => {
    await shelf.refresh();
    assert.equal(shelf.chosen, undefined);
    assert.equal(shelf.fault, undefined);
    chosen = 'a';
    assert.deepEqual(shelf.chosen, models[0]);
    assert.equal(shelf.fault, undefined);
  });

  it('finds no fault before it has read what is there', () => {
    chosen = 'a';
    assert.equal(shelf.fault, undefined);
  });

  it('compares a model with the one that ships, and with no other', () => {
    const measured = { bitsPerByte: { own: 0.6, shipped: 0.8, textBytes: 1e5 } };
    assert.equal(choiceOf(model('a', { measured }), true).relativeBits, 0.6 / 0.8);
    assert.equal(choiceOf(model('a', { measured }), false).relativeBits, undefined);
  });

  it('tells a model that was imported or measured again from the one before', () => {
    const sizes = modelSizesOf({ matformer: { granularities: { S: [32], XL: [64] } } });
    const found = (createdMs: number): Partial<LibraryModel> => ({
      sizes,
      elasticity: { sample: 'user', createdAt: new Date(createdMs).toISOString(), heldOutBytes: 1 },
    });
    const changes = [{}, { createdMs: 1 }, { measured: { typicalMs: 5 } }, { sizes }, found(1), found(2)];
    const revisions = changes.map((change) => choiceOf(model('a', change), false).revision);
    assert.equal(new Set(revisions).size, changes.length);
  });

  it('names the sizes of the chosen model, of which there is one unless smaller ones were found', async () => {
    chosen = 'a';
    await shelf.refresh();
    assert.deepEqual(shelf.inUse, { name: 'a', sizes: ['XL'] });
    models = [model('a', { sizes: modelSizesOf({ matformer: { granularities: { M: [32], XL: [64] } } }) })];
    await shelf.refresh();
    assert.deepEqual(shelf.inUse, { name: 'a', sizes: ['M', 'XL'] });
  });

  it('uses none that is missing or broken, and says which', async () => {
    await shelf.refresh();
    chosen = 'b';
    assert.equal(shelf.chosen, undefined);
    assert.match(english(shelf.fault!), /^b is broken, because config\.json is missing/);
    chosen = 'deleted';
    assert.equal(shelf.chosen, undefined);
    assert.match(english(shelf.fault!), /^there is no model deleted:/);
  });

  it('remembers why no smaller sizes of a model were found, until some are', () => {
    shelf.noteSizes('a', verbatim('too short'));
    assert.equal(english(shelf.summary.sizeFaults.get('a')!), 'too short');
    shelf.noteSizes('a', undefined);
    assert.equal(shelf.summary.sizeFaults.size, 0);
    assert.equal(changes, 2);
  });

  it('forgets it with the model, whose id another one may get', async () => {
    models = [model('a')];
    await shelf.refresh();
    shelf.noteSizes('a', verbatim('too short'));
    await shelf.refresh();
    assert.equal(shelf.summary.sizeFaults.size, 1);
    models = [];
    await shelf.refresh();
    assert.equal(shelf.summary.sizeFaults.size, 0);
  });

  it('lets sizes be looked for unless a model was trained with them or is broken', () => {
    const sizes = modelSizesOf({ matformer: { granularities: { S: [32], XL: [64] } } });
    const elasticity = { sample: 'user', createdMs: 1, heldOutBytes: 1 } as const;
    const cases: [Partial<LibraryModel>, boolean][] = [
      [{}, true],
      [{ sizes, elasticity }, true],
      [{ sizes }, false],
      [{ broken: 'config.json' }, false],
    ];
    for (const [change, expected] of cases) assert.equal(canFindSizes(model('a', change)), expected);
  });

  it('tells of changes, and only of these', async () => {
    await shelf.refresh();
    await shelf.refresh();
    assert.equal(changes, 1);
    models = [model('a', { name: 'Renamed' })];
    await shelf.refresh();
    assert.equal(changes, 2);
    assert.equal(shelf.find('a')?.name, 'Renamed');
    assert.equal(shelf.find('b'), undefined);
  });
});
