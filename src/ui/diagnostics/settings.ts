import { SIZES } from '../../matlm/config';
import { importedValue } from '../../session/settings';

/** A setting as package.json declares it, and as it stands. */
export interface DeclaredSetting {
  /** With its prefix. */
  readonly name: string;
  readonly default?: unknown;
  /** The values that it may have, if they are listed. */
  readonly enum?: readonly unknown[];
  /** The value in force, apart from languages. */
  readonly value: unknown;
  /** Identifiers of the languages for which it is set. */
  readonly languages: readonly string[];
}

/** Settings that hold a word of ours, not a path or a name: its values are printed if they are the name of a size. */
const SIZE_SETTINGS = ['matcoder.submodel', 'matcoder.batteryCap'];

/**
 * The settings that differ from their defaults, one line each. Of a text that could be a path or a name only the fact
 * that it is set is told.
 * @param sizes the names of the model's submodels
 */
export function changedSettings(settings: readonly DeclaredSetting[], sizes: readonly string[]): string[] {
  return settings.flatMap(({ name, default: usual, enum: listed, value, languages }) => {
    const values = ['auto', '', ...SIZES.map(importedValue), ...sizes];
    const words = [...(listed ?? []), ...(SIZE_SETTINGS.includes(name) ? values : [])];
    const isPlain = typeof value === 'boolean' || typeof value === 'number' || words.includes(value);
    return [
      ...(value === usual || value === undefined ? [] : [`${name}: ${isPlain ? JSON.stringify(value) : 'set'}`]),
      ...(languages.length === 0 ? [] : [`${name}, by language: ${languages.join(', ')}`]),
    ];
  });
}
