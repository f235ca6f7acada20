import type { ModelConfig } from '../../matlm/config';
import { type GpuDevice, GpuError, openDevice } from './device';
import { KeyValueCache, KeyValueCachePool } from './keyValueCache';
import { type Kernel, type KernelName, Kernels, type Constants } from './kernels';
import { BLOCK, paddedRows } from './matrix';
import { MAX_COMPENSATED, type Scratch, scratchOf, TILE_TOKENS, UNIFORM_STRIDE, VOCABULARY_SLICE } from './scratch';
import {
  type CardMatrix,
  type CardWeights,
  type Range,
  unsupported,
  uploadWeights,
  type Weights,
  weightNeeds,
} from './weights';

/** A token that the card has chosen. */
export interface CardChoice {
  readonly token: number;
  readonly probability: number;
}

export interface GpuOptions {
  /** Tokens that may be chosen: the first ones of the vocabulary, by default all. */
  readonly tokens?: number;
  /** In how many slices a workgroup reads a row. By default it depends on the card. */
  readonly slices?: number;
  /** Refuse a driver that computes on the processor, as SwiftShader and llvmpipe do. */
  readonly refusesSoftware?: boolean;
  /** Bound of the keys and values of all documents together, but for the one in use; 256 MiB by default. */
  readonly cacheBytes?: number;
}

const CACHE_BYTES = 2 ** 28;

/** Enough invocations of a workgroup to wait for memory. A driver in software has nothing to hide by more than one slice. */
const SLICES = { card: 16, software: 1 };

/** The pipeline and buffers of a dispatch. */
interface Step {
  readonly kernel: Kernel;
  readonly buffers: GPUBindGroup;
}

/** A product by two kernels: one for a single token or few, one for tiles of tokens. */
interface Product {
  readonly one: Kernel;
  readonly tile: Kernel;
  readonly buffers: GPUBindGroup;
  /** Rows of the matrix. */
  readonly rows: number;
  /** Panels of 16 rows that a workgroup of `one` computes. */
  readonly panels: number;
}

/** The dispatches of a layer in their order. */
interface LayerSteps {
  readonly inputNorm: Step;
  readonly qkv: Product;
  /** Their buffers are those of the document, see `CacheBuffers`. */
  readonly rope: Kernel;
  readonly attention: Kernel;
  readonly output: Product;
  readonly ffnNorm: Step;
  readonly gateUp: Product;
  readonly down: Product;
  /** Before the first pass of a submodel, if submodels are compensated. */
  readonly compensate: Step | undefined;
}

/** The buffers of the dispatches of a layer that use the cache of a document. */
interface CacheBuffers {
  readonly rope: GPUBindGroup;
  readonly attention: GPUBindGroup;
}

/** The dispatches of a pass. */
interface Steps {
  readonly embed: Step;
  readonly layers: readonly LayerSteps[];
  readonly norm: Step;
  readonly head: Product;
  readonly likeliest: Step;
  readonly choose: Step;
}

/**
 * A checkpoint on the graphics card: one copy of the weights and one cache of keys and values for all submodels. A submodel is the
 * number of workgroups of gate and up, and a bound of a loop in down.
 */
export class GpuModel {
  /** Of the weights. */
  readonly bytes: number;
  private readonly pool: KeyValueCachePool;
  private cache: KeyValueCache;
  /** By the buffer of a cache, for each layer. */
  private readonly cacheBuffers = new WeakMap<GPUBuffer, CacheBuffers[]>();
  private readonly kernels: Kernels;
  private readonly passes: GPUBindGroup;
  private steps: Steps | undefined;
  /** Submodels whose compensation is on the card, in their places; the oldest is replaced. */
  private readonly compensated: string[] = [];
  private nextCompensated = 0;
  /** Those that the uniforms of the layers hold. */
  private widths: readonly number[] = [];

  private constructor(
    root: string,
    private readonly gpu: GpuDevice,
    private readonly config: ModelConfig,
    private readonly weights: CardWeights,
    private readonly scratch: Scratch,
    private readonly options: Required<Omit<GpuOptions, 'refusesSoftware'>>,
  ) {
    this.bytes = weights.bytes;
    this.pool = new KeyValueCachePool(gpu, config, options.cacheBytes);
    this.cache = this.pool.of(0);
    this.kernels = new Kernels(root, gpu);
    const resource = { buffer: scratch.passes, size: UNIFORM_STRIDE };
    this.passes = gpu.device.createBindGroup({
      layout: this.kernels.passLayout,
      entries: [{ binding: 0, resource }],
    });
  }

