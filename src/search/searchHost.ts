import type { Clock } from '../machine/clock';
import { messageOf } from '../matlm/errors';
import type { LocalSearch } from './localSearch';
import type { OpenSearchOptions } from './openSearch';
import type { Circumstances, FromSearch, Question, Reply, ToSearch } from './protocol';

export interface SearchHostParts {
  readonly openSearch: (options: OpenSearchOptions) => Promise<{ search: LocalSearch; dispose(): Promise<void> }>;
  readonly send: (message: FromSearch) => void;
  readonly clock: Clock;
  /** Milliseconds of processor time that this process has used. */
  readonly cpuMs: () => number;
  readonly cores: number;
}

/** While the index is built, so that the window knows what of the load is its own. */
const CPU_MS = 1000;

/** Serves the messages of one window. Those that come before the encoders are open wait for that. */
export class SearchHost {
  private opened: Promise<{ search: LocalSearch; dispose(): Promise<void> } | undefined> = Promise.resolve(undefined);
  private search: LocalSearch | undefined;
  private readonly questions = new Map<number, AbortController>();
  private cpu = { atMs: 0, usedMs: 0 };

  constructor(private readonly parts: SearchHostParts) {}

  receive(message: ToSearch): void {
    switch (message.type) {
      case 'open':
        this.opened = this.open(message.root, message.storage, message.now);
        break;
      // These must not wait behind anything.
      case 'key':
        this.search?.key();
        break;
      case 'abort':
        this.questions.get(message.id)?.abort();
        break;
      case 'ask':
        void this.ask(message.id, message.question);
        break;
      default:
        this.opened = this.opened.then(async (opened) => {
          if (opened) await this.follow(opened.search, message).catch(() => undefined);
          return opened;
        });
    }
  }

  async dispose(): Promise<void> {
    await (await this.opened)?.dispose();
  }

  private async open(root: string, storage: string, now: Circumstances) {
    const { openSearch, send, clock } = this.parts;
    const say = (line: string) => {
      send({ type: 'say', line });
    };
    try {
      const opened = await openSearch({ root, storage, clock, say, threads: 1 });
      this.search = opened.search;
      opened.search.onProgress(() => {
        this.report(opened.search);
      });
      await this.follow(opened.search, { type: 'now', now });
      this.report(opened.search);
      return opened;
    } catch (error) {
      send({ type: 'unusable', fault: messageOf(error) });
      return undefined;
    }
  }

  private async follow(
    search: LocalSearch,
    message: Exclude<ToSearch, { readonly type: 'open' | 'key' | 'abort' | 'ask' }>,
  ): Promise<void> {
    switch (message.type) {
      case 'now': {
        const { roots, isOn, machine, isCompleting, surroundings } = message.now;
        if (isOn !== undefined) search.setOn(isOn);
        if (machine) {
          search.setMachine(machine);
          if (this.parts.clock.now() - this.cpu.atMs >= CPU_MS) this.report(search);
        }
        if (isCompleting !== undefined) search.setCompleting(isCompleting);
        if (surroundings) search.setSurroundings(surroundings);
        if (roots) await search.setRoots(roots);
        break;
      }
      case 'changed':
        search.changed(message.paths);
        break;
      case 'deleted':
        search.deleted(message.paths);
        break;
      case 'rules':
        await search.rulesChanged();
        break;
      case 'index':
        search.indexNow();
        break;
    }
  }

  private async ask(id: number, question: Question): Promise<void> {
    const { send } = this.parts;
    const asked = new AbortController();
    this.questions.set(id, asked);
    try {
      const search = (await this.opened)?.search;
      if (!search) return; // `unusable` was sent
      const reply = await answer(search, question, asked.signal);
      send({ type: 'reply', id, reply });
      this.report(search);
    } catch (error) {
      send({ type: 'refused', id, fault: messageOf(error) });
    } finally {
      this.questions.delete(id);
    }
  }

  private report(search: LocalSearch): void {
    const { send, clock, cpuMs, cores } = this.parts;
    const [atMs, usedMs] = [clock.now(), cpuMs()];
    const cpuShare = (usedMs - this.cpu.usedMs) / Math.max(1, (atMs - this.cpu.atMs) * cores);
    this.cpu = { atMs, usedMs };
    const costs = { code: search.costs('code'), pictures: search.costs('pictures') };
    send({ type: 'progress', progress: search.progress, costs, cpuShare: Math.min(1, cpuShare) });
  }
}

function answer(search: LocalSearch, question: Question, signal: AbortSignal): Promise<Reply> {
  switch (question.kind) {
    case 'code':
      return search.code(question.query, { ...question.options, signal });
    case 'pictures':
      return search.pictures(question.query, { ...question.options, signal });
    case 'content':
      return search.content(question.hit);
  }
}
