/** The dashboard's page: shows each state that the extension sends, and sends the commands of its buttons. */
import { bytes, count, millisecondsOrNone, percent, ratio } from '../../format';
import { type DashboardCommand, type DashboardState, type FromPage, RECENT_SPAN_MS, type ToPage } from '../state';
import { html, table } from './dom';
import { frontierPlot, frontierTable } from './frontierPlot';
import { timePlot, timeTable } from './timePlot';

/** The editor's interface for a page. */
interface Host {
  postMessage(message: FromPage): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): Host;

const host = acquireVsCodeApi();

/** A part of the page that is redrawn only if its content has changed, so that a reader is not interrupted. */
class PagePart {
  readonly element: HTMLElement;
  private shown = '';

  constructor(name: 'div' | 'section' | 'p', className: string) {
    this.element = html(name, { class: className });
  }

  show(content: unknown, draw: () => readonly (Element | string)[]): void {
    const key = JSON.stringify([content, this.element.clientWidth]);
    if (key === this.shown) return;
    this.shown = key;
    this.element.replaceChildren(...draw());
  }
}

const parts = {
  engine: new PagePart('p', 'engine'),
  choice: new PagePart('p', 'choice'),
  periods: new PagePart('div', 'periods'),
  frontier: new PagePart('div', 'plot'),
  frontierTable: new PagePart('div', 'table'),
  time: new PagePart('div', 'plot'),
  timeTable: new PagePart('div', 'table'),
  bySize: new PagePart('div', 'table'),
  machine: new PagePart('div', 'table'),
};

function button(label: string, command: DashboardCommand): HTMLElement {
  const element = html('button', { type: 'button' }, [label]);
  element.addEventListener('click', () => {
    host.postMessage({ type: 'command', command });
  });
  return element;
}

/** A section that can be opened, and stays open or closed when the page is hidden and shown again. */
function details(id: string, label: string, content: HTMLElement): HTMLElement {
  const element = html('details', { id }, [html('summary', {}, [label]), content]);
  const open = new Set(openDetails());
  element.open = open.has(id);
  element.addEventListener('toggle', () => {
    const others = openDetails().filter((other) => other !== id);
    host.setState({ open: element.open ? [...others, id] : others });
  });
  return element;
}

function openDetails(): string[] {
  const state = host.getState() as { open?: string[] } | undefined;
  return state?.open ?? [];
}

function section(id: string, title: string, ...content: HTMLElement[]): HTMLElement {
  return html('section', { 'aria-labelledby': id }, [html('h2', { id }, [title]), ...content]);
}

/** Over the whole width of the page. */
function wide(element: HTMLElement): HTMLElement {
  element.classList.add('wide');
  return element;
}

const page = html('main', {}, [
  html('header', {}, [
    html('h1', {}, ['MatCoder']),
    parts.engine.element,
    html('div', { class: 'buttons' }, [
      button('Choose Model Size', 'pickSubmodel'),
      button('Show Log', 'showLog'),
      button('Reset Statistics', 'resetStatistics'),
    ]),
  ]),
  section('now', 'Now', parts.choice.element, parts.machine.element),
  section('sizes', 'By size', parts.bySize.element),
  wide(section('use', 'Benefit', parts.periods.element)),
  section(
    'frontier',
    'The frontier',
    parts.frontier.element,
    details('frontier-table', 'As a table', parts.frontierTable.element),
  ),
  section(
    'time',
    'The last ten minutes',
    parts.time.element,
    details('time-table', 'As a table', parts.timeTable.element),
  ),
  html('footer', {}, [
    html('p', {}, [
      'Counts of the last thirty days of use. They stay on this machine. A suggestion counts as shown if it was ' +
        'visible for three quarters of a second, or was accepted earlier. Weight bytes read are an energy proxy, ' +
        'because this kind of work is bound by memory bandwidth.',
    ]),
  ]),
]);

