import assert from 'node:assert/strict';
import { scan } from '../../../../src/completion/syntax/lexer';
import { lexiconOf } from '../../../../src/completion/syntax/lexicon';

/** By language, texts and the items that are open at their ends. */
const open: Record<string, [string, string[]][]> = {
  rust: [
    ["fn f<'a>(b: &'a str", ['(']],
    ["let a = '(';", []],
    [String.raw`let a = '\'' ; f(`, ['(']],
    ['let a = r#"( " ("#; [', ['[']],
    ['let a = "one\n(two";', []],
    ['/* /* */ ( */ {', ['{']],
    ["'outer: loop {", ['{']],
  ],
  cpp: [
    ["f(1'000, 2'000'000", ['(']],
    ["f('(', L'[', u8'{'", ['(']],
    ['auto a = R"x(( ")" )x"; {', ['{']],
    ['f(0xFF\'FF, "\\"("', ['(']],
  ],
  c: [["char a = '", ["'"]]],
  java: [
    ["f(1_000, '\\u0028', '('", ['(']],
    ['String a = """\n  ( "quoted" (\n  """; {', ['{']],
  ],
  csharp: [['f(@"C:\\", $"{a}"', ['(']]],
  go: [["f('(', `[\n{`", ['(']]],
  python: [
    ['f(a // 2', ['(']],
    ['f(rb\'(\', f"["', ['(']],
    ['"""(\n"" (', ['"""']],
    ["# don't (\n[", ['[']],
  ],
  typescript: [
    ['const a = `(${f(`[${b', ['`', '${', '(', '`', '${']],
    ["a.replace(/['(\\]]/g, ''", ['(']],
    ['const a = b / c; f(d / e', ['(']],
    ["fetch('https://a.b/(', [", ['(', '[']],
    ['f( // https://a.b (', ['(', '//']],
    ['/* ( */ {', ['{']],
  ],
  javascriptreact: [
    ["return <p>Don't {f(a", ['<p>', '{', '(']],
    ["return (\n  <ul>\n    <li>1) it's <b>a</b>", ['(', '<ul>', '<li>']],
    ['a = <Input value={b} onChange={', ['<Input', '{']],
    ['a = <><b/>(', ['<>']],
    ['a = <><b/></>; f(', ['(']],
    ['{items.map((item) => <li>{item}</li>)}; if (a < b && c > (', ['(', '(']],
  ],
  typescriptreact: [
    ['const f = <T,>(a: T', ['(']],
    ['const a = useState<string>(', ['(']],
    ['const f = <T extends U>(a', ['(']],
  ],
  shellscript: [
    ['echo "a $(b "(" ${c', ['"', '$(', '{']],
    ['case "$1" in\n  start | stop) f', []],
    ["cat <<'EOF'\n( don't\nEOF\n{", ['{']],
    ['echo $# a#( b', ['(']],
    ['echo a # (', ['#']],
    ['curl https://a.b/$(c', ['(']],
  ],
  yaml: [
    ['a: [https://b.c/d', ['[']],
    ["a: don't (b\nc: [", ['[']],
    ["a: 'it''s [", ["'"]],
    ['a: b #(\nc: {', ['{']],
  ],
  css: [['a { background: url(https://b.c/d', ['{', '(']]],
  scss: [['// a (\n.b {', ['{']]],
  json: [['{"a": "https://b.c/(", "d": [', ['{', '[']]],
  sql: [["select 'it''s (' from (", ['(']]],
  lua: [['--[[ (\n]] f(a, [[(', ['(', '[[']]],
  ruby: [['puts "a #{f("(', ['"', '#{', '(', '"']]],
  html: [
    ['<ul>\n<li>1) a <b>(</b>', ['<ul>', '<li>']],
    ['<!-- <b> ', ['<!--']],
    ['<p><br><img src="a>b">', ['<p>']],
    ['<script>f(a', ['<script>', '(']],
    ['<script>f(a)</script><p>', ['<p>']],
    ['{% for a in b', ['{%']],
    ['<a href="{{ f(a', ['<a', '"']],
    ['<Input value', ['<Input']],
  ],
  markdown: [
    ['1) a [b](c', []],
    ['```js\nf(a', ['```']],
    ['```js\nf(a\n```\n', []],
    ['---\ntitle: a', ['---']],
    ['---\ntitle: a\n---\n', []],
    ['a\n\n---\nb', []],
    ['- ~~~~\n  ~~~\n', ['~~~~']],
    ['<!-- a', ['<!--']],
  ],
};

describe('the lexer', () => {
  for (const [languageId, texts] of Object.entries(open))
    for (const [text, marks] of texts)
      it(`knows the open items behind ${JSON.stringify(text)} in ${languageId}`, () => {
        const found = scan(text, lexiconOf(languageId), { isStart: true });
        assert.deepEqual(
          found.open.map(({ opener }) => opener),
          marks,
        );
        assert.equal(found.code.length, text.length);
      });

  it('distinguishes marks that close items from before the text from stray ones', () => {
    const lexicon = lexiconOf('typescript');
    const before = scan("f(['a", lexicon).open;
    const { closers } = scan("b', (c)]);}", lexicon, { open: before, before: "f(['a" });
    assert.deepEqual(
      closers.map(({ text, depth }) => [text, depth]),
      [
        ["'", 2],
        [']', 1],
        [')', 0],
        ['}', undefined],
      ],
    );
  });

  it('treats stretches as text if a tree says so', () => {
    const odd = "#'(#";
    const text = `const a = ${odd}; f(`;
    const known = [{ start: text.indexOf(odd), end: text.indexOf(odd) + odd.length }];
    assert.deepEqual(
      scan(text, lexiconOf('typescript'), { known }).open.map(({ opener }) => opener),
      ['('],
    );
    assert.notDeepEqual(
      scan(text, lexiconOf('typescript')).open.map(({ opener }) => opener),
      ['('],
    );
  });

  it('scans odd text to its end in every language of the table', () => {
    const odd = `\\'"\`/**/<!--{%<a b='\n\`\`\`\n<<EOF\n#{$(\${[[--[["""'''//#`.repeat(3);
    for (const languageId of ['rust', 'html', 'markdown', 'shellscript', 'lua', 'ruby', 'yaml', 'csharp', 'unheard-of'])
      assert.equal(scan(odd, lexiconOf(languageId)).code.length, odd.length, languageId);
  });
});
