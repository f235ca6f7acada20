import { folded, termsOf } from './words/terms';

/** Tests repeat the words of what they test, in long names. Who looks for it by its words would see nothing else. */
const TEST_PRIOR = 0.8;
/** Folders and files of tests in the languages' usual forms. */
const TEST =
  /(?:^|\/)(?:tests?|specs?|__tests__|testdata)\/|(?:^|\/)(?:test_[^/]*|conftest|[^/]*[._-](?:tests?|spec))\.[^./]+$|(?:Tests?|Spec)\.\w+$/;
const WORDS_OF_TESTS = new Set(['test', 'spec', 'assert', 'mock', 'fixture'].map(folded));

/** What the score of a file's pieces is multiplied with for a query: code comes before its tests, unless they are asked for. */
export function priorOf(query: string): (path: string) => number {
  const asksForTests = termsOf(query).some(({ word }) => WORDS_OF_TESTS.has(word));
  return (path) => (!asksForTests && TEST.test(path) ? TEST_PRIOR : 1);
}
