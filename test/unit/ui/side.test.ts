import assert from 'node:assert/strict';
import { chosenSide, describeSide, isOn, withSide } from '../../../src/ui/side';

const ID = 'matcoder.matcoder';

describe('the side of the engine', () => {
  it('is not mentioned if there is only one machine', () => {
    assert.equal(describeSide({ remote: undefined, isRemote: false, isInBrowser: false }), undefined);
  });

  it('is a sentence in a remote window', () => {
    assert.equal(
      describeSide({ remote: 'ssh-remote', isRemote: false, isInBrowser: false }),
      'The engine runs on this computer, and your files are on the remote machine (SSH)',
    );
    assert.equal(
      describeSide({ remote: 'wsl', isRemote: true, isInBrowser: false }),
      'The engine runs on the remote machine (WSL), next to your files',
    );
    assert.match(describeSide({ remote: 'another-kind', isRemote: true, isInBrowser: true }) ?? '', /\(another-kind\)/);
  });
});

describe('the setting remote.extensionKind', () => {
  it('means the window’s side if it does not name MatCoder', () => {
    for (const setting of [undefined, null, 'nonsense', {}, { 'some.other': ['workspace'] }]) {
      assert.equal(chosenSide(setting, ID), 'window');
    }
  });

  it('means the side that it names first, as an array or alone, in any case', () => {
    assert.equal(chosenSide({ [ID]: ['workspace'] }, ID), 'files');
    assert.equal(chosenSide({ [ID]: ['workspace', 'ui'] }, ID), 'files');
    assert.equal(chosenSide({ 'MatCoder.MatCoder': 'workspace' }, ID), 'files');
    assert.equal(chosenSide({ [ID]: ['ui', 'workspace'] }, ID), 'window');
  });

  it('keeps the entries of other extensions', () => {
    const others = { 'some.other': ['ui'] };
    const there = withSide(others, ID, 'files');
    assert.deepEqual(there, { ...others, [ID]: ['workspace'] });
    assert.equal(chosenSide(there, ID), 'files');
    assert.deepEqual(withSide(there, ID, 'window'), others);
    assert.deepEqual(withSide({ 'MatCoder.MatCoder': ['ui'] }, ID, 'files'), { [ID]: ['workspace'] });
    assert.deepEqual(withSide('nonsense', ID, 'window'), {});
  });
});

describe('a choice of the side', () => {
  it('needs a reload only if the engine is on the other side of a remote window', () => {
    const here = { remote: 'wsl', isRemote: false, isInBrowser: false };
    const there = { ...here, isRemote: true };
    assert.deepEqual([isOn(here, 'window'), isOn(here, 'files')], [true, false]);
    assert.deepEqual([isOn(there, 'window'), isOn(there, 'files')], [false, true]);
    assert.ok(isOn({ ...here, remote: undefined }, 'files'));
  });
});
