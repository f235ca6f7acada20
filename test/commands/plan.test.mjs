import assert from 'node:assert/strict';
import { shellCommands } from './documented.mjs';
import { plan } from './rules.mjs';

describe('The commands of the documentation', () => {
  it('are the lines of its shell blocks, without comments, joined and taken apart', () => {
    const text = [
      '```ts\nnpm run no\n```',
      '```sh',
      'npm start   # opens it',
      '# a comment',
      'a && b --c \\',
      '    --d 2',
      '```',
      '`npm run inline`',
    ].join('\n');
    assert.deepEqual(shellCommands(text), ['npm start', 'a', 'b --c --d 2']);
  });

  const table = [{ matches: /^train\b/, lane: 'python', replace: [[/--minutes \d+/, '']], add: '--tokens 5' }];

  it('are run with what their rule replaces and adds, once if they come to the same', () => {
    const documented = ['train --minutes 9', 'train --tokens 7', 'train --tokens 8', 'train --wide'];
    const { steps, faults } = plan(
      documented.map((command) => ({ command, file: 'a.md' })),
      table,
    );
    const lines = steps.map(({ line }) => line);
    assert.deepEqual(lines, ['train --tokens 5', 'train --wide --tokens 5']);
    assert.deepEqual(faults, []);
  });

  it('fail without a rule, and so does a rule without a command', () => {
    const { faults } = plan([{ command: 'deploy', file: 'a.md' }], table);
    assert.equal(faults.length, 2);
    assert.match(faults[0], /^a\.md: no rule .* deploy$/);
    assert.match(faults[1], /no documented command matches/);
  });
});
