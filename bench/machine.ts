import { cpus, release, totalmem } from 'node:os';

/** The machine and what runs on it, in one line. */
export function machineLine(versions: readonly string[]): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB memory`;
  return [`${cpus().length} × ${cpu?.model.trim() ?? 'CPU'}`, memory, `Linux ${release()}`, ...versions].join(
    ', ',
  );
}
