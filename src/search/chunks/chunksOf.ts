import type { Grammars } from '../../completion/syntax/grammars';
import { languageOf } from '../../completion/syntax/languages';
import { blockChunks } from './blocks';
import { type Chunk, Lines } from './chunk';
import { headingChunks } from './headings';
import { syntaxChunks } from './syntax';

/** Such files are data: their parts are alike, and the first ones say what the file is about. */
const DATA = new Set(['json', 'jsonc', 'xml', 'plaintext', 'html', 'css', 'scss', 'less']);
const GENERATED = /@generated|\bdo not edit\b|\bauto-?generated\b/i;
const MAX_OF_DATA = 8;
const MAX_OF_FILE = 400;
/** Data and styles have no declarations; their grammars would cost time for nothing. */
const WITHOUT_SYNTAX = new Set([...DATA, 'markdown']);
/** To parse more takes longer than a pause may. */
const MAX_SYNTAX_CHARS = 150_000;

/** The chunks of a file, in their order. @param text with line ends as \n */
export async function chunksOf(path: string, text: string, grammars: Pick<Grammars, 'load'>): Promise<Chunk[]> {
  const language = languageOf(path);
  const lines = new Lines(text);
  const isData = DATA.has(language) || GENERATED.test(text.slice(0, 500));
  return (await parts(language, text, lines, grammars)).slice(0, isData ? MAX_OF_DATA : MAX_OF_FILE);
}

async function parts(language: string, text: string, lines: Lines, grammars: Pick<Grammars, 'load'>): Promise<Chunk[]> {
  if (language === 'markdown') return headingChunks(lines);
  const usesSyntax = !WITHOUT_SYNTAX.has(language) && text.length <= MAX_SYNTAX_CHARS;
  const grammar = usesSyntax ? await grammars.load(language) : undefined;
  if (!grammar) return blockChunks(lines);
  return grammar.parseOther(text, (root) => syntaxChunks(lines, grammar.info, root));
}
