// Fetch SmolLM2-135M as GGUF and print its path: `node scripts/smollm2.mjs`.
import { main } from './lib/run.mjs';
import { smollm2 } from './lib/smollm2.mjs';

await main(async () => {
  console.log(await smollm2());
});
