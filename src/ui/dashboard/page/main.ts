/** The dashboard's page: shows each state that the extension sends, and sends the commands of its buttons. */
import { t } from '@vscode/l10n';
import { type Bundle, useLanguage } from '../../../localisation/language';
import { bytes, count, millisecondsOrNone, percent, percentile95, ratio } from '../../format';
import { type DashboardCommand, type DashboardState, RECENT_SPAN_MS, type ToPage } from '../state';
import { html, orNone, table } from './dom';
import { FRONTIER_TABLE, frontierPlot, frontierTable } from './frontierPlot';
import { keep, kept, send } from './host';
import { modelCards, pressed } from './models';
import { PagePart } from './part';
import { scrollsByKey, tablesScrollByKey } from './scrolling';
import { TIME_TABLE, timePlot, timeTable } from './timePlot';
import { Updates } from './updates';

const translations = JSON.parse(document.getElementById('translations')?.textContent ?? 'null') as Bundle | null;
useLanguage(document.documentElement.lang, translations ?? undefined);

const parts = {
  // Announced when the engine starts, stops or changes, which is rare. Nothing else is, because it changes with each key.
  engine: new PagePart('p', { class: 'engine', role: 'status' }),
  choice: new PagePart('p', { class: 'choice' }),
  periods: new PagePart('div', { class: 'periods' }),
  frontier: new PagePart('div', { class: 'plot' }),
  frontierTable: new PagePart('div', { class: 'table' }),
  time: new PagePart('div', { class: 'plot' }),
  timeTable: new PagePart('div', { class: 'table' }),
  bySize: new PagePart('div', { class: 'table' }),
  machine: new PagePart('div', { class: 'table' }),
  models: new PagePart('div', { class: 'models' }),
};

const updates = new Updates(show);

/** The button that has opened a picker, until something else on the page gets the focus. */
let lastPressed: HTMLElement | undefined;
// VS Code gives the focus back to the page when its picker is closed, sometimes in several steps, but not to the button.
window.addEventListener('focus', () => {
  if (document.activeElement === document.body) lastPressed?.focus();
});
document.addEventListener('focusin', ({ target }) => {
  if (target !== lastPressed) lastPressed = undefined;
});

function button(label: string, command: DashboardCommand): HTMLElement {
  const element = html('button', { type: 'button' }, [label]);
  element.addEventListener('click', () => {
    lastPressed = element;
    send({ type: 'command', command });
  });
  return element;
}

/** A section that can be opened, and stays open or closed when the page is hidden and shown again. */
function details(id: string, label: string, content: HTMLElement): HTMLElement {
  const element = html('details', { id }, [html('summary', {}, [label]), content]);
  element.open = kept().open?.includes(id) ?? false;
  element.addEventListener('toggle', () => {
    const others = kept().open?.filter((other) => other !== id) ?? [];
    keep({ open: element.open ? [...others, id] : others });
  });
  return element;
}

function section(id: string, title: string, ...content: HTMLElement[]): HTMLElement {
  return html('section', { 'aria-labelledby': id }, [html('h2', { id }, [title]), ...content]);
}

/** Over the whole width of the page. */
function wide(element: HTMLElement): HTMLElement {
  element.classList.add('wide');
  return element;
}

/** The data of a plot as a table, under it. */
function asTable(id: string, label: string, { element }: PagePart): HTMLElement {
  return details(id, label, scrollsByKey(element, label));
}

const main = html('main', {}, [
  section('now', t('Now'), parts.choice.element, scrollsByKey(parts.machine.element, t('The machine'))),
  section('sizes', t('By size'), scrollsByKey(parts.bySize.element, t('By size'))),
  wide(section('use', t('Benefit'), parts.periods.element)),
  section(
    'frontier',
    t('The frontier'),
    parts.frontier.element,
    asTable(FRONTIER_TABLE, t('The frontier as a table'), parts.frontierTable),
  ),
  section(
    'time',
    t('The last ten minutes'),
    parts.time.element,
    asTable(TIME_TABLE, t('The last ten minutes as a table'), parts.timeTable),
  ),
  wide(
    section(
      'models',
      t('Imported models'),
      parts.models.element,
      html('div', { class: 'buttons import' }, [button(t('Import a Model…'), 'importModel')]),
    ),
  ),
]);
// The elements of a part are reused for other models, so the part itself listens.
tablesScrollByKey(parts.models.element);
parts.models.element.addEventListener('click', ({ target }) => {
  const found = pressed(target);
  if (found) send({ type: 'model', ...found });
});

const page = [
  html('header', {}, [
    html('h1', {}, ['MatCoder']),
    parts.engine.element,
    html('div', { class: 'buttons' }, [
      button(t('Choose Model Size'), 'pickSubmodel'),
      button(t('Show Log'), 'showLog'),
      button(t('Reset Statistics'), 'resetStatistics'),
      updates.button,
    ]),
    updates.note,
  ]),
  main,
  html('footer', {}, [
    html('p', {}, [
      t(
        'Counts of the last thirty days of use. They stay on this machine. A suggestion counts as shown if it was ' +
          'visible for three quarters of a second, or was accepted earlier. Weight bytes read are an energy proxy, ' +
          'because this kind of work is bound by memory bandwidth.',
      ),
    ]),
  ]),
];