  /**
   * @param root the folder that holds `dist/kernels`, and `prebuilds/` or `node_modules/`
   * @throws {GpuError} if no card runs the model
   */
  static async open(root: string, source: Weights, options: GpuOptions = {}): Promise<GpuModel> {
    const { config } = source;
    const reason = unsupported(source);
    if (reason !== undefined) throw new GpuError(`the graphics card's kernels do not run this model: ${reason}`);
    const needs = weightNeeds(source);
    const gpu = await openDevice(root, {
      ...needs,
      bufferBytes: Math.max(needs.bufferBytes, KeyValueCache.bytesFor(config, config.contextLength + 1)),
    });
    try {
      if (gpu.isSoftware && options.refusesSoftware)
        throw new GpuError('there is no graphics card: the only driver computes on the processor');
      const weights = await gpu.working(uploadWeights(gpu, source));
      const { tokens = config.vocabularySize, slices = gpu.isSoftware ? SLICES.software : SLICES.card } = options;
      const { cacheBytes = CACHE_BYTES } = options;
      const scratch = await gpu.working(gpu.allocated(() => scratchOf(gpu, config)));
      const model = new GpuModel(root, gpu, config, weights, scratch, { tokens, slices, cacheBytes });
      await gpu.working(model.prepare(1));
      return model;
    } catch (error) {
      gpu.destroy();
      throw error;
    }
  }

  /** Of the keys and values of all documents. */
  get cacheBytes(): number {
    return this.pool.bytes;
  }

  /**
   * The keys and values that are read and written from now on.
   * @returns the documents of which there are any
   */
  useDocument(document: number): readonly number[] {
    this.cache = this.pool.of(document);
    return this.pool.documents;
  }

  /** Frees keys and values of documents. */
  forget(documents: readonly number[]): void {
    this.pool.forget(documents);
  }

  /**
   * Reads up to CHUNK_TOKENS tokens after `position` tokens that the cache holds.
   * @param rows the places among the tokens, one after the other, whose logits are wanted: at most MAX_LOGIT_ROWS
   * @returns logits after them, [rows, vocabulary]
   */
  async read(
    tokens: readonly number[],
    position: number,
    widths: readonly number[],
    rows: readonly number[],
  ): Promise<Float32Array> {
    this.gpu.check();
    const { device } = this.gpu;
    const { logits, logitsRead, logitsStride } = this.scratch;
    const steps = await this.gpu.working(this.prepare(position + tokens.length));
    this.writeWidths(widths);
    const { submodel, isNew } = this.submodelOf(widths);
    this.writePasses([{ start: position, count: tokens.length, first: 0, headRow: rows[0] ?? 0, submodel }]);
    device.queue.writeBuffer(this.scratch.tokens, 0, Uint32Array.from(tokens));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    if (isNew) this.compensate(pass, steps);
    this.encode(pass, steps, 0, tokens.length, widths, rows.length);
    pass.end();
    const bytes = 4 * rows.length * logitsStride;
    encoder.copyBufferToBuffer(logits, 0, logitsRead, 0, bytes);
    device.queue.submit([encoder.finish()]);
    const found = new Float32Array(await this.readBack(logitsRead, bytes));
    const { vocabularySize } = this.config;
    const out = new Float32Array(rows.length * vocabularySize);
    for (let i = 0; i < rows.length; i++)
      out.set(found.subarray(i * logitsStride, i * logitsStride + vocabularySize), i * vocabularySize);
    return out;
  }

