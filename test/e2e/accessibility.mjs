/** Checks by axe-core, and of what it does not judge. A frame is a page or a frame of Playwright's. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Everything up to level AA of WCAG 2.2, and axe-core's best practices and experiments. */
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice', 'experimental'];

/** A place that scrolls has to take the focus, as another rule demands, but is no widget: this experiment demands one. */
const rules = { 'focus-order-semantics': { enabled: false } };

/**
 * What axe-core finds, each violation in a line: the rule, its impact, the element and the reason. Elements that it cannot
 * judge count too, except the contrast of text in a plot, for which `leastContrast` is, and of text that is scrolled away.
 *
 * @param {string} within a selector of the part that is checked
 * @returns {Promise<string[]>}
 */
export async function violations(frame, within = 'html') {
  await frame.evaluate(`window.axe ??= (() => { ${axe}; return axe; })()`);
  return frame.evaluate(
    async ([selector, values, rules]) => {
      const { violations, incomplete } = await window.axe.run(selector, { runOnly: { type: 'tag', values }, rules });
      const isExempt = (rule, node) => {
        const element = document.querySelector(node.target[0]);
        return rule === 'color-contrast' && (element?.closest('svg') ?? element?.closest('[tabindex="0"].table'));
      };
      const line = ({ id, impact }, node) =>
        `${id} (${impact}): ${node.html.slice(0, 200)} ${(node.failureSummary ?? node.any[0]?.message ?? '').replaceAll(/\s+/g, ' ')}`;
      return [
        ...violations.flatMap((rule) => rule.nodes.map((node) => line(rule, node))),
        ...incomplete.flatMap((rule) =>
          rule.nodes.filter((node) => !isExempt(rule.id, node)).map((node) => `not judged: ${line(rule, node)}`),
        ),
      ];
    },
    [within, tags, rules],
  );
}

/**
 * The contrast of the parts of a plot with the ground that they are on, as WCAG 2.2 defines it.
 *
 * @param {string} selector of elements of an SVG
 * @param {'fill' | 'stroke'} paint
 * @returns {Promise<number>} the least of them
 */
export async function leastContrast(frame, selector, paint = 'fill') {
  const pairs = await frame.evaluate(
    ([parts, property]) =>
      [...document.querySelectorAll(parts)].map((part) => {
        let ground = part.closest('svg');
        const colourOf = () => getComputedStyle(ground).backgroundColor;
        while (ground.parentElement && /^rgba\(.*, 0\)$|^transparent$/.test(colourOf())) ground = ground.parentElement;
        return [getComputedStyle(part)[property], colourOf()];
      }),
    [selector, paint],
  );
  if (pairs.length === 0) throw new Error(`the page has no ${selector}`);
  return Math.min(...pairs.map(([colour, ground]) => contrast(colour, ground)));
}

/** Contrast of a colour with the opaque one that it lies on. */
function contrast(colour, ground) {
  const under = channels(ground);
  const over = channels(colour);
  const seen = over.rgb.map((value, i) => value * over.alpha + under.rgb[i] * (1 - over.alpha));
  const [light, dark] = [luminance(seen), luminance(under.rgb)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(rgb) {
  const [red, green, blue] = rgb.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** `rgb(1, 2, 3)`, `rgba(1, 2, 3, 0.5)` or `color(srgb 0.1 0.2 0.3 / 0.5)`, each channel from 0 to 1. */
function channels(colour) {
  const numbers = colour.match(/[\d.]+(?:e-?\d+)?/g)?.map(Number);
  if (!numbers || numbers.length < 3) throw new Error(`${colour} is no colour`);
  const scale = colour.startsWith('color(srgb') ? 1 : 255;
  return { rgb: numbers.slice(0, 3).map((value) => value / scale), alpha: numbers[3] ?? 1 };
}
