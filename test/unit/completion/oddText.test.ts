import assert from 'node:assert/strict';
import { join } from 'node:path';
import { phrase } from '../../../src/localisation/phrase';
import { cursorOf } from '../../../src/completion/cursor';
import { trimAt } from '../../../src/completion/filters';
import type { Outcome } from '../../../src/completion/outcome';
import { Pipeline } from '../../../src/completion/pipeline';
import { EXCERPT_PREFIX_CHARS, EXCERPT_SUFFIX_CHARS } from '../../../src/completion/prompt/prompt';
import type { CompletionRequest } from '../../../src/completion/request';
import { Grammars } from '../../../src/completion/syntax/grammars';
import { SyntaxByGrammar } from '../../../src/completion/syntax/shape';
import { CostModel } from '../../../src/governor/costs';
import { History } from '../../../src/governor/history';
import { UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { AUTO } from '../../../src/governor/settings';
import { TypingRhythm } from '../../../src/governor/typing';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { exampleConfig, ROOT, small } from '../model';
import { HandEngine, requestAt, settle } from './hand';

const LONG = 20_000;

describe('a completion in unusual text', () => {
  const grammars = new Grammars(join(ROOT, 'dist', 'grammars'));
  let checkpoint: Checkpoint;
  let engine: HandEngine;
  let pipeline: Pipeline;

  before(async () => {
    checkpoint = { ...(await small()), config: exampleConfig(), calibration: undefined };
    await grammars.load('typescript');
  });

  after(() => {
    grammars.dispose();
  });

  beforeEach(() => {
    let nowMs = 0;
    engine = new HandEngine((text) => checkpoint.tokenizer.encode(text));
    pipeline = new Pipeline({
      engine,
      checkpoint,
      costs: new CostModel(checkpoint.config, { XL: { prefillMsPerToken: 0.1, decodeMsPerToken: 1 } }),
      rhythm: new TypingRhythm(),
      history: new History(),
      syntax: new SyntaxByGrammar(grammars),
      settings: () => ({ ...AUTO, submodel: 'XL' }),
      eagerness: () => 'eager',
      onFault: (reason) => assert.fail(reason),
      machine: () => UNKNOWN_MACHINE,
      now: () => ++nowMs,
      wait: () => Promise.resolve(),
    });
  });

  const ask = (text: string, change: Partial<CompletionRequest> = {}) =>
    pipeline.complete(requestAt(text, change), new AbortController().signal);
  const textOf = (outcome: Outcome) => ('suggestion' in outcome ? outcome.suggestion.text : undefined);

  async function written(text: string, by: string, change: Partial<CompletionRequest> = {}): Promise<Outcome> {
    const outcome = ask(text, change);
    await settle();
    engine.write(by, 0.999);
    engine.end();
    return outcome;
  }

  /** The prompt's text before the cursor, with the healing prefix. */
  function readBeforeCursor(): string {
    const { request } = engine.requests.at(-1)!;
    const { tokenizer, prompt: format } = checkpoint;
    const start = request.prompt.indexOf(format.tokens.prefix!) + 1;
    return tokenizer.decode(request.prompt.slice(start, -1)) + (request.healingPrefix ?? '');
  }

  const rightToLeft: [string, string, string, string][] = [
    ['a Hebrew comment', '// מחזיר את █', 'הסכום של הרשימה', 'הסכום של הרשימה'],
    ['the middle of a Hebrew word', '// שלו█', 'ם עולם', 'ם עולם'],
    ['an Arabic string before its closing quote', 'const s = "مرحبا █";', 'بالعالم";', 'بالعالم'],
    ['Hebrew beside Latin', 'const a = f("שלום", █', 'b);', 'b);'],
    ['text with marks that turn its direction', 'log("\u202bשלום\u202c", █', 'x);', 'x);'],
  ];
  for (const [name, text, by, suggested] of rightToLeft) {
    it(`reads and writes in logical, not visual order: ${name}`, async () => {
      const outcome = await written(text, by);
      assert.equal(textOf(outcome), suggested);
      assert.equal(readBeforeCursor(), text.split('█')[0]);
    });
  }

  it('is typed along with in Hebrew, key by key', async () => {
    await written('// מחזיר את █', 'הסכום');
    assert.equal(textOf(await ask('// מחזיר את ה█')), 'סכום');
    assert.equal(textOf(await ask('// מחזיר את הס█')), 'כום');
    assert.equal(engine.requests.length, 1);
  });

  it('drops a Hebrew word that would be cut', async () => {
    const outcome = ask('// █');
    await settle();
    engine.write('return של', 0.999);
    engine.write('ום', 0.2);
    engine.end();
    assert.equal(textOf(await outcome)?.trimEnd(), 'return');
  });

  it('is not made in a line of 20,000 characters, even by hand', async () => {
    const line = `const data = [${'1, '.repeat(LONG / 3)}`;
    const excerpt = { prefix: line.slice(-EXCERPT_PREFIX_CHARS), prefixStart: line.length - EXCERPT_PREFIX_CHARS };
    for (const explicit of [false, true]) {
      const outcome = await ask('█', { ...excerpt, lineLength: line.length, explicit });
      assert.deepEqual(outcome, {
        kind: 'gated',
        cause: 'long line',
        reason: phrase('the line is longer than {0} characters', 2000),
      });
    }
    assert.equal(engine.requests.length, 0);
  });

  it('is made on the line after one of 20,000 characters, and before one, within the room for the prompt', async () => {
    const long = `const data = '${'abc,'.repeat(LONG / 4)}';\n`;
    const prefix = `${long}const a = `.slice(-EXCERPT_PREFIX_CHARS);
    const suffix = `\n${long}`.slice(0, EXCERPT_SUFFIX_CHARS);
    const prefixStart = long.length + 10 - prefix.length;
    const outcome = await written('█', 'f(x);', { prefix, suffix, prefixStart, lineSuffix: '' });
    assert.equal(textOf(outcome), 'f(x);');
    const { request } = engine.requests[0]!;
    assert.ok(request.prompt.length + request.maxTokens <= checkpoint.config.model.contextLength);
    assert.ok(readBeforeCursor().endsWith('const a = '));
  });

  it('is trimmed on a line of 20,000 characters like on any other', () => {
    const line = `f(${'a, '.repeat(LONG / 3)}`;
    const trim = trimAt(cursorOf({ prefix: line, suffix: ')\n', languageId: 'typescript' }, false));
    assert.deepEqual(trim('b);\nmore();', false).suggestion, { text: 'b);', replaces: 1 });
  });
});
