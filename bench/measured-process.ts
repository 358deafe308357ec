import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What running a program cost. */
export interface Cost {
  /** Seconds. */
  readonly wall: number;
  /** Seconds of processor time, user and system, of the program itself. */
  readonly cpu: number;
  /** The most memory it held at any time (VmHWM), in MB of 10^6 octets. */
  readonly peak: number;
}

export interface Ending {
  readonly exit: number | null;
  /** The end of what it printed. */
  readonly said: string;
}

export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The clock tick of /proc, 100 a second on every Linux there is. */
const TICKS = 100;
const EVERY = 10;

/** Runs a program to its end and measures it through /proc. */
export async function measure({ command, args, env }: Invocation): Promise<Cost & Ending> {
  const started = process.hrtime.bigint();
  const child = spawn(command, [...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-4000);
    });
  }
  let cpu = 0;
  let peak = 0;
  const sample = () => {
    const seen = child.pid === undefined ? undefined : usageOf(child.pid);
    if (seen === undefined) return;
    cpu = Math.max(cpu, seen.cpu);
    peak = Math.max(peak, seen.peak);
  };
  sample();
  const timer = setInterval(sample, EVERY);
  const exit = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => clearInterval(timer));
  const wall = Number(process.hrtime.bigint() - started) / 1e9;
  return { wall, cpu, peak, exit, said };
}

/** Undefined once the process is gone. */
function usageOf(pid: number): { readonly cpu: number; readonly peak: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status);
    if (peak === null) return undefined;
    return { cpu: (Number(fields[11]) + Number(fields[12])) / TICKS, peak: (Number(peak[1]) * 1024) / 1e6 };
  } catch {
    return undefined;
  }
}
