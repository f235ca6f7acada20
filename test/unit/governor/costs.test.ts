import assert from 'node:assert/strict';
import { CostModel, JointCosts } from '../../../src/governor/costs';
import { quality } from '../../../src/governor/value';
import { SIZES } from '../../../src/matlm/config';
import { bytesPerToken, candidatesOf, parameters, submodelOf } from '../../../src/matlm/submodel';
import { exampleConfig } from '../model';

describe('the costs', () => {
  const config = exampleConfig();
  const of = (name: string) => submodelOf(config, name);
  const measured = Object.fromEntries(
    SIZES.map((size, i) => [size, { prefillMsPerToken: 0.1 * (i + 1), decodeMsPerToken: i + 1 }]),
  );

  it('have XS as the last resort, if it is good enough', () => {
    const bits = (of: Readonly<Record<string, number>>) => {
      const frontier = Object.entries(of).map(([name, bitsPerByte]) => {
        const { widths } = submodelOf(config, name);
        return { name, widths, parameters: 1, bytesPerToken: 1, bitsPerByte, agreementWithXL: 1 };
      });
      return new CostModel({ ...config, frontier }, measured);
    };
    assert.equal(bits({ XS: 0.72, S: 0.66, XL: 0.64 }).lastResort?.submodel.name, 'XS');
    assert.equal(bits({ XS: 0.8, S: 0.66, XL: 0.64 }).lastResort, undefined, 'a quarter more bits');
    const others = Object.fromEntries(Object.entries(config.granularities).filter(([name]) => name !== 'XS'));
    assert.equal(new CostModel({ ...config, granularities: others }, measured).lastResort, undefined);
  });

  it('predict a request from its tokens', () => {
    assert.equal(new CostModel(config, measured).predictMs(of('M'), 100, 10), 100 * 0.2 + 10 * 2);
  });

  it('are those of the cheaper way to read a prompt, if a GPU may read it', () => {
    const gpuPrefill = { startMs: 12, msPerToken: 0.01 };
    const both = Object.fromEntries(Object.entries(measured).map(([name, cost]) => [name, { ...cost, gpuPrefill }]));
    const costs = new CostModel(config, both);
    assert.equal(costs.predictMs(of('M'), 50, 10), 50 * 0.2 + 10 * 2, 'a short one on the processor');
    assert.equal(costs.predictMs(of('M'), 500, 10), 12 + 500 * 0.01 + 10 * 2, 'a long one on the GPU');
    // Also for a submodel that was not measured, and with the load that is learned from either.
    const mix = of('mix 16-8-8-8-16-16');
    assert.ok(Math.abs(costs.predictMs(mix, 500, 0)! - 17) < 1e-6);
    for (let i = 0; i < 40; i++) costs.observe(of('M'), 500, 2 * 17, 0, 0);
    assert.ok(Math.abs(costs.predictMs(mix, 500, 0)! - 34) < 0.1);
    costs.replaceMeasured(measured);
    assert.equal(costs.predictMs(of('M'), 500, 0), 500 * 0.2, 'and no more when the processor is alone');
  });

  it('lie on a line over bytes and operations for a submodel that was not measured', () => {
    const { model } = config;
    const onLine = Object.fromEntries(
      ['S', 'XL'].map((name) => {
        const { widths } = of(name);
        return [
          name,
          {
            prefillMsPerToken: 0.01 + parameters(model, widths) * 1e-8,
            decodeMsPerToken: 0.1 + bytesPerToken(model, widths) * 1e-7,
          },
        ];
      }),
    );
    const mix = of('mix 16-8-8-8-16-16');
    const expected =
      100 * (0.01 + parameters(model, mix.widths) * 1e-8) + 10 * (0.1 + bytesPerToken(model, mix.widths) * 1e-7);
    assert.ok(Math.abs(new CostModel(config, onLine).predictMs(mix, 100, 10)! - expected) < 1e-6);
  });

  it('are those of another backend once it takes over, whatever was learned before', () => {
    const costs = new CostModel(config, measured);
    costs.observe(of('S'), 100, 1000, 10, 1000);
    costs.replaceMeasured({ S: { prefillMsPerToken: 0.05, decodeMsPerToken: 0.5 } });
    assert.equal(costs.predictMs(of('S'), 100, 10), 100 * 0.05 + 10 * 0.5);
  });

  it('are at most those of a larger submodel if a measurement was noisy', () => {
    const [slow, quick] = [
      { prefillMsPerToken: 0.3, decodeMsPerToken: 3 },
      { prefillMsPerToken: 0.2, decodeMsPerToken: 2 },
    ];
    const costs = new CostModel(config, { S: slow, M: quick, XL: slow });
    assert.equal(costs.predictMs(of('S'), 100, 10), costs.predictMs(of('M'), 100, 10));
    assert.ok(costs.predictMs(of('XL'), 100, 10)! > costs.predictMs(of('M'), 100, 10)!);
  });

  it('stay positive and do not fall with size if the measurement was noisy', () => {
    const noisy = {
      S: { prefillMsPerToken: 0.3, decodeMsPerToken: 3 },
      XL: { prefillMsPerToken: 0.2, decodeMsPerToken: 2 },
    };
    const costs = new CostModel(config, noisy);
    const mixes = candidatesOf(config).filter(({ submodel }) => submodel.name.startsWith('mix'));
    const times = mixes.map(({ submodel }) => costs.predictMs(submodel, 100, 10)!);
    assert.ok(
      times.every((ms, i) => ms > 0 && ms >= (times[i - 1] ?? 0)),
      times.join(),
    );
  });

  it('stay finite if a cost was too small for the clock', () => {
    const nothing = { prefillMsPerToken: 0, decodeMsPerToken: 1 };
    const costs = new CostModel(config, { S: nothing, XL: nothing });
    for (let i = 0; i < 2000; i++) costs.observe(of('S'), 100, 5, 10, 10);
    assert.ok(Number.isFinite(costs.predictMs(of('M'), 100, 10)));
  });

  it('are unknown before any measurement', () => {
    assert.equal(new CostModel(config, {}).predictMs(of('S'), 100, 10), undefined);
  });

  it('rise for all sizes when the machine is busy, and fall again', () => {
    const costs = new CostModel(config, measured);
    for (let i = 0; i < 20; i++) costs.observe(of('S'), 100, 100 * 0.3, 10, 10 * 3);
    const busy = SIZES.map((size) => costs.predictMs(of(size), 100, 10)!);
    assert.ok(Math.abs(busy[0]! - 60) < 1 && Math.abs(busy[3]! - 240) < 4, busy.join());
    for (let i = 0; i < 40; i++) costs.observe(of('XL'), 100, 100 * 0.4, 10, 10 * 4);
    assert.ok(Math.abs(costs.predictMs(of('S'), 100, 10)! - 20) < 1);
  });

  it('are hardly changed by one outlier', () => {
    const costs = new CostModel(config, measured);
    costs.observe(of('S'), 100, 60_000, 10, 60_000);
    assert.ok(costs.predictMs(of('S'), 100, 10)! < 2 * 20);
  });

  it('ignore prefills of a few tokens', () => {
    const costs = new CostModel(config, measured);
    costs.observe(of('S'), 1, 50, 0, 50);
    assert.equal(costs.predictMs(of('S'), 100, 10), 20);
  });
});

