import type { GenerateEvent, GenerateRequest } from '../../../src/engine/engine';
import type { MemoryStats } from '../../../src/engine/memory';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import type { OpenOptions, OpenSession } from '../../../src/serve/openSession';
import { Session } from '../../../src/session/session';
import { governorSettings } from '../../../src/session/settings';
import { FakeEngine, World } from '../session/fakes';

/** An engine that writes a text of the test at every place, at once unless it is held. */
export class WritingEngine extends FakeEngine {
  texts: readonly string[] = [''];
  isHeld = false;
  checkpoint: Checkpoint | undefined;

  /** The prompts that it has read, as text. */
  get prompts(): string[] {
    return this.requests.map(({ request }) => this.checkpoint!.tokenizer.decode(request.prompt));
  }

  override generate(request: GenerateRequest, signal: AbortSignal, emit: (event: GenerateEvent) => void): void {
    super.generate(request, signal, emit);
    signal.addEventListener('abort', () => {
      emit({ type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 });
    });
    if (!this.isHeld) this.write(request, emit);
  }

  /** Answer the requests that were held. */
  release(): void {
    this.isHeld = false;
    for (const { request, signal, emit } of this.requests) if (!signal.aborted) this.write(request, emit);
  }

  override remember(document?: number, text?: string): Promise<MemoryStats> {
    void super.remember(document, text);
    return Promise.resolve({ documents: this.remembered.length, tokens: 1, bytes: 1 });
  }

  private write(request: GenerateRequest, emit: (event: GenerateEvent) => void): void {
    const { tokenizer } = this.checkpoint!;
    const banned = new Set(request.bannedFirstTokens);
    const tokens = this.texts
      .map((text) => tokenizer.encode((request.healingPrefix ?? '') + text))
      .find(([first]) => first !== undefined && !banned.has(first));
    for (const token of (tokens ?? []).slice(0, request.maxTokens)) emit({ type: 'token', token, probability: 0.99 });
    emit({ type: 'end', reason: 'stop', decodedTokens: tokens?.length ?? 0, passes: 3, decodeMs: 4 });
  }
}

/** A session of which the engine writes what the test says. It is ready at once. */
export class ServedWorld extends World {
  readonly engine: WritingEngine[] = [];
  options: OpenOptions | undefined;

  constructor(private readonly checkpoint: Checkpoint) {
    super();
  }

  get writer(): WritingEngine {
    const engine = this.engine.at(-1);
    if (!engine) throw new Error('no engine was created');
    return engine;
  }

  /** @param isReady whether the engine becomes ready by itself */
  opener(texts: readonly string[], isReady = true): OpenSession {
    return (options) => {
      this.options = options;
      const parts = this.parts();
      const session = new Session({
        ...parts,
        log: options.log,
        onMemory: options.onMemory,
        settings: { ...parts.settings, governor: (config) => governorSettings(options.settings(), config) },
        openCheckpoint: () => Promise.resolve(this.checkpoint),
        createEngine: (engineOptions) => {
          const engine = new WritingEngine(engineOptions);
          engine.texts = texts;
          engine.checkpoint = this.checkpoint;
          this.engine.push(engine);
          if (isReady) {
            setImmediate(() => {
              engine.ready();
            });
          }
          return engine;
        },
      });
      return {
        session,
        dispose: () => {
          session.dispose();
        },
      };
    };
  }
}
