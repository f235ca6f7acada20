import assert from 'node:assert/strict';
import { countsOf, merge, NO_USAGE, type UsageCounts } from '../../../src/statistics/counts';
import { keysFor, SuggestionTracker } from '../../../src/statistics/suggestionTracker';

/** A hand that is offered `push(name);` at offset 10 by request 1, at time 0. */
class Hand {
  counts: UsageCounts = NO_USAGE;
  private readonly tracker = new SuggestionTracker((event) => {
    this.counts = merge(this.counts, countsOf(event));
  });
  private offset = 10;
  private rest = 'push(name);';
  private request = 0;
  private timeMs = 0;

  constructor() {
    this.offer();
  }

  /** The next request offers what is left, or something else. */
  offer(text = this.rest): this {
    this.rest = text;
    const offer = { request: ++this.request, document: 'a.ts', offset: this.offset, text, size: 'M' };
    this.tracker.offered(offer, this.timeMs);
    return this;
  }

  wait(ms: number): this {
    this.timeMs += ms;
    return this;
  }

  /** The text enters the document at the cursor in one change. */
  insert(text: string): this {
    this.tracker.edited('a.ts', this.offset, text, this.timeMs);
    this.offset += text.length;
    if (this.rest.startsWith(text)) this.rest = this.rest.slice(text.length);
    this.tracker.moved('a.ts', this.offset, this.timeMs);
    return this;
  }

  /** Types character by character; the suggestion is offered again after each. */
  type(text: string): this {
    for (const character of text) this.wait(100).insert(character).offer();
    return this;
  }

  tab(request = this.request): this {
    this.insert(this.rest);
    this.tracker.accepted(request, undefined, this.timeMs);
    return this;
  }

  /** Takes another of those that were offered together. */
  take(alternative: string): this {
    this.insert(alternative);
    this.tracker.accepted(this.request, alternative, this.timeMs);
    return this;
  }

  go(offset: number): this {
    this.tracker.moved('a.ts', offset, this.timeMs);
    return this;
  }

  get came(): string {
    const { shown = 0, accepted = 0 } = this.counts.sizes.M ?? {};
    return `${shown} shown, ${accepted} accepted, ${this.counts.savedKeys} keys saved`;
  }
}

describe('a suggestion', () => {
  const cases: [string, (hand: Hand) => Hand, string][] = [
    ['counts as accepted when Tab takes it, at once', (hand) => hand.tab(), '1 shown, 1 accepted, 10 keys saved'],
    ['saves what was left when Tab took it', (hand) => hand.type('push').tab(), '1 shown, 1 accepted, 6 keys saved'],
    [
      'is accepted also if the editor reports an earlier request that offered it',
      (hand) => hand.type('push').tab(2),
      '1 shown, 1 accepted, 6 keys saved',
    ],
    [
      'counts with the length of the alternative that was taken instead',
      (hand) => hand.take('this.push(name);'),
      '1 shown, 1 accepted, 15 keys saved',
    ],
    [
      'counts once if it is accepted word by word and then entirely',
      (hand) => hand.insert('push').offer().insert('(name').offer().tab(),
      `1 shown, 1 accepted, ${3 + 4 + 1} keys saved`,
    ],
    [
      'that is typed to its end was seen, not accepted',
      (hand) => hand.type('push(name);'),
      '1 shown, 0 accepted, 0 keys saved',
    ],
    [
      'goes on after the editor closed a bracket',
      (hand) => hand.type('push').insert('()').offer('name);').tab(),
      '1 shown, 1 accepted, 5 keys saved',
    ],
    [
      'that stood for a second before something else was typed was seen',
      (hand) => hand.wait(1000).insert('x').wait(5000).offer('yz'),
      '1 shown, 0 accepted, 0 keys saved',
    ],
    [
      'that flashed up before something else was typed was not',
      (hand) => hand.wait(300).insert('x').wait(5000).offer('yz'),
      '0 shown, 0 accepted, 0 keys saved',
    ],
    [
      'ends when the cursor goes elsewhere',
      (hand) => hand.wait(1000).go(3).tab(7),
      '1 shown, 0 accepted, 0 keys saved',
    ],
  ];
  for (const [name, act, expected] of cases) {
    it(name, () => {
      assert.equal(act(new Hand()).came, expected);
    });
  }

  it('saves no keys for indentation that the editor inserts', () => {
    assert.equal(keysFor('{\n    return 1;\n  }'), '{\nreturn 1;\n}'.length);
  });
});
