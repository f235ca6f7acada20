/**
 * The first step of a tokenizer: it splits a text into stretches, and no token spans two of them. A tokenizer.json
 * describes it as stages with regular expressions of its own, and such an expression could take any time. Therefore only
 * expressions are run that consist of the known alternatives below, each of which is linear in the text.
 */
import { isObject } from './json';

/** The stretches of our own checkpoints, as in training/tokenizer.py. */
export const STRETCHES =
  '\\r?\\n[ \\t]*| ?[A-Z]?[a-z]+| ?[A-Z]+(?![a-z])| ?[A-Z]| ?[_$]+|[0-9]| ?[^\\sA-Za-z0-9_$]+|[^\\S\\n]+';

/** What the stage ByteLevel of the library splits by, which is GPT-2's expression. */
export const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

const CASES = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`;
const CAPITALS = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`;
const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

/** The punctuation of DeepSeek-LLM. */
export const DEEPSEEK_PUNCTUATION = '\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+';

/** The letters of DeepSeek-LLM, most of those that have capitals; in escapes, because composing would change some. */
export const DEEPSEEK_LETTERS =
  '\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373' +
  '\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f' +
  '\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79' +
  '-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-' +
  '\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-' +
  '\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-' +
  '\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-' +
  '\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a' +
  '\u{10400}-\u{1044f}\u{104b0}-\u{104d3}\u{104d8}-\u{104fb}\u{10c80}-\u{10cb2}\u{10cc0}-\u{10cf2}\u{118a0}-' +
  '\u{118df}\u{1e900}-\u{1e943}]+';

