import { type Eagerness, isEagerness } from '../completion/decode/confidence';
import type { GovernorSettings } from '../governor/settings';
import type { CheckpointConfig } from '../matlm/config';
import { nameInUse } from '../matlm/submodel';

export const MAX_BUDGET_MS = 10_000;
const MAX_THREADS = 16;

/** When the index of the search by meaning is built: from the start on, from the first search on, or never. */
export type SearchIndexSetting = (typeof SEARCH_INDEX)[number];
export const SEARCH_INDEX = ['whenIdle', 'onDemand', 'off'] as const;

/** All settings `matcoder.*` by their names without the prefix. */
export interface Settings {
  readonly enabled: boolean;
  readonly submodel: string;
  readonly latencyBudget: number;
  readonly batteryCap: string;
  readonly manualOnly: boolean;
  readonly eagerness: Eagerness;
  readonly relatedFiles: boolean;
  readonly workspaceMemory: boolean;
  readonly searchIndex: SearchIndexSetting;
  readonly modelPath: string;
  /** The id of an imported model; empty for none. */
  readonly importedModel: string;
  readonly threads: number;
}

export type SettingName = keyof Settings;

/** The check of a setting, because the editor passes on any value of the settings file. */
interface Rule<T> {
  readonly fallback: T;
  readonly isValid: (value: unknown) => value is T;
  /** Completes "… is not". */
  readonly expected: string;
}

const RULES: { readonly [Name in SettingName]: Rule<Settings[Name]> } = {
  enabled: flag(true),
  submodel: text('auto'),
  latencyBudget: wholeNumber(0, MAX_BUDGET_MS),
  batteryCap: text(''),
  manualOnly: flag(false),
  eagerness: { fallback: 'balanced', isValid: isEagerness, expected: 'careful, balanced or eager' },
  relatedFiles: flag(true),
  workspaceMemory: flag(true),
  searchIndex: oneOf(SEARCH_INDEX, 'onDemand'),
  modelPath: text(''),
  importedModel: text(''),
  threads: wholeNumber(0, MAX_THREADS),
};

export const SETTING_NAMES = Object.keys(RULES) as readonly SettingName[];

/** The value of a setting by its name without the prefix; undefined if it is not set. */
export type SettingSource = (name: SettingName) => unknown;
export type OnFault = (fault: string) => void;

/** Read and check one setting. An invalid value counts as the default, and `onFault` receives the fault. */
export function readSetting<Name extends SettingName>(
  name: Name,
  get: SettingSource,
  onFault: OnFault,
): Settings[Name] {
  const { fallback, isValid, expected }: Rule<Settings[Name]> = RULES[name];
  const value = get(name);
  if (value === undefined) return fallback;
  if (isValid(value)) return value;
  onFault(
    `the setting matcoder.${name} is ${printed(value)}, which is not ${expected}; ${printed(fallback)} is used instead`,
  );
  return fallback;
}

/** Read and check every setting, as `readSetting` does. */
export function readSettings(get: SettingSource, onFault: OnFault): Settings {
  const read = <Name extends SettingName>(name: Name): Settings[Name] => readSetting(name, get, onFault);
  return {
    enabled: read('enabled'),
    submodel: read('submodel').trim(),
    latencyBudget: read('latencyBudget'),
    batteryCap: read('batteryCap').trim(),
    manualOnly: read('manualOnly'),
    eagerness: read('eagerness'),
    relatedFiles: read('relatedFiles'),
    workspaceMemory: read('workspaceMemory'),
    searchIndex: read('searchIndex'),
    modelPath: read('modelPath').trim(),
    importedModel: read('importedModel').trim(),
    threads: read('threads'),
  };
}

/**
 * The value of `submodel` that lets a size of the imported model answer everything, whatever the model's name is: `imported` for
 * the whole model, `imported L`. The name in use, `NAME L`, does so too.
 */
export function importedValue(size: string): string {
  return nameInUse('imported', size);
}

/** The imported model that is in use. */
export interface ImportedInUse {
  readonly name: string;
  /** The names of its sizes, `XL` with them. */
  readonly sizes: readonly string[];
}

/**
 * The settings that choose a size. A submodel that the checkpoint does not have counts as not chosen.
 * @param config undefined if no checkpoint is open: then every submodel counts as known
 * @param onFault receives the fault of a submodel that the checkpoint does not have
 * @param imported the imported model that is in use; undefined for none
 */
export function governorSettings(
  { submodel, batteryCap, manualOnly, latencyBudget }: Settings,
  config: CheckpointConfig | undefined,
  onFault: OnFault = () => undefined,
  imported?: ImportedInUse,
): GovernorSettings {
  const known = (name: SettingName, value: string): string | undefined => {
    if (!config || hasSubmodel(config, value)) return value;
    onFault(`the setting matcoder.${name} is ${printed(value)}, ${unknownSubmodel(config)}`);
    return undefined;
  };
  const fixed = (): string | undefined => {
    const isImported = /^imported( |$)/.test(submodel);
    if (!imported) return isImported ? undefined : known('submodel', submodel);
    const { name, sizes } = imported;
    const size = sizes.find((one) => submodel === importedValue(one) || submodel === nameInUse(name, one));
    if (size !== undefined) return nameInUse(name, size);
    if (!isImported) return known('submodel', submodel);
    const own = sizes.map(importedValue).join(', ');
    onFault(
      `the setting matcoder.submodel is ${printed(submodel)}, which ${name} does not have (it has ${own}); the setting is ignored`,
    );
    return undefined;
  };
  return {
    submodel: submodel === 'auto' ? submodel : (fixed() ?? 'auto'),
    batteryCap: batteryCap === '' ? undefined : known('batteryCap', batteryCap),
    manualOnly,
    latencyBudgetMs: latencyBudget > 0 ? latencyBudget : undefined,
  };
}

/** Whether a checkpoint has a submodel of this name. */
function hasSubmodel({ granularities, frontier }: CheckpointConfig, name: string): boolean {
  return Object.hasOwn(granularities, name) || frontier.some((row) => row.name === name);
}

function unknownSubmodel({ granularities }: CheckpointConfig): string {
  return `which this model does not have (it has ${Object.keys(granularities).join(', ')}); the setting is ignored`;
}

/** Any value of a settings file, in few characters. */
function printed(value: unknown): string {
  return JSON.stringify(value).slice(0, 60);
}

function flag(fallback: boolean): Rule<boolean> {
  return { fallback, isValid: (value) => typeof value === 'boolean', expected: 'true or false' };
}

function text(fallback: string): Rule<string> {
  return { fallback, isValid: (value) => typeof value === 'string', expected: 'a string' };
}

function oneOf<T extends string>(values: readonly T[], fallback: T): Rule<T> {
  const isValid = (value: unknown): value is T => values.some((one) => one === value);
  return { fallback, isValid, expected: new Intl.ListFormat('en', { type: 'disjunction' }).format(values) };
}

function wholeNumber(fallback: number, max: number): Rule<number> {
  return {
    fallback,
    isValid: (value): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max,
    expected: `a whole number from 0 to ${max}`,
  };
}
