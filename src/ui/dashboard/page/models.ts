import { t } from '@vscode/l10n';
import { bytes, decimal, milliseconds, millisecondsOrNone, percent } from '../../format';
import { describeModel } from '../../models/texts';
import type { ImportedModel, ModelAction } from '../state';
import { html, table } from './dom';

/** The imported models, or what can be done if there are none. */
export function modelCards(models: readonly ImportedModel[]): HTMLElement[] {
  if (models.length > 0) return models.map(card);
  return [
    html('p', { class: 'empty' }, [
      t(
        'No model is imported. A model that you have as a GGUF file or a Hugging Face folder can complete next to ' +
          'MatCoder’s own one.',
      ),
    ]),
  ];
}

/** The action and the model of a button that was pressed; undefined if none was. */
export function pressed(target: EventTarget | null): { action: ModelAction; id: string } | undefined {
  const button = target instanceof Element ? target.closest<HTMLElement>('button[data-action]') : null;
  const { action, model } = button?.dataset ?? {};
  return action === undefined || model === undefined ? undefined : { action: action as ModelAction, id: model };
}

function card(model: ImportedModel, index: number): HTMLElement {
  const title = `model-${index}`;
  const { isInUse, broken, hasPage, canFindSizes, sizes } = model;
  const button = (action: ModelAction, label: string) =>
    // Several models have buttons of the same name: the description says which one it is.
    html('button', { type: 'button', 'data-action': action, 'data-model': model.id, 'aria-describedby': title }, [
      label,
    ]);
  return html('section', { class: 'model', 'aria-labelledby': title }, [
    html('h3', { id: title }, [model.name]),
    html('p', { class: 'note' }, [factsOf(model)]),
    html('dl', {}, figuresOf(model)),
    ...sizesOf(model),
    html('div', { class: 'buttons' }, [
      ...(broken !== undefined ? [] : [isInUse ? button('stop', t('Stop Using It')) : button('use', t('Use It'))]),
      ...(broken !== undefined ? [] : [button('measure', t('Measure on My Files'))]),
      ...(canFindSizes
        ? [button('findSizes', sizes.length > 0 ? t('Find Sizes Again…') : t('Find Smaller Sizes…'))]
        : []),
      ...(hasPage ? [button('openPage', t('Open Its Page'))] : []),
      button('rename', t('Rename…')),
      button('delete', t('Delete…')),
    ]),
  ]);
}

function factsOf({ broken, isPrefixOnly, isInUse, state, isForAuto, licence, ...model }: ImportedModel): string {
  const facts = describeModel(model);
  return [
    licence === undefined ? t('{0}.', facts) : t('{0}. Licence: {1}.', facts, licence),
    ...(broken === undefined ? [] : [t('It is broken: {0} is missing or damaged.', broken)]),
    ...(isPrefixOnly ? [t('It completes from the text before the cursor alone.')] : []),
    ...(isInUse ? [t('It is in use.')] : []),
    ...(state === undefined ? [] : [/[.!?。]$/.test(state) ? state : t('{0}.', state)]),
    ...(isForAuto
      ? []
      : [
          t(
            'MatCoder’s own model predicts your files better, so Auto keeps to that. Choose Model Size can let this one answer.',
          ),
        ]),
  ].join(' ');
}

/** The sizes as a table, on whose text they were measured, and why there are none if they were looked for. */
function sizesOf({ name, sizes, elasticity, sizesFault }: ImportedModel): HTMLElement[] {
  const columns = [
    { title: t('Size') },
    { title: t('Share of the FFN'), isNumber: true },
    { title: t('Read per token'), isNumber: true },
    { title: t('Bits per byte'), isNumber: true },
    { title: t('More bits'), isNumber: true },
    { title: t('Latency'), isNumber: true },
  ];
  const shown = <T>(value: T | undefined, format: (known: T) => string) => (value === undefined ? '–' : format(value));
  const rows = sizes.map((size) => [
    size.name,
    percent(size.ffnShare),
    shown(size.bytesPerToken, bytes),
    shown(size.bitsPerByte, (bits) => decimal(bits, 3)),
    shown(size.moreBits, percent),
    millisecondsOrNone(size.typicalMs),
  ]);
  return [
    ...(sizes.length === 0
      ? []
      : [html('div', { class: 'table' }, [table(t('The sizes of {0}', name), columns, rows)])]),
    ...(sizes.length === 0 || elasticity === undefined ? [] : [html('p', { class: 'note' }, [sampleNote(elasticity)])]),
    ...(sizesFault === undefined ? [] : [html('p', { class: 'note' }, [faultNote(sizesFault, sizes.length > 0)])]),
  ];
}

/** A search that finds nothing leaves the sizes that an earlier one has found. */
function faultNote(fault: string, hasSizes: boolean): string {
  return hasSizes
    ? t('The last search found no smaller sizes, so these stay: {0}', fault)
    : t('No smaller sizes were found: {0}', fault);
}

function sampleNote({ sample, heldOutBytes = 0 }: NonNullable<ImportedModel['elasticity']>): string {
  return sample === 'bundled'
    ? t(
        'Bits per byte are on {0} of sources of MatCoder, because there were too few files of yours.',
        bytes(heldOutBytes),
      )
    : t('Bits per byte are on {0} of your files that the search for sizes has not seen.', bytes(heldOutBytes));
}

function figuresOf({ diskBytes, typicalMs, bitsPerByte }: ImportedModel): HTMLElement[] {
  const figure = (name: string, value: string, note: string) =>
    html('div', { class: 'figure' }, [
      html('dt', {}, [name]),
      html('dd', {}, [value]),
      html('dd', { class: 'note' }, [note]),
    ]);
  const gain =
    bitsPerByte?.withMemory === undefined
      ? []
      : [
          figure(
            t('Workspace memory'),
            percent(1 - bitsPerByte.withMemory / bitsPerByte.own),
            t('fewer bits with the memory of the workspace'),
          ),
        ];
  return [
    figure(t('On the disk'), bytes(diskBytes), t('in the storage of MatCoder')),
    ...(typicalMs === undefined
      ? []
      : [figure(t('Latency'), milliseconds(typicalMs), t('a typical completion on this machine'))]),
    ...(bitsPerByte === undefined
      ? []
      : [figure(t('Bits per byte'), decimal(bitsPerByte.own, 3), bitsNote(bitsPerByte))]),
    ...gain,
  ];
}

function bitsNote({ shipped, textBytes }: NonNullable<ImportedModel['bitsPerByte']>): string {
  const [own, text] = [shipped === undefined ? undefined : decimal(shipped, 3), bytes(textBytes)];
  return own === undefined
    ? t('on {0} of your files; lower is better', text)
    : t('on {0} of your files; lower is better; MatCoder’s own model has {1}', text, own);
}
