/** The word of a command line that names the command: the first that is neither an option nor the directory of `-C`. */
export function commandWord(words: readonly string[]): string | undefined {
  return words.find(
    (word, index) => !word.startsWith('-') && words[index - 1] !== '-C' && !(index === 0 && word === 'help'),
  );
}
