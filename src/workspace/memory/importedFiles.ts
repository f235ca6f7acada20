import { type FileId, folderOf, withoutExtension } from './nearness';

/** `from './a'`, `require("../b")`, `import('./c')`. */
const QUOTED = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*["'](\.{1,2}\/[^"'\n]+)["']/g;
/** `#include "a.h"`. */
const INCLUDED = /^[ \t]*#[ \t]*include[ \t]+"([^"\n]+)"/gm;
/** `from ..a.b import c` of Python. */
const DOTTED = /^[ \t]*from[ \t]+(\.+)([\w.]*)[ \t]+import\b/gm;
/** `mod a;` of Rust. */
const MODULES = /^[ \t]*(?:pub[ \t]+)?mod[ \t]+(\w+)[ \t]*;/gm;

/**
 * The files that a text imports by relative paths, by their names alone.
 * @param file the text's own
 * @returns without extensions, which imports often leave out or write differently
 */
export function importedFiles(file: FileId, text: string): Set<FileId> {
  const folder = folderOf(file);
  const found = new Set<FileId>();
  const add = (path: string) => {
    const resolved = resolve(folder, path);
    if (resolved !== undefined) found.add(withoutExtension(resolved));
  };
  for (const [, path = ''] of text.matchAll(QUOTED)) add(path);
  for (const [, path = ''] of text.matchAll(INCLUDED)) add(path);
  for (const [, dots = '', name = ''] of text.matchAll(DOTTED)) {
    add(`./${'../'.repeat(dots.length - 1)}${name.replaceAll('.', '/')}`);
  }
  for (const [, name = ''] of text.matchAll(MODULES)) add(name);
  return found;
}

/** Undefined if the path leads above the top. */
function resolve(folder: FileId, path: string): FileId | undefined {
  const parts = folder.split('/');
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(encoded(part));
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}

/** A name as VS Code writes it in a URI: more characters are encoded than `encodeURIComponent` does. */
function encoded(name: string): string {
  return encodeURIComponent(name.replaceAll(/\p{Surrogate}/gu, '\uFFFD')).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
