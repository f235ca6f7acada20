/** The instruction sets that the engine finds on processors that this machine does not have. */
import assert from 'node:assert/strict';
import { buildAddon, thisTarget } from '../../scripts/lib/native.mjs';
import { Fault, run } from '../../scripts/lib/run.mjs';
import { prepareNode, runNode } from './nodes.mjs';

/** Processors by QEMU's names. It emulates no AVX-512, so a processor that has it is found to have AVX2. */
const PROCESSORS = {
  'linux-x64': { Nehalem: 'scalar', SandyBridge: 'scalar', Haswell: 'avx2,scalar', 'Skylake-Server': 'avx2,scalar' },
  'linux-arm64': { 'cortex-a72': 'scalar', 'cortex-a76': 'neon,scalar' },
};

const NAMES = 'console.log("found " + require(process.argv[1]).supportedIsas)';

describe('a processor', function () {
  this.timeout(600_000);
  let arm;
  before(async function () {
    try {
      arm = await prepareNode('linux-arm64'); // which installs QEMU
      if (thisTarget() !== 'linux-x64') throw new Fault('an x64 processor is emulated on Linux x64 only');
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      console.log(`    not run: ${error.message}`);
      this.skip();
    }
  });

  for (const [target, expected] of Object.entries(PROCESSORS)) {
    for (const [cpu, names] of Object.entries(expected)) {
      it(`of the kind ${cpu} runs the kernels ${names}`, async () => {
        const args = ['-e', NAMES, await buildAddon(target)];
        const { output } =
          target === 'linux-arm64'
            ? await runNode(arm, args, { quiet: true, env: { MATCODER_CPU: cpu } })
            : await run('qemu-x86_64', ['-cpu', cpu, process.execPath, ...args], { quiet: true });
        assert.equal(/^found (.*)$/m.exec(output)?.[1], names, output);
      });
    }
  }
});
