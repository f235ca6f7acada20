import { forkedLink, type Link, type LinkEvents, type ProgramOptions } from '../engine/link';
import { MAX_RESTARTS, Restarts } from '../engine/restarts';
import { type Machine, UNKNOWN_MACHINE } from '../governor/machine';
import { type Clock, SYSTEM_CLOCK } from '../machine/clock';
import { NO_SURROUNDINGS, type Surroundings } from '../workspace/memory/nearness';
import type { SearchRoot } from './root';
import type { AskedOptions, Circumstances, FromSearch, Question, Reply, ToSearch } from './protocol';
import {
  type CodeHit,
  NO_PROGRESS,
  type PictureContent,
  type PictureHit,
  type PictureQuery,
  type QueryCost,
  type Search,
  type SearchAnswer,
  SearchFault,
  type SearchOptions,
  type SearchProgress,
} from './search';

export interface SearchClientOptions extends ProgramOptions {
  /** The folder of the extension. */
  readonly root: string;
  /** The folder of all indexes. */
  readonly storage: string;
  /** For the log. */
  readonly say: (line: string) => void;
  readonly clock?: Clock;
  /** Replaced in tests. */
  readonly link?: (options: ProgramOptions, events: LinkEvents<FromSearch>) => Link<ToSearch>;
}

const BACKOFF_MS = 1000;
/** The process reports it about once a second while it works. */
const CPU_VALID_MS = 2500;
const NEVER = new AbortController().signal;

interface Asked {
  readonly question: Question;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Search in a process of its own, so that neither its work nor a crash there touches the editor. The process is started by the
 * first question, or by `setOn` as soon as there are folders, and again after a crash; it ends with `dispose`.
 */
export class SearchClient implements Search {
  private link: Link<ToSearch> | undefined;
  private current: SearchProgress = NO_PROGRESS;
  private allCosts: Readonly<Record<'code' | 'pictures', readonly QueryCost[]>> = { code: [], pictures: [] };
  private readonly listeners = new Set<(progress: SearchProgress) => void>();
  private readonly asked = new Map<number, Asked>();
  private nextId = 1;
  private readonly restarts: Restarts;
  private readonly clock: Clock;
  private cancelRestart: () => void = () => undefined;
  private isDisposed = false;
  /** Why there is no process, for good. */
  private fault: string | undefined;
  private lastCpu = { share: 0, atMs: -Infinity };
  private now: Circumstances = {
    roots: [],
    isOn: false,
    machine: UNKNOWN_MACHINE,
    isCompleting: false,
    surroundings: NO_SURROUNDINGS,
  };

  constructor(private readonly options: SearchClientOptions) {
    this.clock = options.clock ?? SYSTEM_CLOCK;
    this.restarts = new Restarts(this.clock.now, BACKOFF_MS);
  }

  async code(query: string, options: SearchOptions = {}): Promise<SearchAnswer<CodeHit>> {
    const question = { kind: 'code', query, options: withoutSignal(options) } as const;
    return (await this.ask(question, options.signal)) as SearchAnswer<CodeHit>;
  }

  async pictures(query: PictureQuery, options: SearchOptions = {}): Promise<SearchAnswer<PictureHit>> {
    const question = { kind: 'pictures', query, options: withoutSignal(options) } as const;
    return (await this.ask(question, options.signal)) as SearchAnswer<PictureHit>;
  }

  async content(hit: PictureHit, signal?: AbortSignal): Promise<PictureContent | undefined> {
    return (await this.ask({ kind: 'content', hit }, signal)) as PictureContent | undefined;
  }

  costs(kind: 'code' | 'pictures'): readonly QueryCost[] {
    return this.allCosts[kind];
  }

  get progress(): SearchProgress {
    return this.current;
  }

