import assert from 'node:assert/strict';
import { EarlierOutput } from '../../../../src/completion/reuse/earlierOutput';
import type { Purpose } from '../../../../src/completion/plan';
import { requestAt } from '../hand';
import { generationAt, inFlightAt, planAt, sinceAt, unsureAt } from './earlier';

describe('earlier output', () => {
  const { key } = planAt('█').settings;
  let earlier: EarlierOutput;

  beforeEach(() => {
    earlier = new EarlierOutput();
  });

  const at = (drawn: string, explicit = false) => earlier.at(requestAt(drawn, { explicit }), key);
  const onScreen = (drawn: string) => {
    const ghostText = earlier.currentGhostText(sinceAt(drawn), key);
    return ghostText && `${ghostText.generation.submodel}: ${ghostText.suggestion.text}`;
  };
  const byS = generationAt('a = █', 'f(x);');
  const byXL = generationAt('a = █', 'g(y);', { submodel: 'XL', purpose: 'refinement' });

  it('has nothing at first', () => {
    assert.equal(onScreen('a = █'), undefined);
    assert.equal(earlier.cached(sinceAt('a = █'), planAt('a = █')), undefined);
    assert.equal(earlier.isKnownUnsure(sinceAt('a = █'), planAt('a = █'), undefined), false);
    assert.equal(earlier.hasDiverged(sinceAt('a = █')), false);
    const { settled, ghostText, joinable } = at('a = █');
    assert.deepEqual([settled, ghostText, joinable], [undefined, undefined, undefined]);
  });

  it('shows the suggestion of a request', () => {
    earlier.add(byS, key);
    assert.equal(onScreen('a = f█'), 'S: (x);');
  });

  it('keeps a speculative completion off the screen, and in the cache', () => {
    earlier.add(byS, key);
    earlier.add(generationAt('a = f(x);█', '\nnext();', { purpose: 'speculative' }), key);
    assert.equal(onScreen('a = █'), 'S: f(x);');
    const accepted = 'a = f(x);█';
    assert.equal(earlier.cached(sinceAt(accepted), planAt(accepted))?.suggestion.text, '\nnext();');
  });

  it('shows a refinement with the next key', () => {
    earlier.add(byS, key);
    earlier.add(byXL, key);
    assert.equal(onScreen('a = █'), 'S: f(x);');
    assert.equal(onScreen('a = g█'), 'XL: (y);');
    assert.equal(onScreen('a = █'), 'XL: g(y);');
  });

  it('has no ghost text for a request by hand, and keeps the one on the screen', () => {
    earlier.add(byS, key);
    earlier.add(byXL, key);
    assert.equal(at('a = f█', true).ghostText, undefined);
    assert.equal(onScreen('a = g█'), 'XL: (y);');
  });

  it('ignores a refinement made under other settings', () => {
    earlier.add(byS, key);
    earlier.add(byXL, 'other settings');
    assert.equal(onScreen('a = g█'), undefined);
  });

  it('forgets the oldest of many', () => {
    for (let i = 0; i <= 50; i++) earlier.add(generationAt(`a${i} = █`, 'f(x);'), key);
    const cached = (drawn: string) => earlier.cached(sinceAt(drawn), planAt(drawn))?.suggestion.text;
    assert.equal(cached('a0 = █'), undefined);
    assert.equal(cached('a1 = █'), 'f(x);');
  });

  it('answers a request by hand with a ready refinement by the planned submodel only', () => {
    earlier.add(byS, key);
    earlier.add(byXL, key);
    const byHand = (submodel: string) => {
      const plan = planAt('a = █', { submodel, minScore: 0, explicit: true });
      return earlier.cached(sinceAt('a = █'), plan)?.suggestion.text;
    };
    assert.equal(byHand('XL'), 'g(y);');
    assert.equal(byHand('S'), undefined);
    const typing = planAt('a = █', { submodel: 'XL', minScore: 0.3 });
    assert.equal(earlier.cached(sinceAt('a = █'), typing), undefined, 'who types may not');
  });

  describe('of the last request', () => {
    it('is known to be unsure until another request is answered', () => {
      const unsure = () => earlier.isKnownUnsure(sinceAt('a = █'), planAt('a = █'), undefined);
      earlier.add(unsureAt('a = █', [['fun', 0.2]]), key);
      assert.equal(unsure(), true);
      earlier.add(unsureAt('c = █', [['fun', 0.2]], { purpose: 'speculative' }), key);
      assert.equal(unsure(), true, 'nobody asked for that one');
      earlier.add(generationAt('b = █', 'g();'), key);
      assert.equal(unsure(), false);
    });

    it('may have diverged, even if nothing of it was shown', () => {
      earlier.add(unsureAt('a = █', [['fun', 0.2]]), key);
      assert.equal(earlier.hasDiverged(sinceAt('a = f█')), false);
      assert.equal(earlier.hasDiverged(sinceAt('a = g█')), true);
    });

    it('keeps the ghost text if it has no suggestion', () => {
      earlier.add(byS, key);
      earlier.add(unsureAt('a = █', [['x', 0.1]]), key);
      assert.equal(onScreen('a = █'), 'S: f(x);');
    });
  });

  describe('that was accepted', () => {
    const accepted = (drawn: string) => {
      const { settled: taken } = at(drawn);
      return taken && [taken.generation.submodel, taken.characters];
    };

    it('is reported once', () => {
      earlier.add(byS, key);
      assert.equal(accepted('a = f(█'), undefined, 'still open');
      assert.deepEqual(accepted('a = f(x);█'), ['S', 5]);
      assert.equal(accepted('a = f(x);█'), undefined);
    });

    it('is reported as wrong if it was, and not at all if the cursor moved, nor later', () => {
      for (const [drawn, reported] of [
        ['a = g█', ['S', 0]],
        ['b█', undefined],
      ] as const) {
        earlier.add(byS, key);
        assert.deepEqual(accepted(drawn), reported);
        assert.equal(accepted('a = f(x);█'), undefined, drawn);
      }
    });

    it('counts for the submodel whose text was shown', () => {
      earlier.add(byS, key);
      earlier.add(byXL, key);
      onScreen('a = g█');
      assert.deepEqual(accepted('a = g(y);█'), ['XL', 5]);
    });

    it('counts for the refinement that answered a request by hand', () => {
      earlier.add(byS, key);
      earlier.add(byXL, key);
      earlier.show(byXL, sinceAt('a = █').now, key);
      assert.deepEqual(accepted('a = g(y);█'), ['XL', 5]);
    });
  });

  describe('reports the work', () => {
    const workAt = (drawn: string) => earlier.currentGhostText(sinceAt(drawn), key)?.work;

    it('once, to the first request that shows it', () => {
      earlier.add(byS, key);
      assert.equal(at('a = f█').ghostText?.work, byS.work);
      assert.equal(at('a = f(█').ghostText?.work, undefined);
    });

    it('also for a speculative completion that a request joined, and not for one from the cache', () => {
      const next = generationAt('a = f(x);█', '\nnext();', { purpose: 'speculative' });
      earlier.add(next, key);
      earlier.show(next, next.position, key, { isNew: true });
      assert.equal(workAt('a = f(x);█'), next.work);
      earlier.show(next, next.position, key);
      assert.equal(workAt('a = f(x);█'), undefined);
    });

    it('of shown generations only', () => {
      earlier.add(byS, key);
      earlier.add(byXL, key);
      const { generation, work } = at('a = g█').ghostText!;
      assert.deepEqual([generation.submodel, work], ['XL', undefined]);
    });
  });

  describe('in a pause', () => {
    const goesOn: [string, () => void, boolean][] = [
      ['ends it with the next request', () => at('a = █'), true],
      [
        'ends it with an edit of the document',
        () => {
          earlier.edited('file:///a.ts', 'z', 0);
        },
        true,
      ],
      [
        'continues while another document, such as a log, changes',
        () => {
          earlier.edited('output:log', 'z', 0);
        },
        false,
      ],
      [
        'ends it if the engine is needed',
        () => {
          earlier.interrupt();
        },
        true,
      ],
      [
        'ends it if everything is forgotten',
        () => {
          earlier.clear();
        },
        true,
      ],
    ];
    for (const [name, act, isOver] of goesOn) {
      it(name, () => {
        at('a = █');
        const { pause } = earlier;
        assert.equal(pause.aborted, false);
        act();
        assert.equal(pause.aborted, isOver);
      });
    }
  });

  describe('in flight', () => {
    it('is one decode: another stops it', () => {
      const [first, second] = [inFlightAt('a = █', 'f('), inFlightAt('b = █', '')];
      earlier.begin(() => first);
      assert.equal(at('a = f█').joinable, first);
      earlier.begin(() => second);
      assert.equal(first.signal.aborted, true);
      earlier.end(first);
      assert.equal(earlier.inFlight, second);
      earlier.end(second);
      assert.equal(earlier.inFlight, undefined);
    });

    const cases: [string, Purpose, string, boolean, boolean][] = [
      ['is joined if the typed text agrees with it', 'requested', 'a = f█', false, true],
      ['stops if the typed text diverges from it', 'requested', 'a = g█', false, false],
      ['stops for a request by hand', 'requested', 'a = f█', true, false],
      ['stops, if it is a refinement, for a key that it has not written', 'refinement', 'a = f(x█', false, false],
    ];
    for (const [name, purpose, drawn, explicit, isJoined] of cases) {
      it(name, () => {
        const inFlight = earlier.begin(() => inFlightAt('a = █', 'f(', purpose));
        assert.equal(at(drawn, explicit).joinable, isJoined ? inFlight : undefined);
        assert.equal(inFlight.signal.aborted, !isJoined);
      });
    }

    it('stops for an edit that disagrees with it, and not for one of another document', () => {
      const inFlight = earlier.begin(() => inFlightAt('a = █', 'f('));
      earlier.edited('file:///b.ts', 'z', 0);
      earlier.edited('file:///a.ts', 'f', 0);
      assert.equal(inFlight.signal.aborted, false);
      earlier.edited('file:///a.ts', 'z', 0);
      assert.equal(inFlight.signal.aborted, true);
      assert.equal(earlier.inFlight, undefined);
    });

    it('continues with the ghost text if it is speculative, and stops with it', () => {
      earlier.add(byS, key);
      const inFlight = earlier.begin(() => inFlightAt('a = f(x);█', '', 'speculative'));
      assert.equal(at('a = f█').ghostText?.suggestion.text, '(x);');
      assert.equal(inFlight.signal.aborted, false);
      assert.equal(at('a = f(x);█').joinable, inFlight);
      assert.equal(at('a = g█').ghostText, undefined);
      assert.equal(inFlight.signal.aborted, true);
    });

    it('stops if it is a refinement and the next key agrees with the ghost text only', () => {
      earlier.add(byS, key);
      const inFlight = earlier.begin(() => inFlightAt('a = █', '', 'refinement'));
      assert.equal(at('a = f█').ghostText?.suggestion.text, '(x);');
      assert.equal(inFlight.signal.aborted, true);
    });
  });

  it('is empty after it was cleared', () => {
    const inFlight = earlier.begin(() => inFlightAt('b = █', ''));
    earlier.add(byS, key);
    earlier.clear();
    assert.equal(inFlight.signal.aborted, true);
    assert.equal(onScreen('a = █'), undefined);
    assert.equal(earlier.cached(sinceAt('a = █'), planAt('a = █')), undefined);
    assert.equal(earlier.hasDiverged(sinceAt('a = g█')), false);
    assert.equal(at('a = f(x);█').settled, undefined);
  });
});
