/** The page that finds a picture: a box for words, and a grid of what was found. */
import { t } from '@vscode/l10n';
import { type Bundle, useLanguage } from '../../../localisation/language';
import { html } from '../../dashboard/page/dom';
import { type FromPage, MAX_WORDS_CHARS, type ToPage } from '../state';
import { Grid } from './grid';

interface Host {
  postMessage(message: FromPage): void;
}
declare function acquireVsCodeApi(): Host;

const host = acquireVsCodeApi();
const translations = JSON.parse(document.getElementById('translations')?.textContent ?? 'null') as Bundle | null;
useLanguage(document.documentElement.lang, translations ?? undefined);

const box = html('input', {
  type: 'search',
  id: 'words',
  maxlength: MAX_WORDS_CHARS,
  autocomplete: 'off',
  spellcheck: 'false',
  placeholder: t('Words for the picture: “rubbish bin”'),
  'aria-label': t('Words for the picture'),
  'aria-describedby': 'keys',
});
const like = html('p', { class: 'like' });
const status = html('p', { class: 'status', role: 'status' });
const build = html('button', { type: 'button' }, [t('Build the Index Now')]);
build.addEventListener('click', () => {
  host.postMessage({ type: 'build' });
});
const grid = new Grid({
  onInsert: (id) => {
    host.postMessage({ type: 'insert', id });
  },
  onOpen: (id) => {
    host.postMessage({ type: 'open', id });
  },
  onLeave: () => {
    box.focus();
  },
});
const keys = html('p', { class: 'keys', id: 'keys' }, [
  t('Arrow keys choose, Enter inserts, Ctrl+Enter opens the file, Escape closes.'),
]);

box.addEventListener('input', () => {
  host.postMessage({ type: 'query', words: box.value });
});
box.addEventListener('keydown', (event) => {
  if (event.isComposing) return; // an input method has the keys
  if (event.key === 'ArrowDown' && grid.focus()) event.preventDefault();
  if (event.key === 'Enter' && grid.chosen !== undefined)
    host.postMessage({ type: event.ctrlKey || event.metaKey ? 'open' : 'insert', id: grid.chosen });
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !event.isComposing) {
    event.preventDefault(); // it would empty the box
    host.postMessage({ type: 'close' });
  }
  const isText = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (isText && document.activeElement !== box) box.focus(); // and the key goes there
});

function showLike(name: string | undefined): void {
  if (name === undefined) {
    like.replaceChildren();
    return;
  }
  const remove = html('button', { type: 'button' }, [t('Search by Words')]);
  remove.addEventListener('click', () => {
    showLike(undefined);
    host.postMessage({ type: 'unlike' });
    box.focus();
  });
  like.replaceChildren(t('Pictures like {0}', name), ' ', remove);
}

/** Some parts are there only while they are of use, because what is hidden may still be read out. */
function showIn(parent: HTMLElement, part: HTMLElement, isShown: boolean): void {
  if (isShown === part.isConnected) return;
  const hadFocus = part.contains(document.activeElement);
  if (isShown) parent.append(part);
  else part.remove();
  if (hadFocus) box.focus();
}

const header = html('header', {}, [html('h1', { class: 'spoken' }, [t('Find Icon or Picture')]), box, like, status]);
const main = html('main', {}, []);
document.body.append(header, main, html('footer', {}, [keys]));
window.addEventListener('message', ({ data }: MessageEvent<ToPage>) => {
  switch (data.type) {
    case 'begin':
      box.value = data.words;
      showLike(data.like);
      break;
    case 'pictures':
      showIn(main, grid.element, data.pictures.length > 0);
      grid.show(data.pictures, data.isOther);
      break;
    case 'thumbnail':
      grid.draw(data);
      break;
    case 'status':
      // A screen reader would say each change of a number while files are read.
      if (status.textContent !== data.text) status.textContent = data.text;
      grid.element.setAttribute('aria-busy', String(data.isBusy));
      showIn(header, build, data.isWaiting);
  }
});
window.addEventListener('focus', () => {
  if (document.activeElement === document.body) box.focus();
});
box.focus();
host.postMessage({ type: 'ready' });
