import type { Engine, GenerateEvent, GenerateRequest } from '../../../src/engine/engine';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import type { VirtualClock } from '../../../src/replay/clock';

/**
 * An engine that knows the file. It writes the rest of the line after `corrupt` has changed it, one token every
 * `msPerToken` of virtual time.
 */
export class OracleEngine implements Engine {
  constructor(
    private readonly clock: VirtualClock,
    private readonly checkpoint: Checkpoint,
    private readonly file: string,
    private readonly msPerToken = 1,
    private readonly corrupt: (line: string) => string = (line) => line,
  ) {}

  generate(request: GenerateRequest, signal: AbortSignal, emit: (event: GenerateEvent) => void): void {
    const { tokenizer, prompt: format } = this.checkpoint;
    const { prompt, healingPrefix = '' } = request;
    const prefixAt = prompt.indexOf(format.tokens.prefix!) + 1;
    const decoder = tokenizer.decoder();
    const prefix = prompt.slice(prefixAt, -1).map(decoder).join('');
    const at = this.file.lastIndexOf(prefix) + prefix.length + healingPrefix.length;
    const line = this.corrupt(this.file.slice(at).split('\n')[0] ?? '');
    const tokens = tokenizer.encode(healingPrefix + line).slice(0, request.maxTokens);
    const startMs = this.clock.now();
    let written = 0;
    let cancel: () => void = () => undefined;
    const end = (reason: 'stop' | 'aborted') => {
      signal.removeEventListener('abort', onAbort);
      emit({
        type: 'end',
        reason,
        decodedTokens: written,
        passes: Math.max(0, written - 1),
        decodeMs: this.clock.now() - startMs,
      });
    };
    const onAbort = () => {
      cancel();
      end('aborted');
    };
    const step = () => {
      const token = tokens[written];
      if (token === undefined) {
        end('stop');
        return;
      }
      written++;
      cancel = this.clock.at(this.clock.now() + this.msPerToken, step);
      emit({ type: 'token', token, probability: 0.99 });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    cancel = this.clock.at(startMs + this.msPerToken, () => {
      emit({ type: 'prefill', reusedTokens: 0, prefilledTokens: prompt.length, prefillMs: this.msPerToken });
      step();
    });
  }
}
