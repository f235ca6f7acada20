import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/lib/run.mjs';
import { clickRow, confirm, countRows, quickInput, quickInputRows, throughQuickInput } from './quickInput.mjs';
import { until } from './wait.mjs';

export const statusItem = '[id="matcoder.matcoder.matcoder.status"]';
const firstGhostLine = '.part.editor .monaco-editor .ghost-text-decoration';
const laterGhostLines =
  '.part.editor .monaco-editor .suggest-preview-text .view-line, .part.editor .monaco-editor .suggest-preview-text > div';
const inputError = `${quickInput} .quick-input-box .monaco-inputbox.error`;

const describeTabs = (tabs) =>
  tabs.map((tab) => `${tab.textContent.trim()}${tab.classList.contains('active') ? ' (active)' : ''}`);

const valuesOf = (inputs) => inputs.map(({ value }) => value);

/** The workbench as a user at the keyboard sees it. */
export class Editor {
  /**
   * @param {import('playwright-core').Page} page
   * @param {string} workspace a folder on the disk
   * @param {string | undefined} address of the folder that is open, which has the same files; undefined for none
   */
  constructor(page, workspace, address) {
    this.page = page;
    this.workspace = workspace;
    this.address = address;
  }

  /** Loads the workbench with the workspace open, and waits until the extension shows itself. */
  async openWindow(url) {
    const query = this.address ? `folder=${encodeURIComponent(this.address)}` : 'ew=true';
    await this.page.goto(`${url}/?${query}`);
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 60_000 });
    await this.page.locator(statusItem).waitFor({ timeout: 60_000 });
  }

  async openFile(path) {
    const name = path.split('/').at(-1);
    let tries = 0;
    let shown = [];
    await until(
      () => `${path} to be the active file after ${tries} tries; the tabs are ${shown.join(', ')}`,
      async () => {
        // Enter takes the row that has the focus, which may be another one while the search goes on; a click cannot miss.
        const answer = tries++ % 2 === 0 ? confirm : clickRow;
        await throughQuickInput(this.page, { key: 'Control+P', text: path, row: name }, answer);
        const isActive = await this.#activeTab(name)
          .waitFor({ timeout: 10_000 })
          .then(
            () => true,
            () => false,
          );
        if (!isActive) shown = await this.page.locator('.tab').evaluateAll(describeTabs);
        return isActive;
      },
    );
    await this.awaitFile(path);
  }

  /** Waits until a file is the active one. */
  async awaitFile(path) {
    await this.#activeTab(path.split('/').at(-1)).waitFor();
    await this.page.locator('.part.editor .monaco-editor .view-line').first().waitFor();
    await this.#idle();
  }

  #activeTab(name) {
    return this.page.locator('.tab.active', { hasText: name }).first(); // each group of editors has an active one
  }

  /** Loads the window once more. */
  async reload() {
    await this.page.reload();
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 60_000 });
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
    await throughQuickInput(this.page, { key: 'Control+G', text: `:${line}` }, confirm);
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
    await throughQuickInput(this.page, { key: 'F1', text: `>${title}`, row: title }, confirm);
  }

  /**
   * Runs a command that opens a picker. VS Code gives the focus back to the editor or the page some time after the palette has
   * closed, and a picker that is open by then closes again.
   */
  async openPicker(title) {
    const isOpen = async () => {
      const texts = await this.page.locator(`${quickInput} .quick-input-box input`).evaluateAll(valuesOf);
      return texts.some((text) => !text.startsWith('>')) && (await this.hasPicker(2000));
    };
    await until(`the picker of ${title}`, async () => {
      await this.run(title);
      const deadline = Date.now() + 10_000;
      while (!(await isOpen())) {
        if (Date.now() > deadline) return false;
        await this.page.waitForTimeout(50);
      }
      await this.page.waitForTimeout(500);
      return isOpen();
    });
  }

  /** Opens the palette with all commands. */
  openPalette() {
    return throughQuickInput(this.page, { key: 'F1', text: '>' }, async () => {});
  }

  /** Whether the palette has a command with a title. */
  async hasCommand(title) {
    const count = await throughQuickInput(this.page, { key: 'F1', text: `>${title}` }, countRows(title));
    await this.page.locator(quickInput).waitFor({ state: 'hidden' });
    return count > 0;
  }

  /** Types into the open input box and confirms. */
  async answerBox(text) {
    await this.page.locator(`${quickInput} .quick-input-box input`).fill(text);
    await this.press('Enter');
  }

  /** Chooses a file in VS Code's own dialog, which writes into its box itself when it has listed a folder. */
  async answerFileDialog(path) {
    const input = this.page.locator(`${quickInput} .quick-input-box input`);
    await until(`the dialog to take ${path}`, async () => {
      await input.fill(path);
      await this.page.waitForTimeout(500);
      if ((await input.inputValue()) !== path) return false;
      await input.press('Enter');
      return this.page
        .locator(quickInput)
        .waitFor({ state: 'hidden', timeout: 3000 })
        .then(
          () => true,
          () => false,
        );
    });
  }

  /** Whether a picker opens within a time. */
  async hasPicker(timeoutMs) {
    const row = this.page.locator(quickInputRows).first();
    return row.waitFor({ timeout: timeoutMs }).then(
      () => true,
      () => false,
    );
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

  /** Waits for a modal dialog with the text. */
  dialog(text) {
    return this.page.locator('.monaco-dialog-box', { hasText: text }).waitFor();
  }

  /** Presses a button of the modal dialog that is open. */
  async answer(label) {
    const button = this.page.locator('.monaco-dialog-box .monaco-button', { hasText: label }).first();
    await button.click();
    await button.waitFor({ state: 'hidden' });
  }

  /** Closes all modal dialogs and quick inputs that are open. */
  async closeDialogs() {
    for (let i = 0; i < 5; i++) await this.press('Escape').catch(() => {});
  }

  get statusItem() {
    return this.page.locator(statusItem);
  }

  /** Moves the focus to the extension's status bar item with the keyboard. */
  async focusStatusItem() {
    await this.run('View: Focus Status Bar');
    await this.page.waitForFunction(() => document.activeElement?.closest('.part.statusbar'));
    const names = new Set();
    for (;;) {
      const focused = await this.page.evaluate(() => document.activeElement?.closest('.statusbar-item')?.id ?? '');
      if (statusItem.includes(`"${focused}"`)) return;
      if (names.has(focused)) throw new Error(`the status bar has only ${[...names].join(', ')}`);
      if (focused !== '') names.add(focused); // at first the bar itself may have the focus
      await this.press('ArrowRight');
    }
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
    // Read in one step, because VS Code hides a toast after a while.
    return toast.evaluate((element) => {
      const buttons = element.querySelectorAll('.notification-list-item-buttons-container .monaco-button');
      return { text: element.innerText, buttons: [...buttons].map((button) => button.innerText.trim()) };
    });
  }

  /** Replaces the user's settings as a user does, in their file: a change behind VS Code's back would go unnoticed. */
  async writeSettings(settings) {
    await this.run('Preferences: Open User Settings (JSON)');
    await this.page.locator('.tab.active', { hasText: 'settings.json' }).waitFor();
    await this.page.locator('.part.editor .monaco-editor.focused').waitFor();
    await this.press('Control+A');
    await this.page.keyboard.insertText(JSON.stringify(settings));
    await this.press('Control+Shift+End'); // VS Code has closed the brackets once more
    await this.press('Delete');
    await this.page.locator('.tab.active.dirty').waitFor();
    await this.press('Control+S');
    await this.page.locator('.tab.active.dirty').waitFor({ state: 'detached' });
    await this.run('View: Close Editor');
    await this.page.locator('.tab', { hasText: 'settings.json' }).waitFor({ state: 'detached' });
  }

  /** Saves a picture of the window for the documentation if $MATCODER_SCREENSHOTS is set. */
  async screenshot(name) {
    if (!process.env.MATCODER_SCREENSHOTS) return;
    const folder = join(root, 'docs/media');
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, name) });
  }
}
