// The texts that a user sees in the editor: where the code makes them, and how they are translated.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { root } from './run.mjs';

/** VS Code's names of the languages that MatCoder is translated to. */
export const LANGUAGES = ['de', 'es', 'fr', 'ja', 'zh-cn'];

/** Names that are the same in every language. */
const NAMES = new Set(['MatCoder', 'XS', 'S', 'M', 'L', 'XL', 'Dev Container']);
/** The properties whose values a user reads. */
const SHOWN = new Set([
  'title',
  'label',
  'description',
  'detail',
  'placeHolder',
  'placeholder',
  'prompt',
  'tooltip',
  'aria-label',
]);
/** Functions whose arguments a user reads, and those whose arguments only the log or a program reads. */
const SHOWING = /^(show\w*Message|setStatusBarMessage)$/;
const LOGGING = /^(log|warn|info|error|debug|trace|onFault|matchMedia)$/;
/** Faults of settings are in the log, a report of a fault is in English like the log, and the sample is code. */
const ENGLISH_FILES = /^src\/ui\/(settings|keptStatistics|diagnostics\/\w+|firstMinute\/sample)\.ts$/;
/** Passes messages on to `t`, and has none of its own. */
const PHRASES = 'src/localisation/phrase.ts';

/**
 * Every message of the source code.
 *
 * @param {string} [folder] the source code
 * @returns {{ messages: import('./messages.mjs').Message[], faults: string[] }} `faults` are calls that cannot be translated
 */
export function messagesIn(folder = join(root, 'src')) {
  const messages = [];
  const faults = [];
  for (const { file, source } of sourcesIn(folder)) {
    if (!/@vscode\/l10n|localisation\/phrase/.test(source.text) && file !== PHRASES) continue;
    visit(source, (node) => {
      if (!ts.isCallExpression(node) && !ts.isTaggedTemplateExpression(node)) return;
      const callee = ts.isCallExpression(node) ? node.expression : node.tag;
      if (!ts.isIdentifier(callee) || !['t', 'phrase'].includes(callee.text)) return;
      const where = placeOf(source, file, node);
      const found = ts.isCallExpression(node) ? messageOf(node) : undefined;
      if (!found) {
        if (file !== PHRASES) faults.push(`${where}: the message is not a literal`);
        return;
      }
      messages.push({ ...found, where });
      const wanted = placesIn(found.message);
      const given = found.count === undefined ? wanted : [...Array(found.count).keys()].map(String);
      if (wanted.join() !== given.join()) faults.push(`${where}: ${given.length} arguments for “${found.message}”`);
      if (callee.text === 't' && isOfModule(node)) {
        faults.push(`${where}: t() runs before the language is known; make it a function`);
      }
    });
  }
  return { messages, faults };
}

/**
 * Texts of the user interface that are not translated.
 *
 * @param {string} [folder] the source code
 * @returns {string[]} the place and the text of each
 */
export function untranslatedIn(folder = join(root, 'src')) {
  const all = sourcesIn(folder);
  const types = new Set(all.flatMap(({ source }) => literalTypesIn(source)));
  return all
    .filter(({ file, source }) => (isInUi(file) || source.text.includes("from 'vscode'")) && !ENGLISH_FILES.test(file))
    .flatMap(({ file, source }) => {
      const found = [];
      visit(source, (node) => {
        const text = textOf(node)
          ?.replaceAll(/\$\([\w~-]+\)/g, '')
          .trim(); // without icons
        if (text === undefined || text.startsWith('<') || isForPrograms(node)) return;
        if (!/\p{L}/u.test(text) || NAMES.has(text.replace(/:$/, ''))) return;
        const isProse = isInUi(file) && /\p{L}{2,}:? \p{L}|^\p{Lu}\p{Ll}+:/u.test(text) && !types.has(text);
        if (isProse || isShown(node)) found.push(`${placeOf(source, file, node)}: ${text}`);
      });
      return found;
    });
}

/** Only these files make texts for the user. In the others that know the editor, most texts are for the log. */
function isInUi(file) {
  return /(^|\/)ui\//.test(file);
}

/** The keys of a bundle: the text and, after a slash, its comment. */
export function keyOf({ message, comment }) {
  return comment === '' ? message : `${message}/${comment}`;
}

/** @returns {string[]} the names between braces, sorted, each once */
export function placesIn(text) {
  return [...new Set(Array.from(text.matchAll(/\{(\w+)\}/g), ([, name]) => name))].sort((a, b) => a - b);
}

export function bundleFile(language) {
  return join(root, 'l10n', `bundle.l10n.${language}.json`);
}

export function manifestFile(language) {
  return join(root, language ? `package.nls.${language}.json` : 'package.nls.json');
}

/** The texts of package.json; without a language the English ones. */
export function manifestTexts(language) {
  return readJson(manifestFile(language));
}

export function readBundle(language) {
  return readJson(bundleFile(language));
}

/**
 * The texts in package.json that a user reads.
 *
 * @returns {{ used: string[], literal: string[] }} the keys that it names, and texts that are not named by a key
 */
