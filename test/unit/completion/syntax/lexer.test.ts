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
  csharp: [
    ['f(@"C:\\", $"{a}"', ['(']],
    ['f(@"C:\\ ""(""\n", $@"{a} ""', ['(', '$@"']],
  ],
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
    ["echo 'it'\\''s' {", ['{']],
    ["grep \\'a {", ['{']],
    ['a=$(( 1 << shift ))\nif (', ['(']],
    ['cat <<< "bar" {', ['{']],
    ['cat <<<bar\nb {', ['{']],
    ["a=$'it\\'s' {", ['{']],
    ['echo a #[ (', ['#']],
  ],
  yaml: [
    ['a: [https://b.c/d', ['[']],
    ["a: don't (b\nc: [", ['[']],
    ["a: 'it''s [", ["'"]],
    ['a: b #(\nc: {', ['{']],
    ["a: rock 'n roll\nb: [", ['[']],
    ['a: yes, "no\nb: [', ['[']],
    ['- - "a: [', ['"']],
    ["- !b 'it''s", ["'"]],
    ['a: {"b":"[", c: [', ['{', '[']],
  ],
  css: [['a { background: url(https://b.c/d', ['{', '(']]],
  scss: [['// a (\n.b {', ['{']]],
  json: [['{"a": "https://b.c/(", "d": [', ['{', '[']]],
  sql: [
    ["select 'it''s (' from (", ['(']],
    ["select 'it\\'s (' from (", ['(']],
    ["select 'C:\\' from (", ['(']],
  ],
  lua: [
    ['--[[ (\n]] f(a, [[(', ['(', '[[']],
    ['a = [==[ ]] ( ]==] f(', ['(']],
    ["--[==[ it's\n( ]==] {", ['{']],
  ],
  ruby: [
    ['puts "a #{f("(', ['"', '#{', '(', '"']],
    ["a =~ /'/\nf(", ['(']],
    ["if /it's (/ =~ a\n  f(", ['(']],
    ["a.scan /'/\nf(", ['(']],
    ['a = b / c; f(d / e', ['(']],
    ["a = <<~TEXT\n  it's (\nTEXT\nf(", ['(']],
    ["%w[it's (] + %r{'}; f(", ['(']],
    ["=begin\nit's (\n=end\nf(", ['(']],
  ],
  perl: [
    ["if ($a =~ /'/) {", ['{']],
    ["if ($a =~ m/'/) {", ['{']],
    ['$a =~ s/\'/"/g; f(', ['(']],
    ["my @a = qw(it's b); f(", ['(']],
    ['print <<"EOT";\n it\'s (\nEOT\nf(', ['(']],
    ["=pod\n\nit's (\n\n=cut\n\nf(", ['(']],
    ['$h{q}; $m{a}; f(', ['(']],
    ['my $b = $a / 2; f($c / 3', ['(']],
  ],
  php: [
    ["<p>It's \"5'</p>\n<?php f(", ['(']],
    ["<?php if ($a): ?>\n<p>It's \"5'</p>\n<?php f(", ['(']],
    ["<?php if ($a) { // it ?>\n<p>It's (", ['{', '?>']],
    ['<?php if ($a) { ?>(<?php } f(', ['(']],
    ["$a = <<<EOT\n it's (\n  EOT;\nf(", ['(']],
    ['f("a', ['(', '"']],
    ['#[A]\nf(', ['(']],
  ],
  swift: [['let a = #"say "(" \\"#; f(', ['(']]],
  dart: [["f(r'C:\\', [", ['(', '[']]],
  haskell: [["f (foldl' '[a] (", ['(', '(']]],
  ocaml: [
    ["let f (a : 'a list) = (", ['(']],
    ['let a = {q|say "(|q} in (', ['(']],
  ],
  julia: [["f((a * b)' * (", ['(', '(']]],
  elixir: [['a =~ ~r/it\'s "/; f(', ['(']]],
  clojure: [['(f \\" \\( [', ['(', '[']]],
  powershell: [["$a = @'\nit's (\n'@\nf(", ['(']]],
  cmake: [['f([=[ it "( ]=] \\" "a', ['(', '"']]],
  dockerfile: [['RUN echo \\" && (', ['(']]],
  makefile: [["a:\n\techo $$b it's $(c", ['(']]],
  toml: [["a = 'C:\\'\nb = [", ['[']]],
  kotlin: [['val a = \"""it "(" \\\"""; f(', ['(']]],
  groovy: [["a =~ /it's (/; f(", ['(']]],
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

  it('reads a long list of names before a bracket in the time of its length', () => {
    const names = Array.from({ length: 34 }, () => 'name').join(' | ');
    const { closers } = scan(`case a in\n${names} )`, lexiconOf('shellscript'));
    assert.deepEqual(closers, []);
    assert.equal(scan(`case a in\n${names} a b )`, lexiconOf('shellscript')).closers.length, 1);
  });

  it('scans odd text to its end in every language of the table', () => {
    const odd = `\\'"\`/**/<!--{%<a b='\n\`\`\`\n<<EOF\n#{$(\${[[--[["""'''//#`.repeat(3);
    for (const languageId of ['rust', 'html', 'markdown', 'shellscript', 'lua', 'ruby', 'yaml', 'csharp', 'unheard-of'])
      assert.equal(scan(odd, lexiconOf(languageId)).code.length, odd.length, languageId);
  });
});
