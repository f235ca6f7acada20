/** Writes a model with drawn weights as a GGUF file, which gets sizes within seconds: `node --import tsx test/writeTinyModel.ts FILE`. */
import { copyFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { randomModel, TINY_LLAMA, writeGguf } from './tinyModel';

const config = { ...TINY_LLAMA, intermediate_size: 256, max_position_embeddings: 1024 };
const [, , file = ''] = process.argv;
const written = writeGguf(config, randomModel(config));
copyFileSync(written, file);
rmSync(dirname(written), { recursive: true });
