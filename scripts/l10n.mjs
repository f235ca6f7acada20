// Bring the translations up to date with the code: sorted, without texts that no code has. Lists texts without a translation.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { bundleFile, keyOf, LANGUAGES, manifestFile, manifestTexts, messagesIn } from './lib/messages.mjs';

const { messages, faults } = messagesIn();
const keys = [...new Set(messages.map(keyOf))].sort();
const manifestKeys = Object.keys(manifestTexts());
faults.forEach((fault) => console.error(fault));

let missing = 0;
for (const language of LANGUAGES) {
  update(language, bundleFile(language), keys);
  update(language, manifestFile(language), manifestKeys);
}
const count = keys.length + manifestKeys.length;
console.log(`${count} texts in ${LANGUAGES.length} languages, ${missing} translations are missing`);
process.exitCode = missing + faults.length > 0 ? 1 : 0;

function update(language, file, wanted) {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '{}';
  const texts = JSON.parse(before);
  const without = wanted.filter((key) => !texts[key]);
  missing += without.length;
  for (const key of without) console.log(`${language}: ${JSON.stringify(key)} is missing`);
  for (const key of Object.keys(texts)) {
    if (!wanted.includes(key)) console.log(`${language}: ${JSON.stringify(key)} is removed`);
  }
  const kept = wanted.filter((key) => texts[key]).map((key) => [key, texts[key]]);
  const after = `${JSON.stringify(Object.fromEntries(kept), undefined, 2)}\n`;
  if (after !== before) writeFileSync(file, after);
}