function show(state: DashboardState): void {
  const { engine, choice, frontier, recent, sizes, periods, bySize, machine, models } = state;
  parts.choice.show([choice, engine.ready], () =>
    choice
      ? [html('strong', {}, [choice.name]), ' ', chosenBecause(choice)]
      : [
          engine.ready
            ? t('No completion in this window yet. Type in a file, and the size that answers appears here.')
            : t(
                'The engine does not run. The line next to the title says why, and a click on MatCoder in the status bar what to do.',
              ),
        ],
  );
  parts.machine.show(machine, () => [
    table(
      t('The machine'),
      [{ title: t('Sensor') }, { title: t({ message: 'Reading', comment: ['the value that a sensor reads'] }) }],
      machine.map(({ name, value }) => [name, value]),
    ),
  ]);
  parts.periods.show(periods, () => periods.map(period));
  if (frontier.length === 0) {
    parts.frontier.show(engine.ready, () => [
      empty(engine.ready ? t('This model has no measured frontier.') : t('No model is running.')),
    ]);
    parts.frontierTable.show('', () => []);
  } else {
    parts.frontier.show([frontier, choice?.name], () => [
      frontierPlot(frontier, choice, parts.frontier.element.clientWidth),
    ]);
    parts.frontierTable.show([frontier, choice?.name], () => [frontierTable(frontier, choice)]);
  }
  if (recent.length === 0) {
    parts.time.show('', () => [empty(t('No completion in the last ten minutes.'))]);
    parts.timeTable.show('', () => []);
  } else {
    parts.time.show([recent, sizes], () => [timePlot(recent, sizes, RECENT_SPAN_MS, parts.time.element.clientWidth)]);
    parts.timeTable.show(recent, () => [timeTable(recent)]);
  }
  parts.bySize.show(bySize, () => [bySizeTable(bySize)]);
  parts.models.show(models, () => modelCards(models));
}

function chosenBecause({ by, reason }: NonNullable<DashboardState['choice']>): string {
  return t({
    message: '{0}: {1}.',
    args: [by, reason],
    comment: ['{0} is the setting: Auto. {1} is the reason: typing at 180 ms a key: M answers in about 20 ms'],
  });
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
      html('dd', {}, orNone(value)),
      html('dd', { class: 'note' }, [note]),
    ]);
  const saved = autoBytesByXL > 0 ? 1 - autoBytes / autoBytesByXL : undefined;
  return html('section', { class: 'period', 'aria-label': title }, [
    html('h3', {}, [title]),
    html('dl', {}, [
      figure(t('Keystrokes saved'), count(savedKeys), t('accepted characters, less the keys that accepted them')),
      figure(
        t('Accepted'),
        shown > 0 ? percent(accepted / shown) : '–',
        shown > 0 ? t('{0} of {1} shown', count(accepted), count(shown)) : t('no suggestion was shown yet'),
      ),
      figure(
        t('Latency'),
        millisecondsOrNone(p50Ms),
        p95Ms === undefined
          ? t('no completion was measured yet')
          : t('median; 95% within {0}', millisecondsOrNone(p95Ms)),
      ),
      figure(
        t('Weight bytes read'),
        saved === undefined ? '–' : saved >= 0 ? t('{0} less', percent(saved)) : t('{0} more', percent(-saved)),
        saved === undefined
          ? t('Auto has not chosen a size yet')
          : t('compared with always using XL: {0} instead of {1}', bytes(autoBytes), bytes(autoBytesByXL)),
      ),
    ]),
  ]);
}

function bySizeTable(rows: DashboardState['bySize']): HTMLElement {
  if (rows.length === 0) return empty(t('No completion yet.'));
  const columns = [
    { title: t('Size') },
    { title: t('Requests'), isNumber: true },
    { title: t('Shown'), isNumber: true },
    { title: t('Accepted'), isNumber: true },
    { title: t('Median'), isNumber: true },
    { title: percentile95(), isNumber: true },
  ];
  return table(
    t('M+ is a submodel between M and L'),
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

document.body.append(...page);
window.addEventListener('message', ({ data }: MessageEvent<ToPage>) => {
  if (data.type === 'showModels') {
    const heading = document.getElementById('models');
    heading?.setAttribute('tabindex', '-1'); // so that it takes the focus, but not by the Tab key
    heading?.focus();
    heading?.scrollIntoView();
    return;
  }
  const { engine } = data.state;
  parts.engine.show(engine, () => [engine.text]);
  updates.receive(data);
});
new ResizeObserver(() => {
  updates.resized();
}).observe(main);
send({ type: 'ready' });
