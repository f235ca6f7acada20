import { basename } from 'node:path';
import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import { localised } from '../../localisation/phrase';
import type { Clock } from '../../machine/clock';
import { messageOf } from '../../matlm/errors';
import { FirstLines } from '../../search/firstLines';
import type { CodeHit, Search, SearchProgress } from '../../search/search';
import { describeSearch } from './describeSearch';
import { uriOf } from './folders';
import { keepPlace } from './keepPlace';
import { LiveQuery } from './liveQuery';
import { type Place, Preview } from './preview';

export interface CodeSearchParts {
  readonly search: Search;
  /** The size that embeds a query; undefined while there are none. */
  readonly sizeFor: (isPausing: boolean) => string | undefined;
  readonly clock: Clock;
  readonly showLog: () => void;
  /** Builds the index although the machine is busy or on battery. */
  readonly buildNow: () => void;
}

interface Row extends vscode.QuickPickItem {
  /** Undefined for a line that says why there are no results. */
  readonly hit?: CodeHit;
  readonly key: string;
}

/** Results that fit a list without scrolling far. */
const LIMIT = 30;

/** Find code by what it does, with results while the query is typed. Resolves when the list is closed. */
export async function searchCode({ search, sizeFor, clock, showLog, buildNow }: CodeSearchParts): Promise<void> {
  const picker = vscode.window.createQuickPick<Row>();
  const build = { iconPath: new vscode.ThemeIcon('run-all'), tooltip: t('Build the Index Now') };
  const toSide = { iconPath: new vscode.ThemeIcon('split-horizontal'), tooltip: t('Open to the Side') };
  const preview = new Preview();
  const lines = new FirstLines(async (hit) => new TextDecoder().decode(await vscode.workspace.fs.readFile(uriOf(hit))));
  let rows: readonly Row[] = [];
  /** The user has moved to a result, which stays. */
  let held: string | undefined;
  let fault: string | undefined;
  let latest: readonly CodeHit[] = [];

  const show = (results: readonly Row[]) => {
    rows = results;
    picker.items = results.length > 0 ? results : noteRows(picker.value, fault, search.progress);
    // The first line too if it only says why there are no results, because Enter may do something about it.
    const active = held ?? picker.items[0]?.key;
    picker.activeItems = picker.items.filter(({ key }) => key === active);
  };
  const live = new LiveQuery<CodeHit>({
    clock,
    sizeFor,
    search: (query, options) => search.code(query, { ...options, limit: LIMIT }),
    onAnswer: ({ hits }, isRefined) => {
      fault = undefined;
      latest = hits;
      void lines.of(hits).then((texts) => {
        if (latest !== hits) return;
        const found = hits.map((hit, i) => rowOf(hit, texts[i], [toSide]));
        if (!isRefined) held = undefined;
        show(isRefined ? keepPlace(rows, found, held, ({ key }) => key) : found);
      });
    },
    onFault: (error) => {
      fault = messageOf(error);
      show([]);
    },
    onEmpty: () => {
      fault = undefined;
      latest = [];
      show([]);
    },
    onBusy: (isBusy) => {
      picker.busy = isBusy;
    },
  });
  const stopListening = search.onProgress((progress) => {
    showState(progress);
    live.again();
    if (rows.length === 0) show([]);
  });

  function showState(progress: SearchProgress): void {
    picker.buttons = progress.now.state === 'waiting' ? [build] : [];
    const state = progress.now.state === 'ready' ? undefined : describeSearch(progress);
    const title = t('MatCoder: Search Code by Meaning');
    picker.title = state
      ? t({ message: '{0} ({1})', args: [title, localised(state)], comment: ['a title and a state'] })
      : title;
  }

  picker.placeholder = t('Describe what the code does: “wait and try again when a request fails”');
  picker.keepScrollPosition = true;
  showState(search.progress);
  picker.onDidTriggerButton(buildNow);
  picker.onDidChangeValue((value) => {
    held = undefined;
    live.type(value);
  });
  picker.onDidChangeActive(([row]) => {
    // The editor itself makes the first one active when results come.
    if (row?.hit && row.key !== rows[0]?.key) held = row.key;
    preview.show(row?.hit && picker.value !== '' ? placeOf(row.hit) : undefined);
  });
  try {
    const taken = await new Promise<{ readonly hit?: CodeHit; readonly toSide: boolean } | undefined>((resolve) => {
      picker.onDidAccept(() => {
        const [row] = picker.activeItems;
        if (row?.hit) resolve({ hit: row.hit, toSide: false });
        else if (row && fault !== undefined) resolve({ toSide: false });
        else if (row && search.progress.now.state === 'waiting') buildNow();
      });
      picker.onDidTriggerItemButton(({ item: { hit } }) => {
        if (hit) resolve({ hit, toSide: true });
      });
      picker.onDidHide(() => {
        resolve(undefined);
      });
      picker.show();
      show([]);
    });
    if (!taken?.hit) {
      await preview.restore();
      if (taken) showLog();
      return;
    }
    await preview.take(placeOf(taken.hit), taken.toSide).catch((error: unknown) => {
      const message = t('MatCoder cannot open {0}. {1}', taken.hit?.path ?? '', messageOf(error));
      void vscode.window.showErrorMessage(message);
    });
  } finally {
    stopListening();
    live.dispose();
    preview.dispose();
    picker.dispose();
  }
}

function rowOf(hit: CodeHit, firstLine: string | undefined, buttons: readonly vscode.QuickInputButton[]): Row {
  const place = `${hit.path}:${hit.firstLine + 1}`;
  const isOneOfMany = (vscode.workspace.workspaceFolders?.length ?? 0) > 1;
  return {
    label: hit.name ?? firstLine ?? place,
    description: isOneOfMany ? `${basename(hit.root)} • ${place}` : place,
    key: `${hit.root} ${place}`,
    hit,
    buttons,
    alwaysShow: true, // its words are others than those of the query
  };
}

/** Why there are no results. */
function noteRows(query: string, fault: string | undefined, progress: SearchProgress): Row[] {
  const note = (label: string, detail?: string): Row => ({
    label,
    ...(detail === undefined ? {} : { detail }),
    iconPath: new vscode.ThemeIcon(fault === undefined ? 'info' : 'warning'),
    key: '',
    alwaysShow: true,
  });
  if (fault !== undefined) return [note(t('The search has failed. Press Enter to show the log.'), fault)];
  if (query.trim() === '') return [];
  const state = describeSearch(progress);
  const isPartial = progress.now.state === 'indexing' || progress.now.state === 'waiting';
  if (isPartial && state) {
    const detail = localised(state);
    return [
      progress.now.state === 'waiting'
        ? note(t('Nothing found yet, because the index waits. Press Enter to build it now.'), detail)
        : note(t('Nothing found yet, because the index is being built'), detail),
    ];
  }
  return progress.now.state === 'ready' ? [note(t('Nothing found'))] : state ? [note(localised(state))] : [];
}

function placeOf(hit: CodeHit): Place {
  const { firstLine, lastLine } = hit;
  return { uri: uriOf(hit), range: new vscode.Range(firstLine, 0, lastLine, Number.MAX_SAFE_INTEGER) };
}