function show(state: DashboardState): void {
  const { engine, choice, frontier, recent, sizes, periods, bySize, machine } = state;
  parts.engine.show(engine, () => [engine.text]);
  parts.choice.show(choice, () =>
    choice
      ? [html('strong', {}, [choice.name]), ` ${choice.by}: ${choice.reason}.`]
      : ['No completion in this window yet. Type in a file, and the size that answers appears here.'],
  );
  parts.machine.show(machine, () => [
    table(
      'The machine',
      [{ title: 'Sensor' }, { title: 'Reading' }],
      machine.map(({ name, value }) => [name, value]),
    ),
  ]);
  parts.periods.show(periods, () => periods.map(period));
  if (frontier.length === 0) {
    parts.frontier.show('', () => [empty('This model has no measured frontier.')]);
    parts.frontierTable.show('', () => []);
  } else {
    parts.frontier.show([frontier, choice?.name], () => [
      frontierPlot(frontier, choice, parts.frontier.element.clientWidth),
    ]);
    parts.frontierTable.show([frontier, choice?.name], () => [frontierTable(frontier, choice)]);
  }
  if (recent.length === 0) {
    parts.time.show('', () => [empty('No completion in the last ten minutes.')]);
    parts.timeTable.show('', () => []);
  } else {
    parts.time.show([recent, sizes], () => [timePlot(recent, sizes, RECENT_SPAN_MS, parts.time.element.clientWidth)]);
    parts.timeTable.show(recent, () => [timeTable(recent)]);
  }
  parts.bySize.show(bySize, () => [bySizeTable(bySize)]);
}

function empty(text: string): HTMLElement {
  return html('p', { class: 'empty' }, [text]);
}

function period({
  title,
  savedKeys,
  shown,
  accepted,
  p50Ms,
  p95Ms,
  autoBytes,
  autoBytesByXL,
}: DashboardState['periods'][number]): HTMLElement {
  const figure = (name: string, value: string, note: string) =>
    html('div', { class: 'figure' }, [
      html('dt', {}, [name]),
      html('dd', {}, [value]),
      html('dd', { class: 'note' }, [note]),
    ]);
  const saved = autoBytesByXL > 0 ? 1 - autoBytes / autoBytesByXL : undefined;
  return html('section', { class: 'period', 'aria-label': title }, [
    html('h3', {}, [title]),
    html('dl', {}, [
      figure('Keystrokes saved', count(savedKeys), 'accepted characters, less the keys that accepted them'),
      figure(
        'Accepted',
        shown > 0 ? percent(accepted / shown) : '–',
        shown > 0 ? `${count(accepted)} of ${count(shown)} shown` : 'no suggestion was shown yet',
      ),
      figure(
        'Latency',
        millisecondsOrNone(p50Ms),
        p95Ms === undefined ? 'no completion was measured yet' : `median; 95% within ${millisecondsOrNone(p95Ms)}`,
      ),
      figure(
        'Weight bytes read',
        saved === undefined ? '–' : saved >= 0 ? `${percent(saved)} less` : `${percent(-saved)} more`,
        saved === undefined
          ? 'Auto has not chosen a size yet'
          : `than always using XL: ${bytes(autoBytes)} instead of ${bytes(autoBytesByXL)}`,
      ),
    ]),
  ]);
}

function bySizeTable(rows: DashboardState['bySize']): HTMLElement {
  if (rows.length === 0) return empty('No completion yet.');
  const columns = [
    { title: 'Size' },
    { title: 'Requests', isNumber: true },
    { title: 'Shown', isNumber: true },
    { title: 'Accepted', isNumber: true },
    { title: 'Median', isNumber: true },
    { title: '95%', isNumber: true },
  ];
  return table(
    'M+ is a submodel between M and L',
    columns,
    rows.map((r) => [
      r.shortName,
      count(r.requests),
      count(r.shown),
      ratio(r.accepted, r.shown),
      millisecondsOrNone(r.p50Ms),
      millisecondsOrNone(r.p95Ms),
    ]),
  );
}

let latest: DashboardState | undefined;
document.body.append(page);
window.addEventListener('message', (event: MessageEvent<ToPage>) => {
  latest = event.data.state;
  show(latest);
});
new ResizeObserver(() => {
  if (latest) show(latest);
}).observe(page);
host.postMessage({ type: 'ready' });
