import { config } from '@vscode/l10n';

/** The translations of one language, by the English text and, after a slash, its comment for translators. */
export type Bundle = Readonly<Record<string, string>>;

/** The English text is not in a bundle, and its numbers are written like this. */
const ENGLISH = 'en-GB';

let display = ENGLISH;

/**
 * Choose the language of the texts from now on: once, before the first of them is made. Without this everything is English,
 * as on the command line, in the engine's process and in the log.
 * @param tag BCP 47, as `vscode.env.language`
 * @param bundle undefined if there is no translation; then the numbers are written as in English too
 */
export function useLanguage(tag: string, bundle: Bundle | undefined): void {
  config({ contents: { ...bundle } });
  display = bundle && isTag(tag) ? tag : ENGLISH;
}

/** The language in which the user's texts are written, as BCP 47. */
export function displayLanguage(): string {
  return display;
}

function isTag(tag: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}

/** A number with the separators of the display language. */
export function formatNumber(value: number, options: Intl.NumberFormatOptions = {}): string {
  return new Intl.NumberFormat(display, options).format(value);
}

/** `a, b, c`. A list of Intl has a word before the last member in some languages, which is wrong between clauses. */
export function formatList(items: readonly string[]): string {
  return items.join(/^(ja|zh)/.test(display) ? '、' : ', ');
}

/** `a, b and c` */
export function formatConjunction(items: readonly string[]): string {
  return new Intl.ListFormat(display, { type: 'conjunction', style: 'long' }).format(items);
}
