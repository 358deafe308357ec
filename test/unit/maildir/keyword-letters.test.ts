import { isKeyword, KeywordLetters } from '@postern/core/side/maildir/keyword-letters.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const flagsOf = (letters: KeywordLetters, text: string) => letters.flagsOf({ letters: text });
const full = Array.from({ length: 26 }, (_, index) => `${index} K${index}`).join('\n');

describe('the letters of keywords', () => {
  it('stand for the names of their lines, and for nothing without one', () => {
    const letters = new KeywordLetters('0 Work\n2 $Junk\n25 Last\n');
    expect(flagsOf(letters, 'Sacz')).toEqual(['$Junk', 'Last', 'Work', '\\Seen']);
    expect(flagsOf(letters, 'bdX')).toEqual([]);
    expect(letters.lettersOf(['Last', '\\Seen', 'work', 'Other'])).toBe('Saz');
    expect(flagsOf(letters, 'acS')).toBe(flagsOf(letters, 'acS'));
  });

  it.each([
    ['26 TooMany\n', 'no letter'],
    ['x Work\n', 'no number'],
    ['0 \n', 'no name'],
    ['0\n', 'nothing but a number'],
    ['-1 Work\n', 'a negative number'],
    ['0 two words\n', 'no atom'],
    ['0 br(oken\n', 'no atom'],
    ['0 \\Seen\n', 'a system flag'],
    ['0 gr\xfc\xdfe\n', 'octets outside ASCII'],
    [`0 ${'x'.repeat(200)}\n`, 'a name of 200 octets'],
  ])('pass over the line %j (%s)', text => {
    const letters = new KeywordLetters(`${text}1 Fine\n`);
    expect(flagsOf(letters, 'ab')).toEqual(['Fine']);
  });

  it('know $Forwarded by P, and by a letter that Dovecot gave it', () => {
    const letters = new KeywordLetters('3 $forwarded\n');
    for (const text of ['P', 'd', 'Pd']) expect(flagsOf(letters, text)).toEqual(['$Forwarded']);
    expect(letters.lettersOf(['$Forwarded'])).toBe('Pd');
    expect(KeywordLetters.none.lettersOf(['$Forwarded'])).toBe('P');
  });

  it('given out are the first free ones, at the end of the file, and those that were given stay', () => {
    const before = new KeywordLetters('1 Work\n0 broken name\n99 odd');
    const after = before.with(['Home', 'Urgent'], ['S', 'a', 'b'].slice(0, 1));
    expect(after.text).toBe('1 Work\n0 broken name\n99 odd\n2 Home\n3 Urgent\n');
    expect(after.lettersOf(['Work', 'Home', 'Urgent'])).toBe('bcd');
  });

  it('are not given to what is no keyword, and not beyond the 26th', () => {
    expect(KeywordLetters.none.with(['\\Seen', 'two words', '$Forwarded'], [])).toBe(KeywordLetters.none);
    const almost = new KeywordLetters(full.replace('25 K25', ''));
    const last = almost.with(['One', 'Two'], []);
    expect([last.lettersOf(['One']), last.lettersOf(['Two'])]).toEqual(['z', '']);
    expect(last.with(['Three'], [])).toBe(last);
    expect(['Work', '$Junk', '\\Seen', '$Forwarded', 'a b', ''].filter(isKeyword)).toEqual(['Work', '$Junk']);
  });

  it('let any keyword be stored while some are free and none that is used has lost its name', () => {
    const some = new KeywordLetters('0 Work\n');
    expect(some.permanent(['Sa', 'X'])).toEqual([...some.flags, '\\*']);
    expect(some.permanent(['Sab'])).toEqual(some.flags);
    expect(some.with(['Home'], ['b'])).toBe(some);
    expect(some.flags).toContain('Work');
    expect(new KeywordLetters(full).permanent([])).not.toContain('\\*');
  });

  it('come back from whatever file, and every keyword that was added is found again', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary-ascii' }),
      fc.tuple(fc.nat(30), fc.string()).map(([index, name]) => `${index} ${name}`),
    );
    fc.assert(
      fc.property(fc.array(line), fc.uniqueArray(fc.stringMatching(/^[A-Za-z$]{1,9}$/)), (lines, wanted) => {
        const before = new KeywordLetters(lines.join('\n'));
        const after = before.with(wanted, []);
        expect(after.text.startsWith(before.text)).toBe(true);
        for (let code = 0x61; code < 0x7b; code++) {
          const letter = String.fromCharCode(code);
          const known = flagsOf(before, letter);
          if (known.length > 0) expect(flagsOf(after, letter)).toEqual(known);
        }
        const again = new KeywordLetters(after.text);
        for (const flag of after.flags) expect(flagsOf(again, again.lettersOf([flag]))).toContain(flag);
      }),
    );
  });
});
