import { until } from './wait.mjs';

const page = '.part.editor .gettingStartedContainer';
const step = `${page} .gettingStartedSlideDetails .getting-started-step`;

/** The walkthrough's page, as a user sees it. */
export class Walkthrough {
  /** @param {import('./editor.mjs').Editor} editor */
  constructor(editor) {
    this.page = editor.page;
  }

  awaitTitle() {
    return this.#title().waitFor();
  }

  /** The titles of the steps, in their order. */
  steps() {
    return this.page.locator(`${step} .step-title`).allInnerTexts();
  }

  /** Presses a button of the step that is open. */
  press(label) {
    return this.page.locator(`${step} .monaco-button`, { hasText: label }).click();
  }

  /** Waits until a step has its check mark. */
  awaitDone(title) {
    const done = this.page.locator(step, { hasText: title }).locator('.codicon.complete');
    return until(`the step "${title}" to be done`, () => done.count());
  }

  /** Brings its tab to the front, if it is not. */
  async show() {
    if (!(await this.isOpen())) await this.page.locator('.tab', { hasText: 'Welcome' }).click();
    await this.awaitTitle();
  }

  isOpen() {
    return this.#title().isVisible();
  }

  awaitClosed() {
    return this.#title().waitFor({ state: 'hidden' });
  }

  #title() {
    return this.page.locator(`${page} .gettingStartedSlideDetails h2`, { hasText: 'MatCoder' });
  }
}
