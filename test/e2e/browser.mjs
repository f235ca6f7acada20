import { chromium as playwright } from 'playwright-core';
import { chromium } from './chromium.mjs';

/** The size of the window, in CSS pixels, and of the screenshots. */
const viewport = { width: 1280, height: 800 };

const switches = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Opens a page in a headless browser that reaches this machine's loopback address and nothing else.
 *
 * @param {string} home a folder for the files that the browser writes outside its profile
 * @param {{language?: string}} options the display language that VS Code tells its extensions; its own texts stay English
 *   without one of its language packs
 * @returns {Promise<{page: import('playwright-core').Page, outside: string[], console: string[], close: () => Promise<void>}>}
 *   `outside` collects the addresses of every request that was refused
 */
export async function openBrowser(home, { language } = {}) {
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  const browser = await playwright.launch({ executablePath: await chromium(), args: switches, env });
  const context = await browser.newContext({ viewport });
  const outside = [];
  const isLocal = (url) => url.hostname === '127.0.0.1' || ['data:', 'blob:'].includes(url.protocol);
  await context.route(
    (url) => !isLocal(url),
    (route) => {
      outside.push(route.request().url());
      return route.abort();
    },
  );
  const page = await context.newPage();
  if (language) await page.addInitScript(setLanguage, language);
  page.setDefaultTimeout(60_000);
  const console = [];
  page.on('console', (message) => console.push(`${message.type()}: ${message.text()}`));
  return { page, outside, console, close: () => browser.close() };
}

/** Runs in the page before VS Code, whose file of English texts would set the language to none. */
function setLanguage(language) {
  Object.defineProperty(globalThis, '_VSCODE_NLS_LANGUAGE', { get: () => language, set: () => {} });
}
