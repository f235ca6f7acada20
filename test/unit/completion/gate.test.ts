import assert from 'node:assert/strict';
import { english, verbatim } from '../../../src/localisation/phrase';
import { gate, type GateCause, type GateInput } from '../../../src/completion/gate';

const open: GateInput = {
  explicit: false,
  enabled: true,
  scheme: 'file',
  languageId: 'typescript',
  cursors: 1,
  hasSelection: false,
  lineLength: 20,
  lineSuffix: '',
};

describe('the gate', () => {
  const cases: [string, Partial<GateInput>, GateCause | undefined, RegExp?][] = [
    ['opens at the end of a line', {}, undefined],
    ['opens before closing brackets', { lineSuffix: ') });' }, undefined],
    ['opens for untitled and remote documents', { scheme: 'vscode-remote' }, undefined],
    ['closes before code', { lineSuffix: ' + b;' }, 'code follows', /^code follows/],
    ['opens before code if asked by hand', { lineSuffix: ' + b;', explicit: true }, undefined],
    ['closes if completion is off', { enabled: false }, 'language off', /off for typescript/],
    ['opens by hand even if completion is off', { enabled: false, explicit: true }, undefined],
    ['closes with several cursors', { cursors: 2 }, 'several cursors', /more than one cursor/],
    ['closes with a selection', { hasSelection: true }, 'selection', /selected/],
    ['closes in an output panel', { scheme: 'output' }, 'read-only document', /scheme output/],
    [
      'closes in an ignored file, even by hand',
      { closed: verbatim('ignored'), explicit: true },
      'closed file',
      /^ignored$/,
    ],
    [
      'closes in a line of a megabyte, even by hand',
      { lineLength: 1e6, explicit: true },
      'long line',
      /longer than 2000/,
    ],
  ];
  for (const [name, change, cause, reason = /./] of cases) {
    it(name, () => {
      const found = gate({ ...open, ...change });
      assert.equal(found?.cause, cause);
      if (found) assert.match(english(found.reason), reason);
    });
  }

  /** By language, texts that may follow the cursor while typing, and texts that may not. */
  const rests: Record<string, { closing: string[]; code: string[] }> = {
    html: {
      closing: ['</a></li>', '" />', ' -->', ' %}', ' }}', ' -%}', '></p>', ' #}', '">'],
      code: ['<b>', 'word</a>', '% of it', '</a> and more'],
    },
    xml: { closing: ['</name>', ' -->', '/>', '?>'], code: ['<a/>', 'a</name>'] },
    vue: { closing: ['</template>', ' }}</p>', '"></b>'], code: ['<b />'] },
    typescriptreact: { closing: ['</b>;', '} />', ' */}', '</>'], code: ['<b />', ' && b'] },
    typescript: { closing: [' */', ') });', "',"], code: [' => a', '</a>', ' + b', ' {'] },
    css: { closing: [' */', ');', ' }'], code: [' red;', '</style>'] },
    java: { closing: [' */', '));', '>>'], code: [' {', '*/ int a'] },
    python: { closing: ['"""', '):', ']'], code: [' + b', '*/', ' # why'] },
    lua: { closing: [']]', ')'], code: [' then', '*/'] },
    haskell: { closing: [' -}', ')'], code: ['*/'] },
    erb: { closing: [' %>', '</li>'], code: ['<%= a %>'] },
    'jinja-html': { closing: [' %}', ' }}</b>'], code: ['{{ a }}'] },
    markdown: { closing: ['**', '`', ')', '_', '-->'], code: [' word', '](a'] },
    latex: { closing: ['$', String.raw`\)`, '}'], code: [String.raw`\alpha`] },
    php: { closing: [' */', ');'], code: [' => 1'] },
  };
  for (const [languageId, { closing, code }] of Object.entries(rests)) {
    for (const lineSuffix of closing)
      it(`opens before ${JSON.stringify(lineSuffix)} in ${languageId}`, () => {
        assert.equal(gate({ ...open, languageId, lineSuffix }), undefined);
      });
    for (const lineSuffix of code)
      it(`closes before ${JSON.stringify(lineSuffix)} in ${languageId}`, () => {
        assert.equal(gate({ ...open, languageId, lineSuffix })?.cause, 'code follows');
      });
  }

  it('examines a long rest of a line in linear time', () => {
    const long = '*_)`"'.repeat(300);
    for (const languageId of ['markdown', 'html', 'typescriptreact', 'latex'])
      assert.equal(gate({ ...open, languageId, lineSuffix: `${long}x` })?.cause, 'code follows');
  });
});
