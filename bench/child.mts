/** One engine in a process of its own: `child.mts ENGINE TARGET`, then requests by message. */
import { ENGINES, type Opened, type Target } from './engines.mts';

const [engine, target] = process.argv.slice(2) as [string, string];
const before = process.memoryUsage.rss();
const start = performance.now();
const opened = await open().catch(fail);
// A program that starts again for each measurement has no start time and no memory figure here.
const startMs = engine === 'llama-bench' ? Number.NaN : performance.now() - start;
const bytes = engine === 'llama-bench' ? Number.NaN : process.memoryUsage.rss() - before;
process.send!({ startMs, bytes });

async function open(): Promise<Opened> {
  const opened = await ENGINES[engine]!(JSON.parse(target) as Target);
  await opened.decode([10, 11, 12, 13], 2);
  return opened;
}

/** The parent is told the reason before this process ends. */
function fail(error: unknown): Promise<never> {
  return new Promise(() => {
    process.send!({ fault: (error as Error).message }, () => process.exit(1));
  });
}

process.on('message', ({ call, args }: { call: keyof Opened; args: never[] }) => {
  const before = process.cpuUsage();
  void (opened[call] as (...args: never[]) => Promise<unknown>)(...args).then((result) => {
    const { user, system } = process.cpuUsage(before);
    process.send!({ result, cpuMs: (user + system) / 1000 });
  }, fail);
});
process.on('disconnect', () => process.exit(0));