const ALTERNATIVES = new Set([
  ...alternativesOf(STRETCHES),
  ...alternativesOf(GPT2),
  // GPT-4, Llama 3, Qwen, Granite 4, Seed-Coder
  CONTRACTIONS,
  "'(?i:[sdmt]|ll|ve|re)",
  ...[String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`, String.raw`[^\r\n\p{L}\p{N}]?+\p{L}+`],
  ...[String.raw`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+`, String.raw` ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*`],
  ...[String.raw`\p{N}`, String.raw`\p{N}{1}`, String.raw`\p{N}{1,3}`, String.raw`\p{N}{1,3}+`, String.raw`\p{N}+`],
  ...[String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*`, String.raw` ?[^\s\p{L}\p{N}]++[\r\n]*`],
  ...[String.raw` ?[^\s\p{L}\p{N}\r\n]+`, String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]*`],
  ...[String.raw`\s*[\r\n]+`, String.raw`\s*[\r\n]`, String.raw`\s++$`, String.raw`\s+$`],
  // GPT-4o, Tekken
  ...[CASES, CAPITALS, `${CASES}${CONTRACTIONS}?`, `${CAPITALS}${CONTRACTIONS}?`],
  // DeepSeek
  ...[String.raw`[\r\n]`, String.raw`\s?\p{L}+`, String.raw`\s?\p{P}+`, '[一-龥ࠀ-一가-퟿]+', DEEPSEEK_LETTERS],
  ...[DEEPSEEK_PUNCTUATION, '[一-龥\u3040-\u309f\u30a0-\u30ff]+'],
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+',
  ...[String.raw`[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+`, String.raw` ?[\p{P}\p{S}]+[\r\n]*`],
]);

const GPT2_EXPRESSION = expression(alternativesOf(GPT2));

/** Splits a text into stretches, which cover it. */
export type PreTokenizer = (text: string) => string[];

/**
 * The pre-tokenizer that the `pre_tokenizer` of a tokenizer.json describes: stages that each split all stretches further,
 * and bytes at the end.
 * @returns what is not supported, as text, if something is not
 */
export function preTokenizerOf(json: unknown): PreTokenizer | string {
  const expressions: RegExp[] = [];
  let hasBytes = false;
  const stages: unknown[] =
    isObject(json) && json.type === 'Sequence' && Array.isArray(json.pretokenizers) ? json.pretokenizers : [json];
  for (const stage of stages) {
    if (!isObject(stage) || hasBytes) return 'its pre_tokenizer is not a sequence of splits followed by a ByteLevel';
    if (stage.type === 'ByteLevel') {
      if (stage.add_prefix_space) return 'its pre_tokenizer adds a space before the text';
      if (stage.use_regex !== false) expressions.push(GPT2_EXPRESSION);
      hasBytes = true;
    } else if (stage.type === 'Digits') {
      expressions.push(stage.individual_digits ? /\p{N}/gu : /\p{N}+/gu);
    } else if (stage.type === 'Split') {
      const found = splitOf(stage);
      if (found === undefined) return 'its Split has a pattern that is not supported';
      expressions.push(found);
    } else {
      return `its pre_tokenizer has a stage ${JSON.stringify(stage.type)}, which is not supported`;
    }
  }
  if (!hasBytes) return 'its pre_tokenizer is not a sequence of splits followed by a ByteLevel';
  return (text) => {
    let stretches = text === '' ? [] : [text];
    for (const expression of expressions) stretches = stretches.flatMap((stretch) => isolated(stretch, expression));
    return stretches;
  };
}

/** A Split whose matches stay, as stretches of their own. */
function splitOf({ pattern, behavior, invert }: Record<string, unknown>): RegExp | undefined {
  // Some files say "remove what does not match" of an expression that matches everything.
  const isKnown = (behavior === 'Isolated' && !invert) || (behavior === 'Removed' && invert === true);
  const source = isObject(pattern) ? pattern.Regex : undefined;
  return isKnown && typeof source === 'string' ? expressionOf(source) : undefined;
}

/** JavaScript's form of an expression of known alternatives, which is written for Oniguruma. */
function expressionOf(source: string): RegExp | undefined {
  const alternatives = alternativesOf(source.replaceAll('\r', '\\r').replaceAll('\n', '\\n'));
  if (!alternatives.every((alternative) => ALTERNATIVES.has(alternative))) return undefined;
  return expression(alternatives);
}

function expression(alternatives: readonly string[]): RegExp {
  const all = alternatives.map(translated);
  // If no other alternative matches blanks, the search would go on at each of a run's, and look at all that follow.
  const isBlanks = alternatives.length === 1 && BLANKS_BEFORE.test(alternatives[0] ?? '');
  return new RegExp(isBlanks ? `(?<!\\p{White_Space})${all.join('')}` : all.join('|'), 'gu');
}

/** An alternative that matches blanks if they end in a certain way. */
const BLANKS_BEFORE = /^\\s[*+]\+?(\$|\[\\r\\n\]\+?)$/;

function translated(alternative: string): string {
  return (
    alternative
      // A possessive quantifier only forbids to go back, and in the known alternatives going back finds nothing.
      .replace(/([+?]|\{\d,\d\})\+/g, '$1')
      // Letters that are equal but for case include the long s, "ſ".
      .replace(CONTRACTIONS, "(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])")
      .replace('(?i:[sdmt]|ll|ve|re)', '(?:[sSſdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])')
      // JavaScript's \s has U+FEFF and lacks U+0085.
      .replaceAll('\\s', '\\p{White_Space}')
      .replaceAll('\\S', '\\P{White_Space}')
  );
}

/** The parts of an expression between those bars that stand in no group and no class. */
function alternativesOf(source: string): string[] {
  const parts: string[] = [];
  let [current, groups, isInClass] = ['', 0, false];
  for (const [part] of source.matchAll(/\\.|[^]/gu)) {
    if (!isInClass && part === '(') groups++;
    else if (!isInClass && part === ')') groups--;
    else if (part === '[') isInClass = true;
    else if (part === ']') isInClass = false;
    if (part === '|' && groups === 0 && !isInClass) {
      parts.push(current);
      current = '';
    } else {
      current += part;
    }
  }
  return [...parts, current];
}

/** The matches in a text and what stands between them. */
function isolated(text: string, expression: RegExp): string[] {
  const stretches: string[] = [];
  let end = 0;
  expression.lastIndex = 0;
  for (let match = expression.exec(text); match; match = expression.exec(text)) {
    if (match.index > end) stretches.push(text.slice(end, match.index));
    stretches.push(match[0]);
    end = match.index + match[0].length;
  }
  if (end === 0) return [text];
  if (end < text.length) stretches.push(text.slice(end));
  return stretches;
}
