import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

const path = 'src/station.ts';
const head = "import { type Reading } from './reading';\r\n";

/** The typed text: line ends of Windows, tabs, brackets and quotes that the editor closes by itself. */
const lines = `
export class Station {
	private readonly readings: Reading[] = [];
	private readonly names = new Map<string, number>();

	constructor(
		readonly name: string,
		readonly limits: [number, number],
	) {
		this.names.set(name, 0);
	}

	add(reading: Reading): void {
		if (this.accepts(reading.temperature)) {
			this.readings.push(reading);
		}
	}

	accepts(value: number): boolean {
		const [low, high] = this.limits;
		return value >= low && value <= high;
	}

	mean(): number {
		let sum = 0;
		for (const reading of this.readings) {
			sum += reading.temperature;
		}
		return sum / this.readings.length;
	}

	describe(): string {
		const label = 'größte: ' + this.name;
		return label + ", " + String(this.mean());
	}

	clear(): void {
		this.readings.length = 0;
		this.names.clear();
	}
}`
  .slice(1)
  .split('\n');

const settings = {
  'editor.autoClosingBrackets': 'always',
  'editor.autoClosingQuotes': 'always',
  'editor.detectIndentation': false,
  'editor.insertSpaces': false,
  ...pinned,
};

/** Brackets and quotes of the line so far that the editor has closed right of the cursor. */
function isInsideBrackets(text) {
  const count = (pattern) => text.match(pattern)?.length ?? 0;
  return count(/[([{]/g) > count(/[)\]}]/g) || count(/'/g) % 2 === 1 || count(/"/g) % 2 === 1;
}

describeVSCode('Typing with completions on', { settings }, (vscode) => {
  it('gives the intended file, byte for byte, in spite of all suggestions', async () => {
    const { editor, workspace } = vscode;
    writeFileSync(join(workspace, path), head);
    await editor.openFile(path);
    await editor.press('Control+End');
    let accepted = 0;

    /** Takes the ghost text if the line continues with it; a user looks before pressing Tab. */
    async function acceptWhatFits(rest, requestsBefore) {
      await until('an answer in the pause', () => vscode.log.answersAfter(requestsBefore).length > 0);
      const { outcome } = vscode.log.answersAfter(requestsBefore).at(-1);
      if (!/^(shown|reused)/.test(outcome)) return 0;
      const ghost = await editor.awaitGhostText(5000).catch(() => ''); // the answer may be to the key before
      if (ghost.length < 3 || ghost.includes('\n') || !rest.startsWith(ghost)) return 0;
      if (isInsideBrackets(ghost)) return 0; // the editor does not close the brackets of a suggestion
      await editor.press('Tab');
      await until('the ghost text to become text', async () => (await editor.ghostText()) !== ghost);
      accepted++;
      return ghost.length;
    }

    for (const [index, line] of lines.entries()) {
      let text = line.trimStart();
      const closesBlock = /^[})\]]/.test(text);
      if (closesBlock) {
        // The editor has closed the bracket already, a line further down.
        await editor.press('ArrowDown');
        await editor.press('End');
        text = text.slice(1);
      } else if (index > 0) {
        await editor.press('Enter');
      }
      const pauses = [Math.floor(text.length / 3), Math.floor((2 * text.length) / 3)];
      for (let at = 0; at < text.length;) {
        const requestsBefore = vscode.log.requests().length;
        await editor.type(text[at], 0);
        await editor.page.waitForTimeout(40 + ((at * 37) % 60));
        at++;
        if (pauses.includes(at) && !isInsideBrackets(text.slice(0, at)))
          at += await acceptWhatFits(text.slice(at), requestsBefore);
      }
    }

    await editor.save(path);
    const written = readFileSync(join(workspace, path), 'utf8');
    const expected = head + lines.join('\r\n');
    assert.deepEqual(written.split('\r\n'), expected.split('\r\n'));
    assert.equal(written, expected);
    const requests = vscode.log.requests();
    assert.ok(requests.length > 100, `${requests.length} requests were made`);
    assert.ok(
      requests.every(({ outcome }) => !outcome.startsWith('failed')),
      'no request failed',
    );
    assert.ok(accepted > 0, 'suggestions were taken');
    console.log(`      ${accepted} suggestions were taken in ${lines.length} lines`);
  }).timeout(900_000);
});
