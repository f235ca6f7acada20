import assert from 'node:assert/strict';
import { verbatim } from '../../../src/localisation/phrase';
import { type PastOutcome, PastOutcomes } from '../../../src/ui/pastOutcomes';

type Kind = PastOutcome['kind'];

describe('past outcomes', () => {
  let past: PastOutcomes;
  let timeMs: number;
  beforeEach(() => {
    past = new PastOutcomes();
    timeMs = 0;
  });
  const add = (kind: Kind, reason = 'because', document = 'file:///a.ts') => {
    past.add({ kind, reason: verbatim(reason), document, fileName: document.slice(8), timeMs: timeMs++ });
  };
  const told = () => past.last(10).map(({ kind, times }) => `${kind} ${times}`);

  it('are listed newest first', () => {
    add('shown');
    add('empty');
    assert.deepEqual(told(), ['empty 1', 'shown 1']);
  });

  it('count as one if they are the same in a row, with the time of the newest', () => {
    add('gated', 'text is selected');
    add('gated', 'text is selected');
    add('gated', 'there is more than one cursor');
    assert.deepEqual(told(), ['gated 1', 'gated 2']);
    assert.equal(past.last(2)[1]?.timeMs, 1);
  });

  it('count as one if typing goes on, whatever the pace', () => {
    add('declined', 'typing at 80 ms a key');
    add('declined', 'typing at 90 ms a key');
    assert.deepEqual(told(), ['declined 2']);
    assert.deepEqual(past.last(1)[0]?.reason, verbatim('typing at 90 ms a key'));
  });

  it('of other documents stay apart', () => {
    add('declined');
    add('declined', 'because', 'file:///b.ts');
    assert.deepEqual(told(), ['declined 1', 'declined 1']);
    assert.equal(past.lastIn('file:///a.ts')?.fileName, 'a.ts');
    assert.equal(past.lastIn('file:///c.ts'), undefined);
  });

  it('give the last one of a document that was not superseded, if there is one', () => {
    add('superseded');
    assert.equal(past.lastIn('file:///a.ts')?.kind, 'superseded');
    add('empty');
    add('superseded');
    assert.equal(past.lastIn('file:///a.ts')?.kind, 'empty');
  });

  it('are forgotten together', () => {
    add('shown');
    past.clear();
    assert.deepEqual(told(), []);
  });

  it('are bounded', () => {
    for (let i = 0; i < 500; i++) add('empty', `reason ${i}`);
    assert.ok(past.last(1000).length <= 50);
  });
});