  /**
   * Decodes several tokens in one submit: each is the likeliest after the one before.
   * @param token the last one of the text, after `position` tokens that the cache holds
   * @param steps 1 to MAX_STEPS
   */
  async decode(token: number, position: number, widths: readonly number[], steps: number): Promise<CardChoice[]> {
    this.gpu.check();
    const { device } = this.gpu;
    const { tokens, choices, choicesRead } = this.scratch;
    const prepared = await this.gpu.working(this.prepare(position + steps));
    this.writeWidths(widths);
    const { submodel, isNew } = this.submodelOf(widths);
    this.writePasses(
      Array.from({ length: steps }, (_, i) => ({ start: position + i, count: 1, first: i, headRow: 0, submodel })),
    );
    device.queue.writeBuffer(tokens, 0, Uint32Array.of(token));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    if (isNew) this.compensate(pass, prepared);
    for (let i = 0; i < steps; i++) {
      this.encode(pass, prepared, i, 1, widths, 1);
      dispatch(pass, prepared.likeliest, this.vocabularySlices);
      dispatch(pass, prepared.choose, 1);
    }
    pass.end();
    encoder.copyBufferToBuffer(choices, 0, choicesRead, 0, 8 * steps);
    device.queue.submit([encoder.finish()]);
    const found = await this.readBack(choicesRead, 8 * steps);
    const [chosen, probabilities] = [new Uint32Array(found), new Float32Array(found)];
    return Array.from({ length: steps }, (_, i) => ({
      token: chosen[2 * i] ?? 0,
      probability: probabilities[2 * i + 1] ?? 0,
    }));
  }

  /**
   * Keys and values of positions of the cache as float16, [layer, keys and values, position, kvHeads, headDim].
   * @param end after the last position
   */
  async keysAndValues(begin: number, end: number): Promise<Uint16Array<ArrayBuffer>> {
    this.gpu.check();
    const { device, constants } = this.gpu;
    const { COPY_DST, MAP_READ } = constants.GPUBufferUsage;
    const bytes = this.cache.positionBytes * (end - begin);
    const copy = await this.gpu.allocated(() => device.createBuffer({ size: bytes, usage: COPY_DST | MAP_READ }));
    try {
      const encoder = device.createCommandEncoder();
      this.cache.copyTo(copy, begin, end, encoder);
      device.queue.submit([encoder.finish()]);
      return new Uint16Array(await this.readBack(copy, bytes));
    } finally {
      copy.destroy();
    }
  }

  dispose(): void {
    this.gpu.destroy();
  }

  /** Of the logits. */
  private get vocabularySlices(): number {
    return Math.ceil(this.config.vocabularySize / VOCABULARY_SLICE);
  }

  /** One pass of some tokens through a submodel, at most eight dispatches a layer. */
  private encode(
    pass: GPUComputePassEncoder,
    steps: Steps,
    slot: number,
    count: number,
    widths: readonly number[],
    logitRows: number,
  ): void {
    const { heads, kvHeads } = this.config;
    const cacheBuffers = this.buffersOfCache(steps);
    pass.setBindGroup(0, this.passes, [slot * UNIFORM_STRIDE]);
    dispatch(pass, steps.embed, 1, count);
    for (const [i, layer] of steps.layers.entries()) {
      const width = widths[i] ?? 0;
      const ofCache = cacheBuffers[i];
      if (width === 0 || !ofCache) continue;
      dispatch(pass, layer.inputNorm, 1, count);
      multiply(pass, layer.qkv, count);
      dispatch(pass, { kernel: layer.rope, buffers: ofCache.rope }, heads + 2 * kvHeads, count);
      dispatch(pass, { kernel: layer.attention, buffers: ofCache.attention }, heads, count);
      multiply(pass, layer.output, count);
      dispatch(pass, layer.ffnNorm, 1, count);
      multiply(pass, layer.gateUp, count, 2 * width);
      multiply(pass, layer.down, count);
    }
    dispatch(pass, steps.norm, 1, logitRows);
    // The kernel for tiles knows only the number of all tokens.
    const { one, buffers, rows } = steps.head;
    dispatch(pass, { kernel: one, buffers }, paddedRows(rows) / BLOCK, logitRows);
  }

  private writeWidths(widths: readonly number[]): void {
    if (widths.every((width, layer) => width === this.widths[layer])) return;
    const slots = new Uint32Array((widths.length * UNIFORM_STRIDE) / 4);
    for (const [layer, width] of widths.entries()) slots[(layer * UNIFORM_STRIDE) / 4] = width / BLOCK;
    this.gpu.device.queue.writeBuffer(this.scratch.widths, 0, slots);
    this.widths = [...widths];
  }

  /** The place of a submodel's compensation, and whether it has to be derived first. */
  private submodelOf(widths: readonly number[]): { submodel: number; isNew: boolean } {
    if (!this.config.hasCompensation) return { submodel: 0, isNew: false };
    const key = widths.join();
    const found = this.compensated.indexOf(key);
    if (found >= 0) return { submodel: found, isNew: false };
    const submodel = this.nextCompensated;
    this.compensated[submodel] = key;
    this.nextCompensated = (submodel + 1) % MAX_COMPENSATED;
    return { submodel, isNew: true };
  }

