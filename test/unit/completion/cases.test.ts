import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cursorOf, type IndentOptions } from '../../../src/completion/cursor';
import { trimAt } from '../../../src/completion/filters';
import { gate } from '../../../src/completion/gate';
import { type CompletionRequest, requestIn } from '../../../src/completion/request';
import { Grammars } from '../../../src/completion/syntax/grammars';
import { SyntaxByGrammar } from '../../../src/completion/syntax/shape';
import { ROOT } from '../model';

const FOLDER = join(ROOT, 'test', 'cases');

/** The model's output at the cursor, and the text that is shown of it. */
interface Answer {
  readonly explicit: boolean;
  readonly indent: IndentOptions | undefined;
  readonly written: string;
  readonly shown: string | undefined;
}

function readCase(file: string) {
  const text = readFileSync(join(FOLDER, file), 'utf8').replaceAll('\r\n', '\n').replaceAll('⇥', '\t');
  const [place = '', ...answers] = text.split(/^=== /m);
  const [, path = '', languageId = '', document = ''] = /^(\S+) (\S+)\n([^]*)\n$/.exec(place) ?? [];
  const [before, after] = document.split('█');
  assert.ok(before !== undefined && after !== undefined, `${file}: there is no cursor`);
  return { path, languageId, before, after, answers: answers.map(readAnswer) };
}

function readAnswer(section: string): Answer {
  const match = /^(unasked|by hand)(?: (tabs|spaces) (\d))?, the model writes\n([^]*)□\n--- shown\n([^]*)□\n$/.exec(
    section,
  );
  assert.ok(match, `this is no answer: ${section}`);
  const [, way, kind, size, written = '', shown] = match;
  return {
    explicit: way === 'by hand',
    indent: kind === undefined ? undefined : { tabSize: Number(size), insertSpaces: kind === 'spaces' },
    written,
    shown: shown === '█' ? undefined : shown,
  };
}

describe('a case', () => {
  const grammars = new Grammars(join(ROOT, 'dist', 'grammars'));
  const syntax = new SyntaxByGrammar(grammars);

  after(() => {
    grammars.dispose();
  });

  /** The inserted text and the replaced one. If the text is decoded word by word, the filters stop it. */
  async function show(request: CompletionRequest, written: string): Promise<string | undefined> {
    assert.equal(gate(request), undefined);
    await grammars.load(request.languageId);
    const shape = await syntax.shapeAt(request.languageId, request, request.explicit);
    const trim = trimAt(cursorOf(request, shape.block, shape));
    const ends = Array.from({ length: written.length }, (_, i) => i + 1);
    const stop = ends.find((n) => trim(written.slice(0, n), true).isComplete);
    return trim(written.slice(0, stop), false).suggestion?.text;
  }

  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
    const { path, languageId, before, after: behind, answers } = readCase(file);
    for (const { explicit, indent, written, shown } of answers) {
      it(`${file}, ${explicit ? 'by hand' : 'while typing'}, of ${JSON.stringify(written)}`, async () => {
        const request = { ...requestIn(path, before, behind, explicit), languageId, indent };
        assert.equal(await show(request, written), shown);
      });
    }
  }

  it('is gated while typing if code follows on the line', () => {
    const { path, before, after: behind } = readCase('13-mid-line-by-hand.txt');
    assert.equal(gate(requestIn(path, before, behind))?.cause, 'code follows');
  });
});
