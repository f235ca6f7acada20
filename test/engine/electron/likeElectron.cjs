/**
 * Makes Node.js refuse external memory as Electron does, in the libraries that it loads from now on: with `--require`, and with the
 * compiled refuse.cc in MATCODER_TEST_REFUSE.
 */
const { basename } = require('node:path');

const { refuse } = require(process.env.MATCODER_TEST_REFUSE);
const { dlopen } = process;
process.dlopen = (module, file, ...flags) => {
  dlopen.call(process, module, file, ...flags);
  if (['matcoder_engine.node', 'dawn.node'].includes(basename(file))) refuse(file);
};
