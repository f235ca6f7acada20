import * as vscode from 'vscode';
import type { CodeHit } from '../../search/search';
import { uriOf } from './folders';

const MAX_CHARS = 120;

/** The lines that stand for results without a name. Each file is read once. */
export class FirstLines {
  private readonly texts = new Map<string, Promise<readonly string[]>>();

  /** Undefined for results that have a name, or whose file has gone. */
  of(hits: readonly CodeHit[]): Promise<(string | undefined)[]> {
    return Promise.all(hits.map((hit) => (hit.name === undefined ? this.lineOf(hit) : Promise.resolve(undefined))));
  }

  private async lineOf(hit: CodeHit): Promise<string | undefined> {
    const { firstLine, lastLine } = hit;
    const uri = uriOf(hit);
    const key = uri.toString();
    const reading = this.texts.get(key) ?? linesOf(uri);
    this.texts.set(key, reading);
    const lines = (await reading).slice(firstLine, lastLine + 1);
    // A line of brackets alone says nothing.
    return (lines.find((line) => /[\p{L}\p{N}]/u.test(line)) ?? lines[0])?.trim().slice(0, MAX_CHARS);
  }
}

/** Empty if there is no file. */
async function linesOf(uri: vscode.Uri): Promise<readonly string[]> {
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri)).split('\n');
  } catch {
    return [];
  }
}
