import assert from 'node:assert/strict';
import { CostModel } from '../../../src/governor/costs';
import { bytesPerToken, candidatesOf, parameters, SIZES, submodelOf } from '../../../src/matlm/submodel';
import { exampleConfig } from '../model';

describe('the costs', () => {
  const config = exampleConfig();
  const of = (name: string) => submodelOf(config, name);
  /** Milliseconds of a request for 100 prompt tokens and 10 new ones, on the line that is measured. */
  const onLine = (widths: readonly number[]) => ({
    prefillMsPerToken: 0.01 + parameters(config.model, widths) * 1e-8,
    decodeMsPerToken: 0.1 + bytesPerToken(config.model, widths) * 1e-7,
  });
  const msOf = (name: string) => {
    const { prefillMsPerToken, decodeMsPerToken } = onLine(of(name).widths);
    return 100 * prefillMsPerToken + 10 * decodeMsPerToken;
  };
  const measured = Object.fromEntries(SIZES.map((size) => [size, onLine(of(size).widths)]));
  const near = (found: number | undefined, expected: number) => {
    assert.ok(Math.abs(found! / expected - 1) < 0.03, `${found}, not ${expected}`);
  };

  it('predict a request from its tokens', () => {
    near(new CostModel(config, measured).predictMs(of('M'), 100, 10), msOf('M'));
  });

  it('lie on a line over bytes and operations for a submodel that was never run', () => {
    const costs = new CostModel(config, { S: measured.S!, XL: measured.XL! });
    near(costs.predictMs(of('mix 16-8-8-8-16-16'), 100, 10), msOf('mix 16-8-8-8-16-16'));
  });

  it('are those of the line too where one measurement was noisy', () => {
    const slowS = {
      prefillMsPerToken: 3 * measured.S!.prefillMsPerToken,
      decodeMsPerToken: 3 * measured.S!.decodeMsPerToken,
    };
    const costs = new CostModel(config, { ...measured, S: slowS });
    assert.ok(costs.predictMs(of('S'), 100, 10)! <= costs.predictMs(of('M'), 100, 10)!);
  });

  it('stay positive and do not fall with size where the measurement was noisy', () => {
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

  it('stay finite where a cost was too small for the clock', () => {
    const nothing = { prefillMsPerToken: 0, decodeMsPerToken: 1 };
    const costs = new CostModel(config, { S: nothing, XL: nothing });
    for (let i = 0; i < 2000; i++) costs.observe(of('S'), 100, 5, 11, 10);
    assert.ok(Number.isFinite(costs.predictMs(of('M'), 100, 10)));
  });

  it('are unknown while nothing was measured', () => {
    assert.equal(new CostModel(config, {}).predictMs(of('S'), 100, 10), undefined);
  });

  it('rise for all sizes when the machine is busy, and fall again', () => {
    const costs = new CostModel(config, measured);
    const observe = (name: string, load: number) => {
      const { prefillMsPerToken, decodeMsPerToken } = onLine(of(name).widths);
      costs.observe(of(name), 100, 100 * load * prefillMsPerToken, 11, 10 * load * decodeMsPerToken);
    };
    for (let i = 0; i < 20; i++) observe('S', 3);
    for (const size of SIZES) near(costs.predictMs(of(size), 100, 10), 3 * msOf(size));
    for (let i = 0; i < 40; i++) observe('XL', 1);
    near(costs.predictMs(of('S'), 100, 10), msOf('S'));
  });

  it('are not thrown off by one outlier', () => {
    const costs = new CostModel(config, measured);
    costs.observe(of('S'), 100, 60_000, 11, 60_000);
    assert.ok(costs.predictMs(of('S'), 100, 10)! < 2 * msOf('S'));
  });

  it('learn nothing from a handful of tokens', () => {
    const costs = new CostModel(config, measured);
    costs.observe(of('S'), 1, 50, 1, 50);
    near(costs.predictMs(of('S'), 100, 10), msOf('S'));
  });
});
