// Lets Node.js load TypeScript that was translated before (translate.mjs): the platforms have no esbuild of their own.
const { readFileSync } = require('node:fs');
const { join, relative } = require('node:path');

const root = join(__dirname, '..', '..');

require.extensions['.ts'] = (module, file) => {
  const translated = join(root, 'build', 'platforms', 'translated', relative(root, file).replace(/\.ts$/, '.js'));
  module._compile(readFileSync(translated, 'utf8'), file);
};