  /** Derives what a submodel adds for the units that it lacks, as native/src/compensation.h. */
  private compensate(pass: GPUComputePassEncoder, { layers }: Steps): void {
    pass.setBindGroup(0, this.passes, [0]);
    for (const { compensate } of layers)
      if (compensate) dispatch(pass, compensate, Math.ceil(this.config.hiddenSize / BLOCK));
  }

  private writePasses(
    passes: readonly { start: number; count: number; first: number; headRow: number; submodel: number }[],
  ): void {
    const slots = new Uint32Array((passes.length * UNIFORM_STRIDE) / 4);
    for (const [i, { start, count, first, headRow, submodel }] of passes.entries())
      slots.set([start, count, first, headRow, submodel], (i * UNIFORM_STRIDE) / 4);
    this.gpu.device.queue.writeBuffer(this.scratch.passes, 0, slots);
  }

  /** A copy of the beginning of a buffer that a submit has filled. */
  private async readBack(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    await this.gpu.working(buffer.mapAsync(this.gpu.constants.GPUMapMode.READ, 0, bytes));
    const copy = buffer.getMappedRange(0, bytes).slice(0);
    buffer.unmap();
    return copy;
  }

  /** The dispatches, with a cache that has room for this many positions. */
  private async prepare(positions: number): Promise<Steps> {
    await this.pool.reserve(positions);
    this.steps ??= await this.build();
    return this.steps;
  }

  /** For each layer, made once for each growth of a document's cache. */
  private buffersOfCache({ layers }: Steps): readonly CacheBuffers[] {
    const { cache, scratch, weights } = this;
    const { qkv, values, scales } = scratch;
    const found = this.cacheBuffers.get(cache.buffer);
    if (found) return found;
    const made = layers.map(({ rope, attention }, i) => {
      const [keys, cached] = [cache.keysOf(i), cache.valuesOf(i)];
      const headNorms = weights.layers[i]?.headNorms ?? keys;
      return {
        rope: this.bind(rope, [qkv, headNorms, weights.rotations, keys, cached]),
        attention: this.bind(attention, [qkv, keys, cached, values, scales]),
      };
    });
    this.cacheBuffers.set(cache.buffer, made);
    return made;
  }

  private async build(): Promise<Steps> {
    const { config, scratch, weights } = this;
    const { hiddenSize, heads, kvHeads, headDim, ffnSize, normEps: EPS } = config;
    const { x, qkv, values, scales, active, activeScales } = scratch;
    const step = (name: KernelName, constants: Constants, ranges: readonly Range[], of?: CardMatrix) =>
      this.step(name, constants, ranges, of);
    const product = (
      kind: 'store' | 'add' | 'gateUp',
      of: CardMatrix,
      constants: Constants,
      ranges: readonly Range[],
    ) => this.product(kind, of, constants, ranges);
    const shape = { HEADS: heads, KV_HEADS: kvHeads, HEAD_DIM: headDim };
    const hidden = hiddenSize / BLOCK;
    const norm = (weight: Range, isHead: boolean) =>
      step('norm', { BLOCKS: hidden, EPS, IS_HEAD: isHead }, [x, weight, values, scales]);
    const layers: LayerSteps[] = [];
    for (const [i, layer] of weights.layers.entries()) {
      const toResidual = { OUT_ROWS: hiddenSize, SCALE: config.residualScale };
      const width = { buffer: scratch.widths, offset: i * UNIFORM_STRIDE, size: 4 };
      const { compensation } = scratch;
      const size = 4 * MAX_COMPENSATED * hiddenSize;
      const added = compensation ? { buffer: compensation, offset: i * size, size } : layer.outputBias;
      layers.push({
        inputNorm: await norm(layer.inputNorm, false),
        qkv: await product(
          'store',
          layer.qkv,
          { OUT_ROWS: layer.qkv.rows, SCALE: 1, HAS_BIAS: config.hasAttentionBias },
          [values, scales, this.all(layer.qkv), qkv, layer.qkvBias],
        ),
        rope: await this.kernels.compile('rope', { ...shape, EPS, HAS_NORM: config.hasQkNorm }),
        attention: await this.kernels.compile('attention', { ...shape, SCALE: config.attentionScale }),
        output: await product(
          'add',
          layer.output,
          { ...toResidual, HAS_BIAS: config.hasOutputBias, IS_COMPENSATION: false },
          [values, scales, this.all(layer.output), x, layer.outputBias],
        ),
        ffnNorm: await norm(layer.ffnNorm, false),
        gateUp: await product('gateUp', layer.gateUp, { OUT_BLOCKS: ffnSize / BLOCK }, [
          ...[values, scales, this.all(layer.gateUp)],
          ...[active, activeScales],
        ]),
        down: await product(
          'add',
          layer.down,
          { ...toResidual, HAS_BIAS: config.hasCompensation, IS_COMPENSATION: config.hasCompensation },
          [active, activeScales, width, x, added],
        ),
        compensate: compensation
          ? await step(
              'compensate',
              { BLOCKS: ffnSize / BLOCK, OUT_ROWS: hiddenSize },
              [layer.down.weights, layer.down.scales, layer.meanActive, width, added],
              layer.down,
            )
          : undefined,
      });
    }
    const { embedding, head } = weights;
    const [logits, slices] = [{ buffer: scratch.logits }, { buffer: scratch.slices }];
    return {
      layers,
      embed: await step(
        'embed',
        { BLOCKS: hidden, SCALE: config.embeddingScale },
        [...[embedding.weights, embedding.scales, { buffer: scratch.tokens }, x]],
        embedding,
      ),
      norm: await norm(weights.norm, true),
      head: await product(
        'store',
        head,
        { OUT_ROWS: scratch.logitsStride, SCALE: config.logitScale, HAS_BIAS: false },
        [values, scales, this.all(head), logits, weights.norm],
      ),
      likeliest: await step('likeliest', { VOCABULARY: this.options.tokens, SLICE: VOCABULARY_SLICE }, [
        logits,
        slices,
      ]),
      choose: await step('choose', { SLICES: this.vocabularySlices }, [
        slices,
        { buffer: scratch.tokens },
        { buffer: scratch.choices },
      ]),
    };
  }

