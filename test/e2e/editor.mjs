import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/lib/run.mjs';
import { until } from './wait.mjs';

const statusItem = '[id="matcoder.matcoder.matcoder.status"]';
const firstGhostLine = '.part.editor .monaco-editor .ghost-text-decoration';
const laterGhostLines =
  '.part.editor .monaco-editor .suggest-preview-text .view-line, .part.editor .monaco-editor .suggest-preview-text > div';
const quickInput = '.quick-input-widget:visible';
const inputError = `${quickInput} .quick-input-box .monaco-inputbox.error`;
const quickInputRows = `${quickInput} .quick-input-list .monaco-list-row`;

/** The workbench as a user at the keyboard sees it. */
export class Editor {
  /**
   * @param {import('playwright-core').Page} page
   * @param {string} workspace the folder that is open
   */
  constructor(page, workspace) {
    this.page = page;
    this.workspace = workspace;
  }

  /** Loads the workbench with the workspace open, and waits until the extension shows itself. */
  async openWindow(url) {
    await this.page.goto(`${url}/?folder=${encodeURIComponent(this.workspace)}`);
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 60_000 });
    await this.page.locator(statusItem).waitFor({ timeout: 60_000 });
  }

  async openFile(path) {
    await this.page.keyboard.press('Control+P');
    await this.page.locator(`${quickInput} .quick-input-box input`).fill(path);
    const name = path.split('/').at(-1);
    await this.page.locator(quickInputRows, { hasText: name }).first().waitFor();
    await this.page.keyboard.press('Enter');
    await this.page.locator('.tab.active', { hasText: name }).waitFor();
    await this.page.locator('.part.editor .monaco-editor .view-line').first().waitFor();
    await this.#idle();
  }

  /**
   * VS Code builds its inline suggestions lazily, at idle, after the first editor opens. Text typed before then
   * reaches no provider, which made one window in ten fail.
   */
  async #idle(rounds = 8) {
    await this.page.evaluate(async (count) => {
      for (let i = 0; i < count; i++) {
        await new Promise((resolve) => requestIdleCallback(resolve, { timeout: 5000 }));
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    }, rounds);
  }

  /** Begins a new line below a line of the file on disk, and types there. */
  async typeBelow({ path, below, skipLines = 0, typed }) {
    const lines = readFileSync(join(this.workspace, path), 'utf8').split('\n');
    const index = lines.findIndex((line) => line.includes(below));
    if (index < 0) throw new Error(`${path} has no line with ${JSON.stringify(below)}`);
    const line = index + 1 + skipLines;
    await this.press('Control+G');
    await this.page.locator(`${quickInput} .quick-input-box input`).fill(`:${line}`);
    await this.press('Enter');
    await this.page.locator(quickInput).waitFor({ state: 'hidden' });
    await this.#awaitCursor(line);
    await this.press('End');
    await this.press('Enter');
    await this.#awaitCursor(line + 1);
    await this.type(typed);
  }

  async #awaitCursor(line) {
    const position = this.page.locator('[id="status.editor.selection"]');
    const isThere = async () => (await position.innerText()).startsWith(`Ln ${line},`);
    await until(`the cursor to be in line ${line}`, isThere);
  }

  /** Types text, each key only after a request for the previous key has been answered. */
  async typeAnswered(text, log) {
    for (const key of text) {
      const earlier = log.requests().length;
      await this.type(key, 0);
      await until(`an answer after "${key}"`, () => log.answersAfter(earlier).length > 0);
    }
  }

  /** Types at the pace of a fast hand. */
  type(text, gapMs = 60) {
    return this.page.keyboard.type(text, { delay: gapMs });
  }

  /** Asks for a completion with VS Code's command, which has no key binding. */
  askForSuggestion() {
    return this.run('Trigger Inline Suggestion');
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  /** The ghost text that is shown, with its line breaks; empty if there is none. */
  async ghostText() {
    const [first, later] = await this.page.evaluate(
      ([firstLine, laterLines]) => {
        const text = (selector) =>
          [...document.querySelectorAll(selector)].map((element) => ({
            text: element.textContent,
            ...element.getBoundingClientRect().toJSON(),
          }));
        const byPlace = (a, b) => a.top - b.top || a.left - b.left;
        return [text(firstLine).sort(byPlace), text(laterLines).sort(byPlace)];
      },
      [firstGhostLine, laterGhostLines],
    );
    if (first.length + later.length === 0) return '';
    const lines = [first.map(({ text }) => text).join(''), ...later.map(({ text }) => text)];
    return lines.join('\n').replaceAll('\u00a0', ' ');
  }

  /** Waits until the same ghost text has been there for a while: its first drawing may not be its last. */
  async awaitGhostText(timeoutMs = undefined) {
    let text = '';
    let times = 0;
    return until(
      'ghost text',
      async () => {
        const now = await this.ghostText();
        times = now !== '' && now === text ? times + 1 : 0;
        text = now;
        return times >= 6 && text;
      },
      timeoutMs,
    );
  }

  /** Saves the active file and returns its contents on disk. */
  async save(path) {
    await this.press('Control+S');
    await until(`${path} to be saved`, async () => !(await this.page.locator('.tab.active.dirty').count()));
    return readFileSync(join(this.workspace, path), 'utf8');
  }

  /** Reverts the active file to its contents on disk. */
  async revert() {
    await this.run('File: Revert File');
    await until('the file to be as on disk', async () => !(await this.page.locator('.tab.active.dirty').count()));
  }

  /** Runs a command by its title in the palette. */
  async run(title) {
    await this.press('F1');
    await this.page.locator(`${quickInput} .quick-input-box input`).fill(`>${title}`);
    await this.page.locator(quickInputRows, { hasText: title }).first().waitFor();
    await this.press('Enter');
  }

  /** The rows of the open picker, once there are some, each as a screen reader says it: its label, a comma, the rest. */
  async pickerRows() {
    await this.page.locator(quickInputRows).first().waitFor();
    const rows = await this.page.locator(quickInputRows).all();
    return Promise.all(rows.map((row) => row.getAttribute('aria-label')));
  }

  /** Takes the row of the open picker whose label is the given one. */
  async pick(label) {
    const rows = await this.pickerRows();
    const index = rows.findIndex((row) => row.startsWith(`${label},`));
    if (index < 0) throw new Error(`The picker has no row ${label}, but ${rows.join(' | ')}`);
    await this.page.locator(quickInputRows).nth(index).click();
    await this.page.locator(quickInput).waitFor({ state: 'hidden' });
  }

  /** Takes the row of the open picker that is left when its label is typed; another picker or box may follow. */
  async pickByTyping(label) {
    await this.page.locator(`${quickInput} .quick-input-box input`).fill(label);
    const rows = this.page.locator(quickInputRows);
    await until(`${label} to be the only row`, async () => (await rows.count()) === 1);
    await this.press('Enter');
    await rows.filter({ hasText: label }).waitFor({ state: 'detached' });
  }

  /** Replaces the text of the open input box by one that it refuses, and returns its message. */
  async typeRefusedInput(text) {
    await this.page.locator(`${quickInput} .quick-input-box input`).fill(text);
    await this.page.locator(inputError).waitFor();
    return this.page.locator(`${quickInput} .quick-input-message`).innerText();
  }

  /** Replaces the text of the open input box, and waits until it finds no fault with it. */
  async typeAcceptedInput(text) {
    await this.page.locator(`${quickInput} .quick-input-box input`).fill(text);
    await this.page.locator(inputError).waitFor({ state: 'detached' });
  }

  /** Presses a button of the modal dialog that is open. */
  async answer(label) {
    const button = this.page.locator('.monaco-dialog-box .monaco-button', { hasText: label }).first();
    await button.click();
    await button.waitFor({ state: 'hidden' });
  }

  /** The text of the extension's status bar item, without its icon. */
  async statusText() {
    return (await this.page.locator(statusItem).innerText()).replaceAll(/\s+/g, ' ').trim();
  }

  /** Waits until the status bar item's text matches, and returns it. */
  async awaitStatus(pattern) {
    let text = '';
    const matches = async () => pattern.test((text = await this.statusText()));
    await until(`the status bar to match ${pattern}; it says "${await this.statusText()}"`, matches);
    return text;
  }

  clickStatus() {
    return this.page.locator(statusItem).click();
  }

  /** Rests the mouse on the status bar item until its tooltip shows, and returns the text of that. */
  async hoverStatus() {
    const tooltip = this.page.locator('.monaco-hover:visible', { hasText: 'MatCoder' }).first();
    // An item that changes under the mouse shows no tooltip until the mouse enters again.
    await until('the tooltip of the status bar item', async () => {
      await this.page.mouse.move(640, 400);
      await this.page.locator(statusItem).hover();
      return tooltip.waitFor({ timeout: 4000 }).then(
        () => true,
        () => false,
      );
    });
    return tooltip.innerText();
  }

  /** Waits for a notification with the text; returns its text and the labels of its buttons. */
  async notification(text) {
    const toast = this.page.locator('.notifications-toasts .notification-toast', { hasText: text }).first();
    await toast.waitFor();
    const buttons = await toast.locator('.notification-list-item-buttons-container .monaco-button').allInnerTexts();
    return { text: await toast.innerText(), buttons: buttons.map((label) => label.trim()) };
  }

  /** Saves a picture of the window for the documentation if $MATCODER_SCREENSHOTS is set. */
  async screenshot(name) {
    if (!process.env.MATCODER_SCREENSHOTS) return;
    const folder = join(root, 'docs/media');
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, name) });
  }
}
