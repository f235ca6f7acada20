import assert from 'node:assert/strict';
import { english } from '../../../../src/localisation/phrase';
import { NO_PROGRESS, type SearchProgress } from '../../../../src/search/search';
import { describeSearch } from '../../../../src/ui/search/describeSearch';

function described(progress: Partial<SearchProgress>): string | undefined {
  const phrase = describeSearch({ ...NO_PROGRESS, filesRead: 1240, filesFound: 2000, ...progress });
  return phrase && english(phrase);
}

describe('the index in words', () => {
  it('is not mentioned if nobody wants it', () => {
    assert.equal(described({ now: { state: 'off' } }), undefined);
  });

  it('says how far it is, and why it waits', () => {
    assert.equal(described({ now: { state: 'starting' } }), 'starting');
    assert.equal(described({ now: { state: 'indexing' } }), 'found by words so far: 1240 files');
    const isRead = { isWalked: true, filesRead: 20_000, filesFound: 20_000 };
    assert.equal(
      described({ now: { state: 'indexing' }, ...isRead, filesDone: 19_999 }),
      'found by words: all 20000 files; by meaning too: 99 %',
    );
    assert.equal(
      described({ now: { state: 'waiting', for: 'mains' }, ...isRead, filesDone: 1240 }),
      'found by words: all 20000 files; by meaning too: 6 %; goes on when the machine is on mains and does not save power',
    );
  });

  it('does not say that it waits for typing to end if all is read', () => {
    const typing = { state: 'waiting', for: 'typing' } as const;
    const isRead = { isWalked: true, filesRead: 12, filesFound: 12 };
    assert.equal(
      described({ now: typing, ...isRead, filesDone: 12 }),
      'found by words: all 12 files; by meaning too: 100 %',
    );
    assert.match(described({ now: typing, ...isRead, filesDone: 11 })!, /goes on when no key was typed/);
  });

  it('says only why it waits if no file was found by then', () => {
    assert.equal(
      described({ now: { state: 'waiting', for: 'completion' }, filesFound: 0 }),
      'goes on after the completion',
    );
  });

  it('says what it holds when it is complete, and what it lacks', () => {
    const whole = { now: { state: 'ready' }, chunks: 9000, pictures: 12, bytes: 2_560_000 } as const;
    assert.equal(described(whole), '9000 pieces of code and 12 pictures, 2.6 MB');
    assert.equal(
      described({ ...whole, bytes: 900, isTruncated: true, notice: 'the disk is full' }),
      '9000 pieces of code and 12 pictures, 1 kB; there is more than the index takes; the disk is full',
    );
  });

  it('says why there is none', () => {
    assert.equal(described({ now: { state: 'unavailable', fault: 'no encoder' } }), 'not available: no encoder');
  });
});
