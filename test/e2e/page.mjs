import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFile } from '../../scripts/lib/messages.mjs';
import { root } from '../../scripts/lib/run.mjs';

/** By theme: the class of the body, and the variables that the page's style sheet reads, as VS Code sets them. */
export const themes = JSON.parse(readFileSync(new URL('themes.json', import.meta.url), 'utf8'));

/** The variables that the style sheets of the pages read. */
export const variables = [
  ...new Set(
    ['src/ui/dashboard/page/dashboard.css', 'src/ui/pictures/page/pictures.css'].flatMap((file) =>
      readFileSync(join(root, file), 'utf8').match(/--vscode-[\w-]+/g),
    ),
  ),
].sort();

/**
 * A page without VS Code: its bundle and its style sheet, in the place that VS Code makes for a webview.
 *
 * @param {import('playwright-core').Page} page
 * @param {{name?: string, theme?: string, lessMotion?: boolean, language?: string}} options `name` is that of its bundle, and
 *   `language` is one that has a translation
 */
export async function openPage(page, { name = 'dashboard', theme = 'Dark 2026', lessMotion = false, language } = {}) {
  const { body, variables: values } = themes[theme];
  const style = Object.entries(values)
    .map(([name, value]) => `${name}: ${value};`)
    .join(' ');
  const css = readFileSync(join(root, `dist/${name}.css`), 'utf8');
  const bundle = language ? readFileSync(bundleFile(language), 'utf8') : 'null';
  await page.setContent(`<!DOCTYPE html>
    <html lang="${language ?? 'en'}" style='${style}'>
      <head>
        <title>MatCoder</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <style>@layer vscode-default { body { margin: 0; padding: 0 20px; } }</style>
        <style>${css}</style>
      </head>
      <body class="${body}${lessMotion ? ' vscode-reduce-motion' : ''}">
        <script type="application/json" id="translations">${bundle.replaceAll('<', '\\u003c')}</script>
      </body>
    </html>`);
  await page.evaluate(() => {
    let kept;
    window.sent = [];
    window.acquireVsCodeApi = () => ({
      postMessage: (message) => window.sent.push(message),
      getState: () => kept,
      setState: (state) => (kept = state),
    });
  });
  await page.addScriptTag({ path: join(root, `dist/${name}.js`) });
}

/** Sends a state to the dashboard as the extension does, and waits until the page has drawn it. */
export function sendState(page, state, { isAnswer = false } = {}) {
  return send(page, { type: 'state', state, isAnswer });
}

/** Sends a message as the extension does, and waits until the page has drawn what it says. */
export async function send(page, message) {
  await page.evaluate(async (data) => {
    window.postMessage(data, '*');
    for (let i = 0; i < 2; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
  }, message);
}

/** The commands that the page has sent. */
export async function sentCommands(page) {
  const sent = await page.evaluate(() => window.sent);
  return sent.filter(({ type }) => type === 'command').map(({ command }) => command);
}

const sizes = ['XS', 'S', 'M', 'L', 'XL'];

/** A window in which a while was worked. `Recent` is the number of completions in the last minutes. */
export function stateOf({ recent = 24, engine = 'ready, avx2, 2 threads, 50.1 MB of weights', savedKeys = 1234 } = {}) {
  const named = (name, i) => ({
    name,
    shortName: name,
    isSize: true,
    bytesPerToken: 10e6 * (i + 1),
    bitsPerByte: 1.5 - 0.08 * i,
    agreementWithXL: 0.8 + 0.05 * i,
    predictedMs: i === 4 ? undefined : 18 + 30 * i,
  });
  const between = (i) => ({ ...named(`XS+${i}`, i / 4), shortName: i < 4 ? 'XS+' : 'S+', isSize: false });
  const frontier = [...sizes.map(named), ...[1, 2, 3, 5, 6, 7].map(between)].sort(
    (a, b) => a.bytesPerToken - b.bytesPerToken,
  );
  const figures = { savedKeys, shown: 50, accepted: 19, p50Ms: 43, p95Ms: 180, autoBytes: 3.1e9, autoBytesByXL: 9.4e9 };
  return {
    engine: { ready: true, text: engine },
    choice: { name: 'M', shortName: 'M', by: 'Auto', reason: 'typing at 180 ms a key: M answers in about 20 ms' },
    frontier,
    recent: Array.from({ length: recent }, (_, i) => ({
      agoMs: 24_000 * (recent - i),
      latencyMs: 20 + ((i * 37) % 160),
      shortName: sizes[i % 5],
      level: i % 5,
    })),
    sizes,
    periods: [
      { title: 'Today', ...figures },
      { title: 'Thirty days', ...figures, p50Ms: undefined, p95Ms: undefined, shown: 0, autoBytesByXL: 0 },
    ],
    bySize: sizes.map((shortName, i) => ({
      shortName,
      requests: 1200 * i,
      shown: 40 * i,
      accepted: 12 * i,
      p50Ms: i === 0 ? undefined : 20 * i,
      p95Ms: i === 0 ? undefined : 90 * i,
    })),
    models: [
      {
        id: 'smol',
        name: 'SmolLM2 135M Instruct',
        family: 'llama',
        parameters: 134_515_008,
        bits: 4,
        licence: 'apache-2.0',
        diskBytes: 98e6,
        isInUse: true,
        isForAuto: false,
        broken: undefined,
        isPrefixOnly: true,
        hasPage: true,
        typicalMs: 138,
        bitsPerByte: { own: 0.64, shipped: 0.601, withMemory: 0.58, textBytes: 91_000 },
        sizes: ['S', 'M', 'L', 'XL'].map((size, i) => ({
          name: size === 'XL' ? 'SmolLM2 135M Instruct' : `SmolLM2 135M Instruct ${size}`,
          ffnShare: 0.7 + 0.1 * i,
          bytesPerToken: 60e6 + 8e6 * i,
          bitsPerByte: 0.72 - 0.025 * i,
          moreBits: [0.12, 0.05, 0.02, 0][i],
          typicalMs: i === 0 ? undefined : 60 + 20 * i,
        })),
        elasticity: { sample: 'user', heldOutBytes: 90_000 },
        canFindSizes: true,
        sizesFault: undefined,
      },
      {
        id: 'old',
        name: 'a-model-with-a-long-name-and-no-blank-in-it-that-could-be-cut',
        family: 'qwen2',
        parameters: undefined,
        bits: undefined,
        licence: undefined,
        diskBytes: 5e8,
        isInUse: false,
        isForAuto: true,
        broken: 'model.safetensors',
        isPrefixOnly: false,
        hasPage: false,
        typicalMs: undefined,
        bitsPerByte: undefined,
        sizes: [],
        elasticity: undefined,
        canFindSizes: false,
        sizesFault: 'every smaller size predicts your files too badly',
      },
    ],
    machine: ['Power', 'Low-power mode', 'Heat', 'Processor', 'GPU'].map((name) => ({ name, value: 'unknown' })),
  };
}
