import type { TextKind } from './textKinds';

/** The name of a secret, and the text around it. */
export interface NamePlace {
  readonly name: string;
  /** The text before the name, as far as it is examined. */
  readonly before: string;
  /** The text after the name, as far as its value may be. */
  readonly rest: string;
  readonly textKind: TextKind;
}

/** How a value is bound to a name. */
export interface Binding {
  /** Number of characters of `rest` before the value. */
  readonly length: number;
  /**
   * In `data`, which includes shell, nearly every value is a literal. In code, an `assigned` value is a literal of the
   * program, but an `entry` of an object or a call may be words for people.
   */
  readonly place: 'data' | 'assigned' | 'entry';
  /** The end of a value without quotes; undefined if only a quoted value is a literal. */
  readonly bareEnd?: RegExp;
  /** Without quotes, only the first word is the value. */
  readonly isOneWord: boolean;
}

/** A literal in the text after a name. */
export interface Literal {
  readonly at: number;
  readonly text: string;
  readonly isQuoted: boolean;
  /** It reaches the end of the examined text. */
  readonly reachesEnd: boolean;
  /** More words follow it on the line. */
  readonly hasMoreWords: boolean;
}

const WORD_END = /[\s"'`;&<>]/;
const LINE_END = /[\s"'`]/;
const UPPER_CASE = /^[A-Z][A-Z0-9_]*$/;
/** Closing marks of a quoted name or a subscript, a subscript, and then a sign; a quoted value may be on the next line. */
const SIGN =
  /^\\?["'`]?[\])}]{0,2}(?:\[\w{0,20}\])?[ \t]*(=>|:=|\?=|=(?![=~>])|:(?![:=?-])|<-|\|\||\?\?)[ \t]*(?:\n[ \t]{1,40}(?=["'`]))?/;
/** A sign after a type or accessors. */
const TYPED =
  /^[?!]?(?:\[\w{0,20}\])?(?:\s?\{[^{}\n]{0,40}\}|\s?:\s?[\w.<>?&'|[\] ]{1,40}| [\w.*[\]]{1,20})[ \t]*:?=(?![=~>])[ \t]*(?:\n[ \t]{1,40}(?=["'`]))?/;

/** Ways to bind a value to a name, in the order in which they are tried. */
const WAYS: readonly ((place: NamePlace) => Binding | undefined)[] = [
  function element({ before, rest, textKind }) {
    if (!/<[\w.:-]{0,30}$/.test(before)) return undefined;
    const place = isLiteral(textKind) ? 'data' : 'entry';
    return bound(/^>(?=[^<>\s]{1,200}<\/)/, rest, { place, bareEnd: /</, isOneWord: true });
  },
  /** The name is a value itself, as in the environment of a container: `name: DB_PASSWORD`, `value: …` */
  function pair({ before, rest, textKind }) {
    if (before.endsWith('<key>'))
      return bound(/^<\/key>\s{0,40}<string>/, rest, { place: 'data', bareEnd: /</, isOneWord: true });
    if (/\bkey=["']$/.test(before))
      return bound(/^["']>(?=[^<>\s]{1,200}<\/)|^["'] value=/, rest, { place: 'data', bareEnd: /</, isOneWord: true });
    if (!/(?:name|key)["']?\s?[:=]\s?["']?$/i.test(before)) return undefined;
    const value = /^["']?,?\s{0,40}["']?value["']?\s?[:=]\s?/i;
    if (!isLiteral(textKind)) return bound(value, rest, { place: 'entry', isOneWord: false });
    return bound(value, rest, { place: 'data', bareEnd: LINE_END, isOneWord: false });
  },
  /** `${DB_PASSWORD:-…}` */
  function shellDefault({ before, rest }) {
    if (!before.endsWith('${')) return undefined;
    return bound(/^:?[-=]/, rest, { place: 'data', bareEnd: /[\s"'`}]/, isOneWord: true });
  },
  /** A line that sets an environment variable, in any kind of file. */
  function environment({ name, before, rest }) {
    const isHead = /(?:^|[\n;&])[ \t]*(?:(?:export|set|setx|ENV|ARG|env|-e|--env|--build-arg|-)[ \t]+)*["']?$/.test(
      before,
    );
    if (!isHead || !UPPER_CASE.test(name)) return undefined;
    return bound(/^=(?=[^=\s])/, rest, { place: 'data', bareEnd: WORD_END, isOneWord: true });
  },
  /** An option of a command, or a part of a connection string or of a URL's query. */
  function option({ name, before, rest, textKind }) {
    if (!name.startsWith('-') && !/[;?&"'][ ]?$/.test(before)) return undefined;
    const place = isLiteral(textKind) ? 'data' : 'entry';
    return bound(/^=(?=[^=\s"'`])/, rest, { place, bareEnd: WORD_END, isOneWord: true });
  },
  function sign({ before, rest, textKind }) {
    const match = TYPED.exec(rest) ?? SIGN.exec(rest);
    // In `arn:aws:…:secret:…`, the name is part of a value.
    if (!match || (match[1] === ':' && before.endsWith(':'))) return undefined;
    const length = match[0].length;
    if (textKind === 'data') return { length, place: 'data', bareEnd: LINE_END, isOneWord: false };
    if (textKind === 'shell') return { length, place: 'data', bareEnd: WORD_END, isOneWord: true };
    if (textKind === 'text') return { length, place: 'entry', bareEnd: LINE_END, isOneWord: false };
    const isEntry = textKind === 'prose' || match[1] === ':' || match[1] === '=>';
    return { length, place: isEntry ? 'entry' : 'assigned', isOneWord: false };
  },
  function argument({ name, before, rest, textKind }) {
    const isSet =
      /(?:^|\.)(?:set|with)[A-Z]\w*$/.test(name) || /\b(?:put|set|setProperty|setenv)\(\s?["']$/.test(before);
    const isGiven = textKind !== 'prose' && (isSet || UPPER_CASE.test(name));
    const place = isGiven ? 'assigned' : 'entry';
    return bound(/^\\?["'`]?\s?[,(]\s?(?=[@$\w]{0,2}["'`])/, rest, { place, isOneWord: false });
  },
  /** `#define`, and SQL statements. */
  function juxtaposed({ name, rest, textKind }) {
    const isGiven = UPPER_CASE.test(name) || textKind === 'data';
    return bound(/^ +(?=["'])/, rest, { place: isGiven ? 'assigned' : 'entry', isOneWord: false });
  },
  /** A command with the name and the value as arguments, `.netrc`, or a line of a configuration without a sign. */
  function words({ name, before, rest, textKind }) {
    const isCommand = /(?:^|\n)[ \t]*(?:ENV|ARG|setenv|set -\w+|export)[ \t]+$/.test(before);
    const isLogin = /\b(?:login|machine|user)\s+\S+\s+$/.test(before);
    const isLine = textKind === 'data' && /(?:^|\n)[ \t]*$/.test(before) && /^[ \t]+\S+[ \t]*(?:\n|$)/.test(rest);
    if (!isCommand && !isLogin && !isLine && !name.startsWith('--')) return undefined;
    const place = (isCommand && textKind === 'shell') || isLine ? 'data' : 'entry';
    return bound(/^[ \t]+(?=[^\s=:-])/, rest, { place, bareEnd: WORD_END, isOneWord: true });
  },
];

/** Whether a value without quotes is a literal. */
function isLiteral(textKind: TextKind): boolean {
  return textKind === 'data' || textKind === 'shell';
}

function bound(pattern: RegExp, rest: string, how: Omit<Binding, 'length'>): Binding | undefined {
  const match = pattern.exec(rest);
  return match ? { length: match[0].length, ...how } : undefined;
}

/** How the text around a name binds a value to it; undefined if it does not. */
export function bindingAt(place: NamePlace): Binding | undefined {
  for (const way of WAYS) {
    const binding = way(place);
    if (binding) return binding;
  }
  return undefined;
}

/** The literal that is bound to a name; undefined if there is none, or an empty one. */
export function literalAfter(rest: string, { length, bareEnd, isOneWord }: Binding): Literal | undefined {
  const value = rest.slice(length);
  const quote = /^[@$A-Za-z]{0,2}\\?(["'`])/.exec(value);
  const at = length + (quote?.[0].length ?? 0);
  const from = rest.slice(at);
  const end = quote ? quotedEnd(from, quote[1] ?? '') : bareEnd && from.search(bareEnd);
  if (end === undefined) return undefined;
  const reachesEnd = end < 0;
  const text = reachesEnd ? from : from.slice(0, end);
  const literal = quote ? text.replace(/\\$/, '') : text.replace(/[,;)\]}]+$/, '');
  if (literal === '' || literal.includes('\n')) return undefined;
  const hasMoreWords = !quote && !isOneWord && !reachesEnd && /^[ \t]+(?!\/\/)[^\s#;]/.test(from.slice(end));
  return { at, text: literal, isQuoted: quote !== null, reachesEnd, hasMoreWords };
}

/** The end of a quoted text; -1 if it has none. */
function quotedEnd(text: string, quote: string): number {
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === quote || char === '\n') return i;
    if (char === '\\' && text.charAt(i + 1) !== quote) i++;
  }
  return -1;
}
