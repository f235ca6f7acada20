import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  governorSettings,
  MAX_BUDGET_MS,
  readSetting,
  readSettings,
  SETTING_NAMES,
  type Settings,
} from '../../../src/session/settings';
import { exampleConfig, ROOT } from '../model';

interface Property {
  readonly default: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
}
const { contributes } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  contributes: { configuration: { properties: Record<string, Property> } };
};
const { properties } = contributes.configuration;

/** The settings as read from what a file holds, and the faults that are reported. */
function read(stored: Partial<Record<keyof Settings, unknown>> = {}): { settings: Settings; faults: string[] } {
  const faults: string[] = [];
  const settings = readSettings(
    (name) => stored[name],
    (fault) => faults.push(fault),
  );
  return { settings, faults };
}

describe('the settings', () => {
  it('are those that package.json lists, with the same defaults', () => {
    const listed = Object.entries(properties).map(([name, property]) => [name, property.default]);
    assert.deepEqual(
      Object.fromEntries(listed),
      Object.fromEntries(Object.entries(read().settings).map(([name, value]) => [`matcoder.${name}`, value])),
    );
  });

  it('take every value that package.json allows, and no number or choice that it does not', () => {
    for (const name of SETTING_NAMES) {
      const { minimum, maximum, enum: choices } = properties[`matcoder.${name}`]!;
      const faultsOf = (value: unknown) => read({ [name]: value }).faults.length;
      for (const value of [minimum, maximum, ...(choices ?? [])]) assert.equal(faultsOf(value), 0, `${name} ${value}`);
      if (minimum !== undefined) assert.equal(faultsOf(minimum - 1), 1, name);
      if (maximum !== undefined) assert.equal(faultsOf(maximum + 1), 1, name);
      if (choices) assert.equal(faultsOf('whatever'), 1, name);
    }
  });

  const invalid: [keyof Settings, unknown, RegExp][] = [
    ['enabled', 'yes', /matcoder\.enabled is "yes", which is not true or false; true is used instead/],
    ['submodel', 7, /matcoder\.submodel is 7, which is not a string; "auto" is used/],
    ['latencyBudget', -1, /matcoder\.latencyBudget is -1, which is not a whole number from 0 to 10000; 0 is used/],
    ['latencyBudget', 2.5, /2\.5/],
    ['latencyBudget', '60', /"60"/],
    ['latencyBudget', null, /null/],
    ['eagerness', 'constructor', /matcoder\.eagerness is "constructor", which is not careful, balanced or eager/],
    ['threads', 17, /whole number from 0 to 16/],
    ['modelPath', ['a'], /\["a"\]/],
  ];
  for (const [name, value, fault] of invalid) {
    it(`fall back to the default and report the fault if ${name} is ${JSON.stringify(value)}`, () => {
      const { settings, faults } = read({ [name]: value });
      assert.deepEqual(settings, read().settings);
      assert.equal(faults.length, 1);
      assert.match(faults[0]!, fault);
    });
  }

  it('are read without blanks around a name or a path', () => {
    const { settings } = read({ modelPath: ' /models/a ', submodel: 'M ', batteryCap: ' ' });
    assert.deepEqual([settings.modelPath, settings.submodel, settings.batteryCap], ['/models/a', 'M', '']);
  });

  it('report only the setting that is read', () => {
    const faults: string[] = [];
    const value = readSetting(
      'enabled',
      () => 0,
      (fault) => faults.push(fault),
    );
    assert.deepEqual([value, faults.length], [true, 1]);
  });
});

describe('the settings that choose a size', () => {
  const config = exampleConfig();
  const inUse = (name: string | undefined) => (name === undefined ? undefined : { name, sizes: ['XL'] });
  const of = (stored: Partial<Record<keyof Settings, unknown>>) => {
    const faults: string[] = [];
    const settings = governorSettings(read(stored).settings, config, (fault) => faults.push(fault));
    return { ...settings, faults };
  };

  it('are automatic without a limit by default', () => {
    assert.deepEqual(of({}), {
      submodel: 'auto',
      batteryCap: undefined,
      manualOnly: false,
      latencyBudgetMs: undefined,
      faults: [],
    });
  });

  it('take any submodel of the model, and the largest budget', () => {
    const { submodel, batteryCap, latencyBudgetMs, faults } = of({
      submodel: 'mix 4-4-4-4-4-8',
      batteryCap: 'XS',
      latencyBudget: MAX_BUDGET_MS,
    });
    assert.deepEqual([submodel, batteryCap, latencyBudgetMs], ['mix 4-4-4-4-4-8', 'XS', MAX_BUDGET_MS]);
    assert.deepEqual(faults, []);
  });

  for (const name of ['constructor', '__proto__', 'toString', 'XXL', 'Auto']) {
    it(`fall back to automatic and report the fault if the model has no submodel ${name}`, () => {
      const { submodel, batteryCap, faults } = of({ submodel: name, batteryCap: name });
      assert.deepEqual([submodel, batteryCap], ['auto', undefined]);
      assert.equal(faults.length, 2);
      assert.match(
        faults[0]!,
        new RegExp(`matcoder\\.submodel is "${name}", which this model does not have \\(it has XS, S`),
      );
      assert.match(faults[1]!, /matcoder\.batteryCap/);
    });
  }

  it('let the imported model answer everything, if one is in use', () => {
    const { settings } = read({ submodel: 'imported' });
    const faults: string[] = [];
    const under = (name?: string) =>
      governorSettings(settings, config, (fault) => faults.push(fault), inUse(name)).submodel;
    assert.equal(under('Smol'), 'Smol');
    assert.equal(under(), 'auto');
    assert.deepEqual(faults, []);
  });

  it('let a size of the imported model answer everything, by that name or by `imported`', () => {
    const under = (submodel: string, sizes: readonly string[] = ['S', 'M', 'XL']) => {
      const faults: string[] = [];
      const { settings } = read({ submodel });
      const imported = { name: 'Smol', sizes };
      const found = governorSettings(settings, config, (fault) => faults.push(fault), imported);
      return [found.submodel, ...faults];
    };
    assert.deepEqual(under('imported S'), ['Smol S']);
    assert.deepEqual(under('Smol S'), ['Smol S']);
    assert.deepEqual(under('imported'), ['Smol']);
    assert.deepEqual(under('S'), ['S'], 'without a name it is the main model’s');
    assert.deepEqual(under('imported L'), [
      'auto',
      'the setting matcoder.submodel is "imported L", which Smol does not have (it has imported S, imported M, imported); ' +
        'the setting is ignored',
    ]);
    assert.equal(under('Smol L').length, 2);
    assert.equal(under('imported S', ['XL'])[0], 'auto');
    const { settings } = read({ submodel: 'imported S' });
    assert.equal(governorSettings(settings, config, (fault) => assert.fail(fault)).submodel, 'auto', 'none is in use');
  });

  it('let the imported model answer everything by its name too, while that is in use', () => {
    const { settings } = read({ submodel: 'Smol' });
    const faults: string[] = [];
    const under = (name?: string) =>
      governorSettings(settings, config, (fault) => faults.push(fault), inUse(name)).submodel;
    assert.equal(under('Smol'), 'Smol');
    assert.deepEqual(faults, []);
    assert.equal(under('Other'), 'auto');
    assert.equal(faults.length, 1);
  });

  it('are taken as they are while no model is open', () => {
    const { settings } = read({ submodel: 'XXL' });
    assert.equal(governorSettings(settings, undefined).submodel, 'XXL');
  });
});
