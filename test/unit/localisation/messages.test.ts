import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  keyOf,
  LANGUAGES,
  manifestKeys,
  manifestTexts,
  messagesIn,
  placesIn,
  readBundle,
  untranslatedIn,
} from '../../../scripts/lib/messages.mjs';
import { temporaryFolder } from '../../temporary';

describe('the texts of the user interface', () => {
  const { messages, faults } = messagesIn();
  const keys = [...new Set(messages.map(keyOf))].sort();

  it('are literals with as many arguments as places, and made when the language is known', () => {
    assert.ok(messages.length > 300, `${messages.length} messages`);
    assert.deepEqual(faults, []);
  });

  it('are all translated', () => {
    assert.deepEqual(untranslatedIn(), []);
  });

  it('of package.json are in package.nls.json, and no others', () => {
    const { used, literal } = manifestKeys();
    assert.deepEqual(literal, []);
    assert.deepEqual(Object.keys(manifestTexts()).sort(), [...used].sort());
  });

  for (const language of LANGUAGES) {
    describe(`in ${language}`, () => {
      const bundle = readBundle(language);
      const texts = manifestTexts(language);
      const english = manifestTexts();

      it('are those of the code, sorted; npm run l10n lists what is missing', () => {
        assert.deepEqual(Object.keys(bundle), keys);
      });

      it('have the places of the English texts', () => {
        const wrong = messages.filter((message) => {
          const translation = bundle[keyOf(message)] ?? '';
          return placesIn(translation).join() !== placesIn(message.message).join();
        });
        assert.deepEqual(wrong, []);
      });

      it('are neither empty nor padded with blanks', () => {
        const all = [...Object.entries(bundle), ...Object.entries(texts)];
        assert.deepEqual(
          all.filter(([, text]) => text === '' || text !== text.trim()),
          [],
        );
      });

      it('of package.json have the English keys, and the same names of settings, values and commands', () => {
        assert.deepEqual(Object.keys(texts), Object.keys(english));
        const quoted = (text = '') => (text.match(/`[^`]*`|\(command:[^)]*\)/g) ?? []).sort();
        for (const [key, text] of Object.entries(texts)) assert.deepEqual(quoted(text), quoted(english[key]), key);
      });

      it('name commands by their titles', () => {
        const titles = Object.entries(texts).flatMap(([key, title]) => (key.startsWith('command.') ? [title] : []));
        const named = [...Object.values(texts), ...Object.values(bundle)].flatMap((text) =>
          Array.from(text.matchAll(/(?:\*\*|["„“«]\s?)MatCoder: (.+?)(?:\*\*|\s?["“”»])/g), ([, title]) => title),
        );
        assert.ok(named.length > 0);
        assert.deepEqual(
          named.filter((title) => title !== undefined && !titles.includes(title)),
          [],
        );
      });
    });
  }
});

describe('the check of texts', () => {
  let folder: string;
  before(() => {
    folder = temporaryFolder();
    mkdirSync(join(folder, 'ui'));
  });
  const write = (text: string) => {
    writeFileSync(join(folder, 'ui', 'part.ts'), `import { t } from '@vscode/l10n';\n${text}\n`);
  };

  const faulty: [name: string, code: string, fault: RegExp][] = [
    ['a message that is not a literal', 'const f = (a: string) => t(a);', /not a literal/],
    ['a template with values', 'const f = (a: string) => t`Size ${a}`;', /not a literal/],
    ['a missing argument', "const f = () => t('Size {0}');", /0 arguments/],
    ['a constant of a module', "const SIZE = t('Size');", /before the language is known/],
  ];
  for (const [name, code, fault] of faulty) {
    it(`finds ${name}`, () => {
      write(code);
      assert.match(messagesIn(folder).faults.join('\n'), fault);
    });
  }

  const english = [
    "item.tooltip = 'Sizes';",
    "showInformationMessage('Done');",
    "const row = { label: isOn ? 'On' : '' };",
    "html('h2', {}, ['Latency']);",
    'const text = `size ${name} of all`;',
    'const text = `Size: ${name}`;',
  ];
  for (const code of english) {
    it(`finds English in ${code}`, () => {
      write(code);
      assert.equal(untranslatedIn(folder).length, 1);
    });
  }

  const fine = [
    "const f = () => (item.tooltip = t('Sizes'));",
    "log.info('a request was dropped');",
    "throw new Error('there is no size');",
    "html('circle', { class: 'mark now' });",
    "type State = 'off here';\nconst off = state === 'off here';",
    "const row = { label: 'MatCoder' };",
  ];
  for (const code of fine) {
    it(`accepts ${code}`, () => {
      write(code);
      assert.deepEqual([...untranslatedIn(folder), ...messagesIn(folder).faults], []);
    });
  }

  it('takes a message with its comment', () => {
    write("const f = () => t({ message: 'on {0}', args: [1], comment: ['mains', ' power'] });");
    assert.deepEqual(messagesIn(folder).messages.map(keyOf), ['on {0}/mains power']);
  });
});
