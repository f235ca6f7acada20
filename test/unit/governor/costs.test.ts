import assert from 'node:assert/strict';
import { CostModel } from '../../../src/governor/costs';
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
