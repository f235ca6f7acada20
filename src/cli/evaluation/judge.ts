import { unmatched } from '../../completion/syntax/brackets';
import { languageOf } from '../../completion/syntax/languages';
import { scan } from '../../completion/syntax/lexer';
import { lexiconOf } from '../../completion/syntax/lexicon';
import type { Suggestion } from '../../completion/outcome';
import { editSimilarity } from './editSimilarity';
import type { Span } from './spans';

/** The verdict on a suggestion at a place whose original text is known. */
export interface Judgement {
  readonly shown: boolean;
  /** It equals the masked text to the last character. */
  readonly exact: boolean;
  /** Of the suggestion and the masked text, 0 to 1; 0 if nothing was suggested. */
  readonly editSimilarity: number;
  /** Its first line makes the author's line. */
  readonly accepted: boolean;
  /** The author wrote it too, and may have gone on. */
  readonly right: boolean;
  /** Characters that it saves if it is right. */
  readonly chars: number;
  /** It repeats the text after the cursor. */
  readonly duplicates: boolean;
}

export function judge(span: Span, suggestion: Suggestion | undefined): Judgement {
  if (!suggestion) {
    return {
      shown: false,
      exact: false,
      editSimilarity: 0,
      accepted: false,
      right: false,
      chars: 0,
      duplicates: false,
    };
  }
  const { text, replaces } = suggestion;
  const linePrefix = span.prefix.slice(span.prefix.lastIndexOf('\n') + 1);
  const rest = (span.suffix.split('\n', 1)[0] ?? '').slice(replaces);
  const lines = `${linePrefix}${text}`.split('\n');
  const [first = ''] = lines;
  const [author = ''] = span.original.split('\n', 1);
  // The semicolon after a bracket that the editor closed is the user's to type.
  const ends = (line: string) => (span.kind === 'brackets' ? line.replace(/[;,]$/, '') : line);
  const firstLine = lines.length === 1 ? first + rest : first;
  const accepted = ends(firstLine.trimEnd()) === ends(author.trimEnd());
  const right = span.original.startsWith((linePrefix + text).trimEnd()) || (accepted && lines.length === 1);
  return {
    shown: true,
    exact: text.trimEnd() === span.truth || (accepted && lines.length === 1 && span.kind !== 'block'),
    editSimilarity: editSimilarity(text.trimEnd(), span.truth),
    accepted,
    right,
    chars: right ? text.length - replaces : 0,
    duplicates: !right && repeats(span, lines, rest, author),
  };
}

/** Whether a line of it is the next line of the document, or it repeats the rest of its line. */
function repeats({ path, suffix, truth }: Span, lines: readonly string[], rest: string, author: string): boolean {
  const [, ...below] = suffix.split('\n').map((line) => line.trimEnd());
  const next = below.find((line) => line.trim() !== '');
  const isNext = (line: string) => line.trimEnd() === next && /[\w)\]}]/.test(line);
  if (lines.some(isNext) && !truth.split('\n').some(isNext)) return true;
  const last = lines.at(-1) ?? '';
  const closers = (line: string) => unmatched(scan(line, lexiconOf(languageOf(path))).code).closers.length;
  return rest.trim() !== '' && last.endsWith(rest.trim().charAt(0)) && closers(last + rest) > closers(author);
}