describe('the costs of two models', () => {
  const config = exampleConfig();
  const { XL = [] } = config.granularities;
  const dense = { ...config, granularities: { XL }, frontier: [] };
  const cost = (decodeMsPerToken: number) => ({ prefillMsPerToken: 1, decodeMsPerToken });
  const main = new CostModel(config, { S: cost(1), XL: cost(2) });
  const imported = (relativeBits?: number) => new CostModel(dense, { XL: cost(50) }, { name: 'Other', relativeBits });

  it('have a candidate for each submodel, under a name that no other has', () => {
    const { candidates } = new JointCosts(() => [main, imported(0.8)]);
    const names = candidates.map(({ submodel }) => submodel.name);
    assert.deepEqual(new Set(names).size, names.length);
    assert.ok(names.includes('Other') && names.includes('XL') && names.includes('S'));
    assert.equal(candidates[0], main.candidates[0], 'the cheapest comes first');
  });

  it('are those of the model that has the submodel', () => {
    const joint = new JointCosts(() => [main, imported()]);
    assert.equal(joint.predictMs(joint.named('Other').submodel, 0, 1), 50);
    assert.equal(joint.predictMs(joint.named('XL').submodel, 0, 1), 2);
    assert.throws(() => joint.named('Another'), /no submodel Another/);
  });

  it('name the other sizes of a model that was trained nested', () => {
    const nested = new CostModel(config, { S: cost(1) }, { name: 'Other' });
    assert.deepEqual(
      ['Other', 'Other S', 'S', 'XL'].map((name) => nested.has(name)),
      [true, true, false, false],
    );
  });

  it('have its usual sizes as candidates, neither the mixes of its frontier nor XS', () => {
    const nested = new CostModel(config, { S: cost(1) }, { name: 'Other' });
    const names = nested.candidates.map(({ submodel }) => submodel.name);
    assert.deepEqual(names, ['Other S', 'Other M', 'Other L', 'Other']);
    assert.equal(nested.lastResort, undefined, 'that is the main model’s');
    const losses = nested.candidates.map(({ excessBits }) => excessBits);
    assert.ok(losses[0]! > losses[1]! && losses[2]! > losses[3]!, 'by its own frontier');
  });

  it('let a size answer on battery if it reads no more than the largest of the main model', () => {
    const { S = [], M = [], L = [] } = config.granularities;
    const small = new CostModel({ ...config, granularities: { S, XL: M }, frontier: [] }, { S: cost(1), XL: cost(2) });
    const elastic = new CostModel(
      { ...config, granularities: { M, XL: L }, frontier: [] },
      { XL: cost(3) },
      { name: 'Other' },
    );
    assert.deepEqual(
      new JointCosts(() => [small, elastic]).candidates.map(({ submodel, isForMains }) => [submodel.name, isForMains]),
      [
        ['S', undefined],
        ['XL', undefined],
        ['Other M', undefined],
        ['Other', true],
      ],
    );
  });

  it('compare the models by their bits per byte on the same text', () => {
    const qualityOf = (relativeBits?: number) => quality(imported(relativeBits).named('Other'));
    assert.equal(qualityOf(), 1, 'as good, if nothing was measured');
    assert.ok(qualityOf(0.8) > 1 && qualityOf(1.1) < 1);
  });

  it('leave out a model that is much worse, unless it is asked for by name', () => {
    const joint = new JointCosts(() => [main, imported(2)]);
    assert.deepEqual(joint.candidates, main.candidates);
    assert.equal(joint.named('Other').submodel.name, 'Other');
  });
});
