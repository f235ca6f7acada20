import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BUDGET, buildPrompt } from '../../../../src/completion/prompt/prompt';
import type { Checkpoint } from '../../../../src/matlm/checkpoint';
import type { PromptFormat } from '../../../../src/matlm/promptFormat';
import { Tokenizer } from '../../../../src/matlm/tokenizer';
import { AutoClosed } from '../../../../src/replay/autoClosed';
import { MODEL, ROOT, small } from '../../model';

const code = (lines: number) => Array.from({ length: lines }, (_, i) => `const value${i} = compute(${i});\n`).join('');
const common = (a: readonly number[], b: readonly number[]) => {
  let n = 0;
  while (n < a.length && a[n] === b[n]) n++;
  return n;
};

describe('the prompt', () => {
  let checkpoint: Checkpoint;
  let tokenizer: Tokenizer;
  /** The ids of the tokens between the parts. */
  let marks: Required<Pick<PromptFormat['tokens'], 'prefix' | 'suffix' | 'middle' | 'file'>>;
  before(async () => {
    checkpoint = await small();
    ({ tokenizer } = checkpoint);
    marks = checkpoint.prompt.tokens as typeof marks;
  });
  const build = (prefix: string, suffix: string, room = 900, prefixStart = 0) => [
    ...buildPrompt(checkpoint, { path: 'src/a.ts', prefix, prefixStart, suffix }, room).tokens,
  ];

  it('has the path, then the suffix, then the prefix', () => {
    const prompt = build('let x = ', ';\n');
    assert.deepEqual(
      [prompt[0], prompt.indexOf(marks.suffix), prompt.at(-1)],
      [marks.file, 1 + tokenizer.encode('src/a.ts\n').length, marks.middle],
    );
    assert.equal(tokenizer.decode(prompt.slice(prompt.indexOf(marks.prefix) + 1, -1)), 'let x =');
  });

  it('only grows at its end while the user types, except for a few steps of the window', () => {
    const before = code(200);
    let previous: number[] | undefined;
    let rebuilt = 0;
    for (let typed = 0; typed < 900; typed++) {
      const prompt = build(before + code(40).slice(0, typed), '\nend();\n');
      // The last tokens may merge with the typed text, and the end mark moves.
      if (previous && common(previous, prompt) < previous.length - 24) rebuilt++;
      previous = prompt;
    }
    // 900 characters: at most one step of 1000, and four of 250 if the text is as dense as this.
    assert.ok(rebuilt <= 5, `the window moved ${rebuilt} times`);
  });

  it('begins its window at a line start, wherever the excerpt begins', () => {
    const document = code(200);
    const whole = build(document, '');
    assert.deepEqual(build(document.slice(2000), '', 900, 2000), whole);
    const prefix = tokenizer.decode(whole.slice(whole.indexOf(marks.prefix) + 1, -1));
    assert.match(prefix, /^const value/);
    assert.ok(prefix.length >= 1100 && prefix.length <= 2200, `${prefix.length} characters`);
  });

  it('fits into its room, however dense the text', () => {
    for (const text of ['世界'.repeat(3000), 'x'.repeat(1e6), '0123456789'.repeat(2000), code(500)]) {
      for (const room of [900, 300, 40]) assert.ok(build(text, text, room).length <= room);
    }
  });

  it('takes the widest window that fits, however dense the text', () => {
    const texts = [
      code(500),
      '世界'.repeat(900),
      '0123456789'.repeat(300),
      `${code(30)}${'世'.repeat(700)}${code(20)}`,
    ];
    for (const text of texts) {
      // Each window is the widest that fits for some room.
      const rooms = Array.from({ length: 100 }, (_, i) => 20 + 12 * i);
      const lengths = rooms.map((room) => build(text, '', room).length);
      for (const [i, room] of rooms.entries()) {
        const widest = Math.max(...lengths.filter((length) => length <= room));
        assert.equal(lengths[i], widest, `${text.slice(0, 9)} in a room of ${room}`);
      }
    }
  });

  it('is encoded as fast for a key in a line of thousands of characters as in a short one', async () => {
    const json = JSON.parse(await readFile(join(MODEL, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;
    const lines = {
      CJK: (i: number) => String.fromCharCode(0x4e00 + ((i * 7919) % 5000)),
      letters: (i: number) => 'token'.charAt(i % 5),
      code: (i: number) => `foo(a, Bar[${i % 7}]); `.charAt(i % 17),
      blanks: () => ' ',
    };
    for (const [name, character] of Object.entries(lines)) {
      const counted = new Tokenizer('tokenizer.json', json);
      let text = code(20);
      for (let i = 0; i < 2000; i++) text += character(i);
      const costs: number[] = [];
      for (let typed = 0; typed < 300; typed++) {
        text += character(2000 + typed);
        const before = counted.encodedCharacters;
        buildPrompt(
          { ...checkpoint, tokenizer: counted },
          { path: 'a.md', prefix: text, prefixStart: 0, suffix: '\n' },
          900,
          () => '',
        );
        costs.push(counted.encodedCharacters - before);
      }
      costs.shift(); // the whole line, once
      costs.sort((a, b) => a - b);
      const [p50, p99, most] = [costs[150]!, costs[295]!, costs.at(-1)!];
      assert.ok(p50 <= 200 && p99 <= 500, `${name}: ${p50} characters a key at the median, ${p99} at most keys`);
      assert.ok(most <= 2500, `${name}: ${most} characters when the window moves`);
    }
  });

  it('ends the suffix at a line end', () => {
    const prompt = build('', code(100));
    const suffix = tokenizer.decode(prompt.slice(prompt.indexOf(marks.suffix) + 1, prompt.indexOf(marks.prefix)));
    assert.match(suffix, /;\n$/);
    assert.ok(suffix.length <= 500);
  });

  it('has less than 8 new tokens per key, at the median, in an editor that closes brackets by itself', async () => {
    const text = await readFile(join(ROOT, 'examples', 'src', 'report.ts'), 'utf8');
    const half = text.indexOf('\n', text.length / 2) + 1;
    const costs: number[] = [];
    let previous: readonly number[] = [];
    const closed = new AutoClosed('typescript');
    for (let typed = 0; typed < half; typed++) {
      const prompt = build(text.slice(0, typed), closed.text + text.slice(half));
      const line = text.slice(text.lastIndexOf('\n', typed - 1) + 1, typed);
      closed.typed(text.charAt(typed), line, text.slice(typed + 1));
      // The engine always computes the last token again, because its logits are needed.
      costs.push(Math.max(1, prompt.length - common(previous, prompt)));
      previous = prompt;
    }
    costs.sort((a, b) => a - b);
    const median = costs[Math.floor(costs.length / 2)]!;
    assert.ok(median < 8, `${median} tokens`);
    assert.ok(costs[Math.floor(0.95 * costs.length)]! < 16, 'and seldom more than twice that');
  });

  it('does not show closing marks that the editor inserts on the rest of the line', () => {
    for (const closers of [')', '}', '])', "'", '")', '`)}', '</a>', '}</b></p>', ' */']) {
      assert.deepEqual(build('f(', `${closers}\nend();\n`), build('f(', '\nend();\n'), closers);
    }
    for (const rest of [');', ') {', ', b)', "'a'", 'x)', '<b>', '</a> b', ' */ b']) {
      assert.notDeepEqual(build('f(', `${rest}\nend();\n`), build('f(', '\nend();\n'), rest);
    }
  });

  it('keeps the imports if the window begins below them', () => {
    const imports = "import { compute } from '../compute';\n";
    const budget = { ...BUDGET, importChars: 600 };
    const textOf = (excerpt: Parameters<typeof buildPrompt>[1]) =>
      tokenizer.decode(buildPrompt(checkpoint, excerpt, 900, undefined, budget).tokens);
    const document = imports + code(200);
    const excerpt = { path: 'a.ts', prefix: document, prefixStart: 0, suffix: '' };
    assert.ok(textOf(excerpt).includes(`<|fim_prefix|>${imports}const value`));
    const later = { ...excerpt, prefix: document.slice(2000), prefixStart: 2000, head: document.slice(0, 1000) };
    assert.equal(textOf(later), textOf(excerpt), 'wherever the excerpt begins');
    assert.equal(textOf({ ...excerpt, prefix: imports }).split(imports.trim()).length, 2, 'and says nothing twice');
  });

  it('begins the prefix with snippets of other files, the best nearest, and drops them if room is short', () => {
    const snippets = [
      { path: 'best.ts', text: 'best();' },
      { path: 'next.ts', text: 'next();' },
      { path: 'long.ts', text: 'x'.repeat(5000) },
    ];
    const excerpt = { path: 'a.ts', prefix: 'let x =', prefixStart: 0, suffix: '' };
    const textOf = (room: number, quoted: typeof snippets) =>
      tokenizer.decode(buildPrompt(checkpoint, { ...excerpt, snippets: quoted }, room, () => '').tokens);
    assert.ok(textOf(900, snippets).endsWith('<|fim_prefix|>next();\nbest();\nlet x =<|fim_middle|>'));
    assert.equal(textOf(17, snippets), textOf(900, []));
  });

  describe('of another model', () => {
    const excerpt = { path: 'src/a.ts', prefix: 'let x =', prefixStart: 0, suffix: ';\nend();\n' };
    /** @param change of our own model's format */
    const laidOut = (change: Partial<PromptFormat>, excerptChange: object = {}, room = 900, budget = BUDGET) => {
      const dialect = { tokenizer, prompt: { ...checkpoint.prompt, ...change } };
      return buildPrompt(dialect, { ...excerpt, ...excerptChange }, room, () => '', budget);
    };
    const textOf = (...args: Parameters<typeof laidOut>) => tokenizer.decode(laidOut(...args).tokens);

    it('has the prefix, then the suffix, in the order PSM', () => {
      const prompt = laidOut({ order: 'psm' });
      assert.equal(
        tokenizer.decode(prompt.tokens),
        '<|file_sep|>src/a.ts\n<|fim_prefix|>let x =<|fim_suffix|>;\nend();\n<|fim_middle|>',
      );
      assert.equal(prompt.tokens[prompt.textEnd], marks.suffix);
    });

    it('has the middle’s token before the prefix if the middle continues it directly', () => {
      const prompt = laidOut({ order: 'joined' });
      assert.equal(
        tokenizer.decode(prompt.tokens),
        '<|file_sep|>src/a.ts\n<|fim_prefix|><|fim_suffix|>;\nend();\n<|fim_middle|>let x =',
      );
      assert.equal(prompt.textEnd, prompt.tokens.length);
    });

    it('is the prefix alone if the model cannot fill in', () => {
      const none = { order: 'none', tokens: { file: marks.file } } as const;
      const prompt = laidOut(none);
      assert.equal(tokenizer.decode(prompt.tokens), '<|file_sep|>src/a.ts\nlet x =');
      assert.equal(prompt.textEnd, prompt.tokens.length);
      assert.equal(textOf({ ...none, hasHeader: false }), 'let x =');
    });

    it('has at least one token', () => {
      const prompt = laidOut({ order: 'none', hasHeader: false, tokens: {} }, { prefix: '' });
      assert.deepEqual(prompt.tokens, checkpoint.prompt.stop.slice(0, 1));
    });

    it('begins with the token that the model wants first', () => {
      for (const order of ['spm', 'joined', 'psm', 'none'] as const) {
        const { tokens } = laidOut({ order, tokens: { ...marks, begin: 7 } });
        assert.deepEqual(tokens.slice(0, 2), [7, marks.file], order);
      }
    });

    it('has no header, or the path without a token, if the model knows none', () => {
      assert.equal(textOf({ hasHeader: false }), '<|fim_suffix|>;\nend();\n<|fim_prefix|>let x =<|fim_middle|>');
      const { prefix, suffix, middle } = marks;
      assert.ok(textOf({ tokens: { prefix, suffix, middle } }).startsWith('src/a.ts\n<|fim_suffix|>'));
    });

    it('may have no token for the middle', () => {
      const { prefix, suffix } = marks;
      assert.ok(textOf({ tokens: { prefix, suffix } }).endsWith('<|fim_prefix|>let x ='));
    });

    it('fits into its room in every order', () => {
      for (const order of ['spm', 'joined', 'psm', 'none'] as const)
        for (const room of [900, 300, 40]) {
          const { tokens } = laidOut({ order }, { prefix: code(500), suffix: code(500) }, room);
          assert.ok(tokens.length <= room, `${tokens.length} tokens of ${order} in a room of ${room}`);
        }
    });

    it('keeps the tokens of the earlier prefix in the order PSM while the user types', () => {
      const before = code(30);
      let previous = laidOut({ order: 'psm' }, { prefix: before });
      for (const typed of ['const', ' y', ' =', ' compute']) {
        const next = laidOut({ order: 'psm' }, { prefix: before + typed });
        assert.ok(common(previous.tokens, next.tokens) >= previous.textEnd - 8, typed);
        previous = next;
      }
    });

    it('has whole lines of the suffix within a number of tokens, or a part of its first line', () => {
      const suffix = '\nshort();\n' + code(20);
      for (const suffixTokens of [4, 16, 40, 100, 1000]) {
        const { tokens, textEnd } = laidOut({ order: 'psm' }, { suffix }, 900, { ...BUDGET, suffixTokens });
        const after = tokens.slice(textEnd + 1, -1);
        assert.ok(after.length <= suffixTokens, `${after.length} of ${suffixTokens}`);
        const text = tokenizer.decode(after);
        assert.ok(suffix.startsWith(text) && text.endsWith('\n'), JSON.stringify(text));
      }
      const { tokens, textEnd } = laidOut({ order: 'psm' }, { suffix: 'x'.repeat(400) }, 900, {
        ...BUDGET,
        suffixTokens: 16,
      });
      assert.equal(tokens.length - textEnd - 2, 16);
    });
  });
});
