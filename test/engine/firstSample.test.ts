import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LANGUAGES, readBundle } from '../../scripts/lib/messages.mjs';
import { complete } from '../../src/cli/complete';
import { useLanguage } from '../../src/localisation/language';
import { SHIPPED } from '../../src/matlm/checkpoint';
import { sample } from '../../src/ui/firstMinute/sample';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';

describe('the shipped checkpoint in the sample of the walkthrough', () => {
  after(() => {
    useLanguage('en', undefined);
  });

  // XS answers only if the engine has used its share of the processor, and never by hand.
  const inEnglish = ['S', 'M', 'L', 'XL', 'auto'].map((submodel) => ({ submodel, language: 'en' }));
  const translated = LANGUAGES.map((language) => ({ submodel: 'auto', language }));
  for (const { submodel, language } of [...inEnglish, ...translated]) {
    it(`suggests the whole function at ${submodel}, below a comment in ${language}`, async () => {
      useLanguage(language, language === 'en' ? undefined : readBundle(language));
      const { text, offset } = sample();
      const file = join(temporaryFolder(), 'Untitled-1.ts'); // the name that an untitled document has in the prompt
      writeFileSync(file, text);
      const lines = text.slice(0, offset).split('\n');
      const place = { file, line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
      const { text: suggested, outcome } = await complete(ROOT, join(ROOT, SHIPPED), place, submodel);
      assert.equal(outcome.kind, 'shown', outcome.reason);
      assert.equal(suggested, 'number {\n  return mean(readings.map((reading) => reading.wind));\n}');
    });
  }
});
