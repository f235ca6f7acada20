import { cutBeforeLine, type Filter } from './filter';

/** Lines that stand only at the start of a file. */
const HEADS = [
  /^#!\s*\//,
  // Not `<?php`, which a template has many times.
  /^<\?xml\b/i,
  /^<!doctype\b/i,
  /^(["'])use (?:strict|client|server)\1;?$/,
  /^# (?:frozen_string_literal: (?:true|false)\s*$|(?:en)?coding[:=] ?[\w.-]+\s*$|vim: |-\*-)/,
  /^syntax\s*=\s*["']proto/,
];
/** Phrases from the first lines of a licence header. */
const LICENCE =
  /\bcopyright\b.{0,100}(?:\d{4}|\(c\)|©)|(?:\(c\)|©)\s*\d{4}|SPDX-License-Identifier|\blicen[sc]ed under\b|\bpermission is hereby granted\b|\ball rights reserved\b|\b(?:MIT|BSD|Apache|GNU)\b.{0,100}\blicen[sc]e\b/i;
const COMMENT_MARK = /^\s*(?:\/\/|\/\*+|\*+\/?|#+|--+|;+|<!--|"""|'''|%)/;
/** These languages name the package once, at the start of the file. */
const PACKAGE: ReadonlyMap<string, RegExp> = new Map([
  ['go', /^package \w+$/],
  ['java', /^package [\w.]+;$/],
  ['kotlin', /^package [\w.]+$/],
  ['scala', /^package [\w.]+$/],
]);

/** Cuts before a second start of the file, such as another shebang or a licence header behind the last line. */
export const fileHead: Filter = (cursor) => {
  const isHead = cursor.prefix.trim() === '';
  const { linePrefix, languageId, lexicon } = cursor;
  const namesPackage = PACKAGE.get(languageId);
  const heads = namesPackage ? [...HEADS, namesPackage] : HEADS;
  return (draft) => {
    if (isHead || lexicon.kind === 'prose') return draft;
    const lines = draft.text.split('\n').map((line, i) => (i === 0 ? linePrefix + line : line));
    const at = lines.findIndex((line, i) => {
      if (i === lines.length - 1 && draft.open) return false;
      return heads.some((head) => head.test(line)) || (COMMENT_MARK.test(line) && LICENCE.test(line));
    });
    if (at < 0) return draft;
    // The comment's opening lines go too.
    let first = at;
    while (first > 0 && COMMENT_MARK.test(lines[at] ?? '') && isEmptyComment(lines[first - 1] ?? '')) first--;
    return cutBeforeLine(draft, first);
  };
};

function isEmptyComment(line: string): boolean {
  return COMMENT_MARK.test(line) && !/\w/.test(line);
}