  /** The uniform for a matrix of which all columns are used. */
  private all({ columns }: CardMatrix): Range {
    const place = this.scratch.columns.get(columns);
    if (place === undefined) throw new Error(`there is no uniform for ${columns} columns`);
    return { buffer: this.scratch.columnsBuffer, offset: place * UNIFORM_STRIDE, size: 4 };
  }

  private async step(name: KernelName, constants: Constants, ranges: readonly Range[], of?: CardMatrix): Promise<Step> {
    const kernel = await this.kernels.compile(name, constants, of?.form);
    return { kernel, buffers: this.bind(kernel, ranges) };
  }

  private async product(
    kind: 'store' | 'add' | 'gateUp',
    { form, rows, columns, weights, scales }: CardMatrix,
    constants: Constants,
    ranges: readonly Range[],
  ): Promise<Product> {
    const BLOCKS = columns / BLOCK;
    const panels = kind === 'gateUp' ? 2 : 1;
    const [one, tile] = await Promise.all([
      this.kernels.compile(`${kind}One`, { ...constants, BLOCKS, PANELS: panels, SLICES: this.options.slices }, form),
      this.kernels.compile(`${kind}Tile`, { ...constants, BLOCKS }, form),
    ]);
    return { one, tile, rows, panels, buffers: this.bind(one, [weights, scales, ...ranges]) };
  }

  private bind({ layout }: Kernel, ranges: readonly Range[]): GPUBindGroup {
    const entries = ranges.map((resource, binding) => ({ binding, resource }));
    return this.gpu.device.createBindGroup({ layout, entries });
  }
}

function dispatch(pass: GPUComputePassEncoder, { kernel, buffers }: Step, x: number, y = 1): void {
  pass.setPipeline(kernel.pipeline);
  pass.setBindGroup(1, buffers);
  pass.dispatchWorkgroups(x, y);
}

/** The number from which a tile is faster than the same number of single tokens. */
const LEAST_TILED = 4;

function multiply(pass: GPUComputePassEncoder, product: Product, count: number, rows = product.rows): void {
  const { one, tile, buffers, panels } = product;
  if (count < LEAST_TILED) dispatch(pass, { kernel: one, buffers }, Math.ceil(rows / BLOCK / panels), count);
  else dispatch(pass, { kernel: tile, buffers }, paddedRows(rows) / (2 * BLOCK), Math.ceil(count / TILE_TOKENS));
}