  onProgress(listener: (progress: SearchProgress) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Build the index now, whatever it costs, until it is complete. */
  indexNow(): void {
    this.start();
    this.send({ type: 'index' });
  }

  /** Share of all cores that the process took in the last second, 0 to 1: a part of what the sensors see as other programs. */
  get cpuShare(): number {
    return this.clock.now() - this.lastCpu.atMs < CPU_VALID_MS ? this.lastCpu.share : 0;
  }

  /** A state of the machine in which the search process does not count as another program. */
  withoutSearch<State extends Pick<Machine, 'cpuBusyByOthersShare'>>(machine: State): State {
    const { cpuBusyByOthersShare: busy } = machine;
    return busy === undefined ? machine : { ...machine, cpuBusyByOthersShare: Math.max(0, busy - this.cpuShare) };
  }

  /** Whether the index is built without being asked for. */
  setOn(isOn: boolean): void {
    this.tell({ isOn });
    if (isOn && this.now.roots.length > 0) this.start();
    else if (!isOn && this.asked.size === 0) this.stop();
  }

  setRoots(roots: readonly SearchRoot[]): void {
    this.tell({ roots });
    if (this.now.isOn && roots.length > 0) this.start();
  }

  /** @param machine `withoutSearch` */
  setMachine(machine: Machine): void {
    this.tell({ machine });
  }

  setCompleting(isCompleting: boolean): void {
    if (isCompleting !== this.now.isCompleting) this.tell({ isCompleting });
  }

  setSurroundings(surroundings: Surroundings): void {
    this.tell({ surroundings });
  }

  /** The user has pressed a key in a document. */
  key(): void {
    this.send({ type: 'key' });
  }

  /** Files or folders have changed or come into being. @param paths absolute, with forward slashes */
  changed(paths: readonly string[]): void {
    this.send({ type: 'changed', paths });
  }

  /** Files or folders have gone. @param paths absolute, with forward slashes */
  deleted(paths: readonly string[]): void {
    this.send({ type: 'deleted', paths });
  }

  /** An ignore file has changed. */
  rulesChanged(): void {
    this.send({ type: 'rules' });
  }

  dispose(): void {
    this.isDisposed = true;
    this.stop();
    this.refuseAll('The search has ended.');
    this.listeners.clear();
  }

  private ask(question: Question, signal: AbortSignal = NEVER): Promise<Reply> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.isDisposed) return Promise.reject(new SearchFault('The search has ended.'));
    if (this.fault !== undefined) {
      // What is missing may have been installed by now.
      this.fault = undefined;
      this.restarts.forget();
    }
    const id = this.nextId++;
    return new Promise<Reply>((resolve, reject) => {
      const abort = () => {
        this.send({ type: 'abort', id });
        this.asked.delete(id);
        reject(signal.reason as Error);
      };
      const end = () => {
        this.asked.delete(id);
        signal.removeEventListener('abort', abort);
      };
      this.asked.set(id, {
        question,
        resolve: (reply) => {
          end();
          resolve(reply);
        },
        reject: (reason) => {
          end();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a SearchFault, or the signal's reason
          reject(reason);
        },
      });
      signal.addEventListener('abort', abort, { once: true });
      if (this.link) this.send({ type: 'ask', id, question });
      else this.start();
    });
  }

  /** Remembered for the next process too. */
  private tell(now: Partial<Circumstances>): void {
    this.now = { ...this.now, ...now };
    this.send({ type: 'now', now });
  }

  private send(message: ToSearch): void {
    this.link?.send(message);
  }

  private start(): void {
    if (this.link || this.isDisposed || this.fault !== undefined) return;
    this.cancelRestart();
    const { root, storage, link: makeLink = forkedLink<ToSearch, FromSearch> } = this.options;
    const link = makeLink(
      { ...this.options, endsItself: true },
      {
        onMessage: (message) => {
          if (this.link === link) this.receive(message);
        },
        onEnd: (how, fault) => {
          if (this.link === link) this.ended(how, fault);
        },
      },
    );
    this.link = link;
    this.set({ ...this.current, now: { state: 'starting' } });
    this.send({ type: 'open', root, storage, now: this.now });
    for (const [id, { question }] of this.asked) this.send({ type: 'ask', id, question });
  }

  private stop(): void {
    this.cancelRestart();
    this.link?.close();
    this.link = undefined;
    this.set(NO_PROGRESS);
  }

  private receive(message: FromSearch): void {
    switch (message.type) {
      case 'progress':
        this.allCosts = message.costs;
        this.lastCpu = { share: message.cpuShare, atMs: this.clock.now() };
        this.set(message.progress);
        break;
      case 'say':
        this.options.say(message.line);
        break;
      case 'unusable':
        this.fail(message.fault);
        break;
      case 'reply':
        this.asked.get(message.id)?.resolve(message.reply);
        break;
      case 'refused':
        this.asked.get(message.id)?.reject(new SearchFault(message.fault));
        break;
    }
  }

  private ended(how: string, fault: string): void {
    this.link = undefined;
    const reason = `the search process ${how}${fault ? ` (${fault})` : ''}`;
    const pauseMs = this.restarts.next();
    this.options.say(reason);
    // A question may be the cause, so none is asked twice.
    this.refuseAll(`${reason}. Search again.`);
    if (pauseMs === undefined) {
      this.fail(`${reason}; it ended ${MAX_RESTARTS + 1} times in five minutes`);
      return;
    }
    this.set({ ...NO_PROGRESS, now: { state: 'starting' } });
    this.cancelRestart = this.clock.after(pauseMs, () => {
      this.start();
    });
  }

  private fail(fault: string): void {
    this.fault = fault;
    this.link?.close();
    this.link = undefined;
    this.refuseAll(fault);
    this.set({ ...NO_PROGRESS, now: { state: 'unavailable', fault } });
  }

  private refuseAll(fault: string): void {
    for (const { reject } of [...this.asked.values()]) reject(new SearchFault(fault));
  }

  private set(progress: SearchProgress): void {
    this.current = progress;
    for (const listener of [...this.listeners]) listener(progress);
  }
}

function withoutSignal(options: SearchOptions): AskedOptions {
  const asked: { -readonly [Key in keyof SearchOptions]: SearchOptions[Key] } = { ...options };
  delete asked.signal;
  return asked;
}