export function manifestKeys() {
  const used = [];
  const literal = [];
  const read = (name, value) => {
    if (Array.isArray(value)) value.forEach((member) => read(name, member));
    else if (typeof value === 'object' && value !== null)
      Object.entries(value).forEach(([key, member]) => read(key, member));
    else if (typeof value === 'string' && /^%.+%$/.test(value)) used.push(value.slice(1, -1));
    else if (typeof value === 'string' && MANIFEST_TEXTS.test(name) && !NAMES.has(value))
      literal.push(`${name}: ${value}`);
  };
  const { description, contributes } = readJson(join(root, 'package.json'));
  read('contributes', contributes);
  read('description', description);
  return { used: [...new Set(used)], literal };
}

const MANIFEST_TEXTS =
  /^(title|shortTitle|label|description|markdownDescription|enumDescriptions|markdownEnumDescriptions|enumItemLabels|altText|contents)$/;

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function sourcesIn(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const file = relative(root, join(folder, name)).replaceAll('\\', '/');
      const text = readFileSync(join(folder, name), 'utf8');
      return { file, source: ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true) };
    });
}

function visit(node, look) {
  look(node);
  node.forEachChild((child) => visit(child, look));
}

function placeOf(source, file, node) {
  return `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}

/** The message of a call of `t` or `phrase`, and the number of its arguments; undefined if it is not a literal. */
function messageOf(call) {
  const [first, ...rest] = call.arguments;
  const plain = first && literalOf(first);
  if (plain !== undefined) return { message: plain, comment: '', count: countOf(rest) };
  if (!first || !ts.isObjectLiteralExpression(first)) return undefined;
  const property = (name) => {
    const found = first.properties.find((p) => ts.isPropertyAssignment(p) && p.name.getText() === name);
    return found?.initializer;
  };
  const message = property('message') && literalOf(property('message'));
  const note = property('comment');
  const comments = note && ts.isArrayLiteralExpression(note) ? note.elements.map(literalOf) : [note && literalOf(note)];
  if (message === undefined || comments.includes(undefined)) return undefined;
  const args = property('args');
  const count = args && ts.isArrayLiteralExpression(args) ? countOf(args.elements) : args ? undefined : countOf(rest);
  return { message, comment: comments.join(''), count };
}

/** Undefined if the number is known only when the program runs. */
function countOf(args) {
  return args.some(ts.isSpreadElement) ? undefined : args.length;
}

function literalOf(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [literalOf(node.left), literalOf(node.right)];
  return left === undefined || right === undefined ? undefined : left + right;
}

/** The text of a literal, or the fixed parts of a template. */
function textOf(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(' ');
}

/** Whether a node runs when its module is loaded, and not after a call of `useLanguage` there. */
function isOfModule(node) {
  let top = node;
  while (!ts.isSourceFile(top.parent)) {
    if (ts.isFunctionLike(top) || ts.isClassLike(top)) return false;
    top = top.parent;
  }
  if (ts.isFunctionLike(top) || ts.isClassLike(top)) return false;
  const before = top.parent.statements.slice(0, top.parent.statements.indexOf(top));
  return !before.some((statement) => statement.getText().startsWith('useLanguage('));
}

/** Whether a literal is a type, the name of a module, an error, or goes to the log, or is translated. */
function isForPrograms(node) {
  for (let child = node, at = node.parent; at; child = at, at = at.parent) {
    if (ts.isTypeNode(at) || ts.isImportDeclaration(at) || ts.isNewExpression(at)) return true;
    if (ts.isCallExpression(at) && at.expression !== child && isTaken(at.expression)) return true;
    if (ts.isPropertyAssignment(at) && at.name.getText() === 'class') return true;
    if (ts.isFunctionLike(at)) return false;
  }
  return false;
}

/** Whether the arguments of a call are translated, or for the log. */
function isTaken(callee) {
  const name = ts.isPropertyAccessExpression(callee) ? callee.name.text : callee.getText();
  return ['t', 'phrase', 'sentence'].includes(name) || LOGGING.test(name);
}

/** Whether a literal is at a place where a user reads it. */
function isShown(node) {
  const value = outermost(node);
  const { parent } = value;
  if (ts.isPropertyAssignment(parent))
    return SHOWN.has(parent.name.getText().replaceAll("'", '')) && parent.initializer === value;
  if (ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.EqualsToken) {
    return ts.isPropertyAccessExpression(parent.left) && SHOWN.has(parent.left.name.text);
  }
  if (ts.isCallExpression(parent)) {
    const { expression } = parent;
    return SHOWING.test(ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText());
  }
  // The children of an element of the dashboard.
  if (!ts.isArrayLiteralExpression(parent) || !ts.isCallExpression(parent.parent)) return false;
  return /^(html|svg)$/.test(parent.parent.expression.getText()) && parent.parent.arguments[2] === parent;
}

/** A literal with the conditions and brackets around it. */
function outermost(node) {
  const { parent } = node;
  const isBranch = ts.isConditionalExpression(parent) && parent.condition !== node;
  return isBranch || ts.isParenthesizedExpression(parent) ? outermost(parent) : node;
}

function literalTypesIn(source) {
  const found = [];
  visit(source, (node) => {
    if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)) found.push(node.literal.text);
  });
  return found;
}
