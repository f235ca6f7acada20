/**
 * Films MatCoder in a real VS Code: docs/media/matcoder.gif, or the file that is given as an argument. It types in the sample
 * project and takes a picture after each key, when the answer is there. The keys come at the pace of a hand in the film,
 * whatever time the pictures take; the figures in the status bar are those of the machine.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../scripts/lib/run.mjs';
import { encodeGif } from './gif.mjs';
import { keepEvidence, openVSCode } from './vscode.mjs';
import { until } from './wait.mjs';

const out = resolve(process.argv[2] ?? join(root, 'docs/media/matcoder.gif'));
const view = { width: 900, height: 460 };
const path = 'src/statistics.ts';

const settings = {
  'breadcrumbs.enabled': false,
  'editor.cursorBlinking': 'solid',
  'editor.fontSize': 15,
  'editor.lineHeight': 22,
  'editor.renderLineHighlight': 'none',
  'editor.scrollbar.horizontal': 'hidden',
  'editor.scrollbar.vertical': 'hidden',
  'matcoder.eagerness': 'eager',
  'editor.stickyScroll.enabled': false,
  'editor.overviewRulerBorder': false,
  'typescript.referencesCodeLens.enabled': false,
  'window.commandCenter': false,
  'window.customTitleBarVisibility': 'never',
  'workbench.activityBar.location': 'hidden',
  'workbench.editor.editorActionsLocation': 'hidden',
  'workbench.layoutControl.enabled': false,
};

/** Milliseconds in the film. */
const keyMs = 90;
const lookMs = 1100;
/** Milliseconds on the machine: the window of the engine's duty cycle, which matters if other programs use the processor. */
const restMs = 35_000;

/** Takes pictures of the window; each is shown for some time. */
class Camera {
  frames = [];

  constructor(page) {
    this.page = page;
  }

  async take(forMs) {
    this.frames.push({ png: await this.page.screenshot({ type: 'png' }), forMs });
  }
}

const keys = [{ key: 'alt+\\', command: 'editor.action.inlineSuggest.trigger' }];
const prepare = ({ data }) => writeFileSync(join(data, 'User/keybindings.json'), JSON.stringify(keys));

const vscode = await openVSCode({ settings, prepare });
try {
  const { editor } = vscode;
  const { page } = editor;
  const camera = new Camera(page);
  await page.setViewportSize(view);
  await editor.openFile(path);
  await editor.press('Control+B'); // the explorer
  await until('the files of the project to be known', () =>
    /workspace memory: (8|9|\d\d) files/.test(vscode.log.text()),
  );

  await editor.press('Control+End');
  await editor.press('Enter');
  for (let line = 0; line < 7; line++) await editor.press('Control+ArrowDown'); // room below the cursor

  /** Types a text, each key after the answer to the one before. */
  async function type(text, afterKey = () => {}) {
    for (const key of text) {
      const earlier = vscode.log.requests().length;
      await editor.type(key, 0);
      await until(`an answer after "${key}"`, () => vscode.log.answersAfter(earlier).length > 0);
      await sleep(150); // the editor draws it
      await afterKey();
    }
  }

  /** Asks by hand, with a key, so that no palette covers the window. */
  async function ask() {
    const earlier = vscode.log.requests().length;
    await editor.press('Alt+Backslash');
    await until('an answer', () => vscode.log.answersAfter(earlier).length > 0, 120_000);
    await sleep(500);
  }

  const filmKey = () => camera.take(keyMs);

  /** Films a pause in which the user reads the suggestion, and then takes it with Tab. */
  async function accept() {
    const ghost = await editor.awaitGhostText();
    await sleep(1000); // the status bar is updated a while later
    await camera.take(lookMs);
    console.log(`${await editor.statusText()}: ${JSON.stringify(ghost)}`);
    await editor.press('Tab');
    await until('the suggestion to be text', async () => (await editor.ghostText()) !== ghost);
    await sleep(600);
    await camera.take(4 * keyMs);
  }

  // The prompt is read before the film begins, and then the engine rests until its share of the processor is whole.
  await editor.type('e');
  await ask();
  await editor.press('Escape');
  await editor.press('Backspace');
  await sleep(restMs);
  await camera.take(6 * keyMs);
  await type('export function summarizeWind(', filmKey);
  await accept();
  await sleep(restMs);
  await type('\n', filmKey);
  await ask(); // by hand it is the largest size that answers within a second
  await accept();
  await camera.take(2 * lookMs);

  writeFileSync(out, encodeGif(camera.frames));
  const seconds = camera.frames.reduce((sum, { forMs }) => sum + forMs, 0) / 1000;
  console.log(
    `${out}: ${camera.frames.length} pictures, ${seconds.toFixed(1)} s, ${(readFileSync(out).length / 1e6).toFixed(2)} MB`,
  );
  console.log(
    vscode.log
      .requests()
      .map(({ id, outcome }) => `${id}: ${outcome.slice(0, 150)}`)
      .join('\n'),
  );
} catch (error) {
  await keepEvidence(vscode, 'the film');
  throw error;
} finally {
  await vscode.close();
}
