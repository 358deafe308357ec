/** 1204 -> "1,204". For whole numbers; the tables of Intl take longer to load than a short command runs. */
export function count(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "1 message", "2 messages"; irregular plurals are given. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** How long ago, in the largest unit that fits: "5 minutes ago". */
export function ago(then: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - then) / 1000));
  if (seconds < 10) return 'just now';
  if (seconds < 90) return `${counted(seconds, 'second')} ago`;
  if (seconds < 90 * 60) return `${counted(Math.round(seconds / 60), 'minute')} ago`;
  if (seconds < 36 * 3600) return `${counted(Math.round(seconds / 3600), 'hour')} ago`;
  return `${counted(Math.round(seconds / 86_400), 'day')} ago`;
}

/** 1944 -> "1.9 kB"; decimal units. */
export function octets(size: number): string {
  if (size < 1000) return counted(size, 'octet');
  const step = Math.min(3, Math.floor(Math.log10(size) / 3));
  return `${(size / 1000 ** step).toFixed(1)} ${['', 'kB', 'MB', 'GB'][step]}`;
}
