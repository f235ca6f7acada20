const isWindows = process.platform === 'win32';

/** What is said of the end of a process that was killed. Windows has no signals, and gives such a process this code. */
export const KILLED = isWindows ? 'ended with exit code 1' : 'ended by SIGKILL';

/** Code with which a process ends as by a crash, and what is then said of its end. */
export const CRASH = isWindows
  ? { code: "process.kill(process.pid, 'SIGKILL');", end: new RegExp(KILLED) }
  : { code: "process.kill(process.pid, 'SIGSEGV');", end: /ended by SIGSEGV/ };
