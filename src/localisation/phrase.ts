import { t } from '@vscode/l10n';
import { formatList, formatNumber } from './language';

/**
 * A text that the log and the command line show in English, and the editor in the language of its display. Plain data, so
 * that it can be kept: the language is applied when it is shown.
 */
export interface Phrase {
  /** In English, with the places of its arguments as `{0}`, `{1}` … */
  readonly message: string;
  readonly args: readonly Argument[];
  /** For translators. */
  readonly comment?: readonly string[];
}

/** An array is a list, whose members are separated as in the language. */
export type Argument = string | number | Decimal | Phrase | readonly Phrase[];

/** A number that is shown with so many digits after the point. */
export interface Decimal {
  readonly value: number;
  readonly digits: number;
}

/**
 * Whole sentences or clauses, because the order of words differs between languages. The message has to be a literal, because
 * `npm run l10n` collects it.
 */
export function phrase(
  text: string | { readonly message: string; readonly comment: readonly string[] },
  ...args: Argument[]
): Phrase {
  return typeof text === 'string' ? { message: text, args } : { ...text, args };
}

/** A text that is not translated: an error's message, a name. */
export function verbatim(text: string): Phrase {
  return { message: '{0}', args: [text] };
}

/** One phrase of several clauses, with semicolons between them. @param clauses at least one */
export function clauses(first: Phrase, ...others: readonly Phrase[]): Phrase {
  return others.reduce(
    (all, clause) =>
      phrase({ message: '{0}; {1}', comment: ['two clauses with a semicolon between them'] }, all, clause),
    first,
  );
}

/** For the log and the command line. */
export function english(text: Phrase): string {
  return englishWith(text, (number) => number);
}

/** The same for texts that differ in their numbers alone: `typing at n ms a key`. What a text quotes keeps its own. */
export function englishWithoutNumbers(text: Phrase): string {
  return englishWith(text, () => 'n');
}

function englishWith({ message, args }: Phrase, written: (number: string) => string): string {
  return message.replaceAll(/\{(\d+)\}/g, (place, index: string) => {
    const arg = args[Number(index)];
    return arg === undefined ? place : englishArgument(arg, written);
  });
}

/** For the user, in the display language. */
export function localised({ message, args, comment }: Phrase): string {
  const shown = args.map(localisedArgument);
  return comment ? t({ message, args: shown, comment: [...comment] }) : t(message, ...shown);
}

function englishArgument(arg: Argument, written: (number: string) => string): string {
  if (typeof arg === 'string') return arg;
  if (typeof arg === 'number') return written(String(arg));
  if (isList(arg)) return arg.map((member) => englishWith(member, written)).join(', ');
  return 'digits' in arg ? written(arg.value.toFixed(arg.digits)) : englishWith(arg, written);
}

function localisedArgument(arg: Argument): string {
  if (typeof arg === 'number') return formatNumber(arg);
  if (typeof arg === 'string') return arg;
  if (isList(arg)) return formatList(arg.map(localised));
  return 'digits' in arg
    ? formatNumber(arg.value, { minimumFractionDigits: arg.digits, maximumFractionDigits: arg.digits })
    : localised(arg);
}

function isList(arg: Argument): arg is readonly Phrase[] {
  return Array.isArray(arg);
}
