import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { jsonLines, namesIn, TwoMaildirs } from './cli-command.js';

describe('fsck --duplicates', () => {
  let world: TwoMaildirs | undefined;

  afterEach(() => world?.remove());

  it('lists what is there twice, and prints a plan that apply carries out', async () => {
    world = await TwoMaildirs.make(3);
    const cur = join(world.remote, 'cur');
    const original = readdirSync(cur)[0]!;
    copyFileSync(join(cur, original), join(cur, `1790000001.copy.example:2,S`));
    await world.good(['sync']);
    expect(namesIn(world.local)).toHaveLength(4);

    expect(await world.good(['fsck', '--duplicates'])).toMatch(/INBOX: 2 × the same message: "Message \d"/);
    const [group] = jsonLines(await world.good(['fsck', '--duplicates', '--json']));
    expect(group).toMatchObject({
      mailbox: 'INBOX',
      by: 'content',
      copies: [{ keep: true }, { keep: false }],
    });
    const plan = await world.good(['fsck', '--duplicates', '--plan']);
    expect(jsonLines(plan)).toMatchObject([{ op: 'plan', actions: 1 }, { op: 'delete-local' }]);
    expect(await world.good(['apply', '-'], { input: plan })).toContain('1 done');
    await world.good(['sync']);
    expect(namesIn(world.local)).toHaveLength(3);
    expect(namesIn(world.remote)).toHaveLength(3);
    expect(await world.good(['fsck', '--duplicates'])).toBe('Nothing is there twice\n');
    expect(await world.run(['fsck', '--plan'])).toMatchObject({ exit: 64, stdout: '' });
  });
});
