import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { addMail, namesIn, start, TwoMaildirs } from './cli-command.js';

const MESSAGES = 250;

describe('status after a sync was killed', () => {
  let world: TwoMaildirs | undefined;

  afterEach(() => world?.remove());

  it('tells who was at work, what was in flight, and afterwards what became of it', async () => {
    world = await TwoMaildirs.make(0);
    for (let number = 1; number <= MESSAGES; number++) addMail(world.remote, number);
    await world.good(['fetch']);
    const child = start(['sync', '-q'], { cwd: world.local });
    child.stdin.end();
    const gone = new Promise<void>(resolve => child.once('close', () => resolve()));
    // A file in tmp comes after the intents of its batch, and long before their end.
    const tmp = join(world.local, 'tmp');
    while (readdirSync(tmp).length === 0 && child.exitCode === null)
      await new Promise(resolve => setTimeout(resolve, 1));
    child.kill('SIGKILL');
    await gone;

    const status = JSON.parse(await world.good(['status', '--json']));
    expect(status.interruptions).toHaveLength(1);
    const [cut] = status.interruptions;
    expect(cut).toMatchObject({ cutShort: true, command: 'postern sync', pid: child.pid, actions: MESSAGES });
    expect(cut.inFlight.length).toBeGreaterThan(0);
    expect(cut.inFlight.length).toBe(status.interrupted);
    expect(cut.inFlight[0]).toMatchObject({ op: 'download', mailbox: 'INBOX' });
    const words = await world.good(['status']);
    expect(words).toContain(`postern sync (process ${child.pid}), `);
    expect(words).toContain(`was cut short, with ${MESSAGES} actions to do`);
    expect(words).toContain(`in flight: ${cut.inFlight.length} message`);

    await world.good(['sync', '-q']);
    const [settled] = JSON.parse(await world.good(['status', '--json'])).interruptions;
    expect(settled).toMatchObject({ operation: cut.operation, inFlight: [] });
    expect(settled.settled.found + settled.settled.undone).toBe(cut.inFlight.length);
    expect(settled.settled.found).toBe(
      cut.inFlight.filter(({ seen }: { seen: string }) => seen === 'arrived').length,
    );
    expect(await world.good(['status'])).toMatch(/settled .*: \d+ had been done, \d+ had not/);
    expect(namesIn(world.local)).toHaveLength(MESSAGES);
  });
});
