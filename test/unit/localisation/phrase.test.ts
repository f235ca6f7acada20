import assert from 'node:assert/strict';
import { displayLanguage, formatConjunction, useLanguage } from '../../../src/localisation/language';
import { clauses, english, localised, phrase, verbatim } from '../../../src/localisation/phrase';

describe('a phrase', () => {
  afterEach(() => {
    useLanguage('en', undefined);
  });

  const pace = phrase('typing at {0} ms a key', 1200);
  const answer = phrase('{0}: {1} answers in about {2} ms', [pace, phrase('on battery')], 'M', 20);

  it('is English in the log, whatever the display language', () => {
    useLanguage('de', { 'on battery': 'im Akkubetrieb' });
    assert.equal(english(answer), 'typing at 1200 ms a key, on battery: M answers in about 20 ms');
  });

  it('is in the display language for the user, with its numbers and lists', () => {
    useLanguage('de', {
      'typing at {0} ms a key': '{0} ms pro Taste',
      'on battery': 'im Akkubetrieb',
      '{0}: {1} answers in about {2} ms': '{1} antwortet in etwa {2} ms ({0})',
    });
    assert.equal(localised(answer), 'M antwortet in etwa 20 ms (1.200 ms pro Taste, im Akkubetrieb)');
  });

  it('is worded when it is shown, not when it is made', () => {
    const kept = phrase('on battery');
    assert.equal(localised(kept), 'on battery');
    useLanguage('fr', { 'on battery': 'sur batterie' });
    assert.equal(localised(kept), 'sur batterie');
  });

  it('has a comment that distinguishes two meanings', () => {
    useLanguage('de', { 'off/a switch': 'aus' });
    assert.equal(localised(phrase({ message: 'off', comment: ['a switch'] })), 'aus');
    assert.equal(localised(phrase('off')), 'off');
  });

  it('has decimals as in the language', () => {
    const size = phrase('{0} MB', { value: 12, digits: 1 });
    assert.equal(english(size), '12.0 MB');
    useLanguage('de', {});
    assert.equal(localised(size), '12,0 MB');
  });

  it('joins clauses', () => {
    assert.equal(english(clauses(phrase('a'), phrase('b'), phrase('c'))), 'a; b; c');
  });

  it('shows a text with braces unchanged', () => {
    const text = verbatim('{0} is no {1}');
    assert.deepEqual([english(text), localised(text)], ['{0} is no {1}', '{0} is no {1}']);
  });
});

describe('the display language', () => {
  afterEach(() => {
    useLanguage('en', undefined);
  });

  it('is English if there is no translation, and its numbers too', () => {
    useLanguage('pt-br', undefined);
    assert.equal(displayLanguage(), 'en-GB');
  });

  it('is English if its name is none', () => {
    useLanguage('not a language', {});
    assert.equal(displayLanguage(), 'en-GB');
  });

  it('has its own word between the last two members of a list', () => {
    assert.equal(formatConjunction(['a', 'b', 'c']), 'a, b and c');
    useLanguage('es', {});
    assert.equal(formatConjunction(['a', 'b', 'c']), 'a, b y c');
  });
});
