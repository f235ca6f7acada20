import * as vscode from 'vscode';

/** A place that is looked at. */
export interface Place {
  readonly uri: vscode.Uri;
  readonly range: vscode.Range;
}

/** Time in which the next result may be chosen, so that moving through a list opens no files. */
const WAIT_MS = 80;

/** Shows places in the editor while a list has the focus, and the editor as it was if none of them is taken. */
export class Preview implements vscode.Disposable {
  private readonly mark = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor('editor.rangeHighlightBackground'),
  });
  private readonly before = stateNow();
  private timer: NodeJS.Timeout | undefined;
  /** The place that is shown or comes next. */
  private wanted: Place | undefined;
  private showing: Promise<void> = Promise.resolve();
  private hasShown = false;

  /** Show a place soon, or nothing new. */
  show(place: Place | undefined): void {
    if (place && this.wanted && isSame(place, this.wanted)) return;
    this.wanted = place;
    clearTimeout(this.timer);
    if (!place) return;
    this.timer = setTimeout(() => {
      this.showing = this.showing.then(() => this.open(place));
    }, WAIT_MS);
  }

  /** Open a place to work in. @throws if its file has gone or is no text */
  async take({ uri, range }: Place, toSide: boolean): Promise<void> {
    await this.end();
    const start = new vscode.Range(range.start, range.start);
    const viewColumn = toSide ? vscode.ViewColumn.Beside : (this.before.column ?? vscode.ViewColumn.Active);
    if (toSide) await this.putBack();
    const editor = await vscode.window.showTextDocument(uri, { viewColumn, preview: false, selection: start });
    editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }

  /** Show what was there before. */
  async restore(): Promise<void> {
    await this.end();
    await this.putBack();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.mark.dispose();
  }

  private async end(): Promise<void> {
    clearTimeout(this.timer);
    this.wanted = undefined;
    await this.showing;
    this.mark.dispose();
  }

  private async open(place: Place): Promise<void> {
    if (this.wanted !== place) return;
    try {
      this.hasShown = true;
      const viewColumn = this.before.column ?? vscode.ViewColumn.Active;
      const options = {
        viewColumn,
        preview: true,
        preserveFocus: true,
        selection: new vscode.Range(place.range.start, place.range.start),
      };
      const editor = await vscode.window.showTextDocument(place.uri, options);
      editor.setDecorations(this.mark, [place.range]);
      editor.revealRange(place.range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    } catch {
      // The file has gone, or is no text: the list says where it was.
    }
  }

  private async putBack(): Promise<void> {
    if (!this.hasShown) return;
    const { editor, selection, visible, tabs } = this.before;
    if (editor) {
      const { document, viewColumn = vscode.ViewColumn.Active } = editor;
      const preview = this.before.isPreview;
      const options = { viewColumn, preview, ...(selection ? { selection } : {}) };
      const again = await vscode.window.showTextDocument(document, options);
      if (visible) again.revealRange(visible, vscode.TextEditorRevealType.AtTop);
    }
    const opened = vscode.window.tabGroups.all
      .flatMap((group) => group.tabs)
      .filter((tab) => tab.isPreview && !tabs.has(keyOf(tab)));
    await vscode.window.tabGroups.close(opened, true);
  }
}

function stateNow() {
  const editor = vscode.window.activeTextEditor;
  const { all, activeTabGroup } = vscode.window.tabGroups;
  return {
    editor,
    column: editor?.viewColumn,
    selection: editor?.selection,
    visible: editor?.visibleRanges[0],
    isPreview: activeTabGroup.activeTab?.isPreview ?? false,
    tabs: new Set(all.flatMap((group) => group.tabs).map(keyOf)),
  };
}

function keyOf({ input, group }: vscode.Tab): string {
  return `${group.viewColumn} ${input instanceof vscode.TabInputText ? input.uri.toString() : ''}`;
}

function isSame(a: Place, b: Place): boolean {
  return a.uri.toString() === b.uri.toString() && a.range.isEqual(b.range);
}
