import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BUDGET, buildPrompt } from '../../../../src/completion/prompt/prompt';
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
  let tokenizer: Tokenizer;
  before(async () => {
    ({ tokenizer } = await small());
  });
  const build = (prefix: string, suffix: string, room = 900, prefixStart = 0) => [
    ...buildPrompt(tokenizer, { path: 'src/a.ts', prefix, prefixStart, suffix }, room).tokens,
  ];

  it('has the path, then the suffix, then the prefix', () => {
    const { special } = tokenizer;
    const prompt = build('let x = ', ';\n');
    assert.deepEqual(
      [prompt[0], prompt.indexOf(special.fimSuffix), prompt.at(-1)],
      [special.fileSeparator, 1 + tokenizer.encode('src/a.ts\n').length, special.fimMiddle],
    );
    assert.equal(tokenizer.decode(prompt.slice(prompt.indexOf(special.fimPrefix) + 1, -1)), 'let x =');
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
    const { special } = tokenizer;
    const prefix = tokenizer.decode(whole.slice(whole.indexOf(special.fimPrefix) + 1, -1));
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
        buildPrompt(counted, { path: 'a.md', prefix: text, prefixStart: 0, suffix: '\n' }, 900, () => '');
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
    const { special } = tokenizer;
    const prompt = build('', code(100));
    const suffix = tokenizer.decode(
      prompt.slice(prompt.indexOf(special.fimSuffix) + 1, prompt.indexOf(special.fimPrefix)),
    );
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
      tokenizer.decode(buildPrompt(tokenizer, excerpt, 900, undefined, budget).tokens);
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
      tokenizer.decode(buildPrompt(tokenizer, { ...excerpt, snippets: quoted }, room, () => '').tokens);
    assert.ok(textOf(900, snippets).endsWith('<|fim_prefix|>next();\nbest();\nlet x =<|fim_middle|>'));
    assert.equal(textOf(17, snippets), textOf(900, []));
  });
});
