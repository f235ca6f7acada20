import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import { localised } from '../../localisation/phrase';
import type { Clock } from '../../machine/clock';
import { messageOf } from '../../matlm/errors';
import type { PictureReader } from '../../pictures/reader';
import type { PictureHit, Search, SearchAnswer } from '../../search/search';
import { describeSearch } from '../search/describeSearch';
import { LiveQuery } from '../search/liveQuery';
import { pageOf } from '../webview';
import { fromPage, type ShownPicture, type ToPage } from './state';

/** A picture that others are to be like. */
export interface LikePicture {
  /** That the user knows it by. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface PicturePanelParts {
  readonly extensionUri: vscode.Uri;
  readonly search: Search;
  readonly reader: Pick<PictureReader, 'thumbnail'>;
  /** The size that embeds a query of words; undefined while there are none. */
  readonly sizeFor: (isPausing: boolean) => string | undefined;
  readonly clock: Clock;
  /** Builds the index although the machine is busy or on battery. */
  readonly buildNow: () => void;
  /** Takes a picture to where it is wanted. The panel is closed by then. */
  readonly insert: (hit: PictureHit) => PromiseLike<void>;
  readonly open: (hit: PictureHit) => PromiseLike<void>;
}

const VIEW = 'matcoder.pictures';
const LIMIT = 60;
/** Drawn twice as large as shown, for screens of many pixels. */
const THUMBNAIL_SIDE = 96;
const MAX_THUMBNAIL_BYTES = 60_000;

/** The tab in which a picture is found: a box for words and a grid of pictures. */
export class PicturePanel implements vscode.Disposable {
  private readonly panel: vscode.WebviewPanel;
  private readonly live: LiveQuery<PictureHit>;
  private readonly stopListening: () => void;
  private hits: readonly PictureHit[] = [];
  private readonly ids = new Map<string, number>();
  private readonly byId: PictureHit[] = [];
  /** The thumbnails that the page has. */
  private readonly sent = new Set<number>();
  private words = '';
  private isBusy = false;
  private fault: string | undefined;
  private thumbnails = new AbortController();

  /** @param like others are to be like this; undefined for words */
  constructor(
    private readonly parts: PicturePanelParts,
    private like: LikePicture | undefined,
    private readonly onDispose: () => void,
  ) {
    const { extensionUri, search, sizeFor, clock } = parts;
    const title = t('Find Icon or Picture');
    this.panel = vscode.window.createWebviewPanel(VIEW, title, vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.joinPath(extensionUri, 'dist')],
    });
    this.panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media', 'icon.png');
    this.live = new LiveQuery<PictureHit>({
      clock,
      // A picture is embedded by one size: it does not grow letter by letter.
      sizeFor: (isPausing) => (this.words === '' ? undefined : sizeFor(isPausing)),
      search: (_, options) => {
        const query = this.words === '' && this.like ? this.like : { words: this.words };
        return search.pictures(query, { ...options, limit: LIMIT });
      },
      onAnswer: (answer, isRefined) => {
        this.answered(answer, isRefined);
      },
      onFault: (error) => {
        this.fault = messageOf(error);
        this.showNone();
      },
      onEmpty: () => {
        this.fault = undefined;
        this.showNone();
      },
      onBusy: (isBusy) => {
        this.isBusy = isBusy;
        this.status();
      },
    });
    this.stopListening = search.onProgress(() => {
      this.live.again();
      this.status();
    });
    this.panel.webview.onDidReceiveMessage((message: unknown) => {
      this.receive(message);
    });
    this.panel.onDidDispose(() => {
      this.stop();
      this.onDispose();
    });
    this.panel.webview.html = pageOf(this.panel.webview, extensionUri, 'pictures', { title, hasPictures: true });
  }

  dispose(): void {
    this.panel.dispose();
  }

  private stop(): void {
    this.stopListening();
    this.thumbnails.abort();
    this.live.dispose();
  }

  private receive(message: unknown): void {
    const known = fromPage(message);
    switch (known?.type) {
      case 'ready':
        this.sent.clear(); // the editor discards a page that is hidden
        this.post({ type: 'begin', words: this.words, like: this.like?.name });
        this.ask();
        this.show(true);
        break;
      case 'query':
        this.words = known.words.trim();
        this.ask();
        break;
      case 'unlike':
        this.like = undefined;
        this.ask();
        break;
      case 'insert':
      case 'open': {
        const hit = this.byId[known.id];
        if (!hit) break;
        const { insert, open } = this.parts;
        this.dispose();
        void (known.type === 'insert' ? insert : open)(hit);
        break;
      }
      case 'build':
        this.parts.buildNow();
        break;
      case 'close':
        this.dispose();
    }
  }

  private ask(): void {
    const like = this.like && `\0${this.like.name}`; // different from all words
    this.live.type(this.words === '' ? (like ?? '') : this.words);
  }

  private answered({ hits }: SearchAnswer<PictureHit>, isRefined: boolean): void {
    this.fault = undefined;
    this.hits = hits;
    this.show(!isRefined);
    this.status();
  }

  private showNone(): void {
    this.hits = [];
    this.show(true);
    this.status();
  }

  /** @param isOther the results of another query */
  private show(isOther: boolean): void {
    this.thumbnails.abort();
    this.thumbnails = new AbortController();
    const pictures = this.hits.map((hit) => shownOf(hit, this.idOf(hit)));
    this.post({ type: 'pictures', pictures, isOther });
    for (const hit of this.hits) void this.sendThumbnail(hit, this.thumbnails.signal);
  }

  private async sendThumbnail(hit: PictureHit, signal: AbortSignal): Promise<void> {
    const id = this.idOf(hit);
    if (this.sent.has(id)) return;
    try {
      const content = await this.parts.search.content(hit, signal);
      if (!content || signal.aborted) return;
      const { png, isShape } = await this.parts.reader.thumbnail(content.bytes, THUMBNAIL_SIDE, signal);
      if (png.length > MAX_THUMBNAIL_BYTES) return;
      const url = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
      this.sent.add(id);
      this.post({ type: 'thumbnail', id, url, isShape });
    } catch {
      // It has gone or cannot be drawn any more: its name is shown.
    }
  }

  private status(): void {
    const isWaiting = this.parts.search.progress.now.state === 'waiting';
    this.post({ type: 'status', text: this.statusText(), isBusy: this.isBusy, isWaiting });
  }

  private statusText(): string {
    if (this.fault !== undefined) return t('The search has failed: {0}', this.fault);
    const { progress } = this.parts.search;
    const described = progress.now.state === 'ready' ? undefined : describeSearch(progress);
    const state = described && localised(described);
    const isAsked = this.words !== '' || this.like !== undefined;
    if (!isAsked || this.isBusy) return state ?? '';
    const found =
      this.hits.length === 0
        ? t('Nothing found')
        : this.hits.length === 1
          ? t('1 picture')
          : t('{0} pictures', this.hits.length);
    return state === undefined ? found : `${found} • ${state}`;
  }

  private idOf(hit: PictureHit): number {
    const key = keyOf(hit);
    const id = this.ids.get(key) ?? this.byId.push(hit) - 1;
    this.ids.set(key, id);
    return id;
  }

  private post(message: ToPage): void {
    void this.panel.webview.postMessage(message);
  }
}

function keyOf({ root, path, name, set }: PictureHit): string {
  return JSON.stringify([root, path, name, set]);
}

function shownOf({ path, name, set }: PictureHit, id: number): ShownPicture {
  const folder = path.replace(/^node_modules\//, '').replace(/\/?[^/]*$/, '');
  return { id, name, place: set ?? folder };
}
