const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MONTH_NUMBERS = new Map(MONTHS.map((name, month) => [name.toLowerCase(), month]));

/** A date-time of the wire (RFC 3501 §9, ` 1-Jul-2026 02:44:25 -0700`) in milliseconds, or undefined where it is none. */
export function parseInternalDate(text: string): number | undefined {
  const parts = /^ ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/.exec(text);
  if (parts === null) return undefined;
  const [, day, name, year, hours, minutes, seconds, sign, zoneHours, zoneMinutes] = parts;
  const month = MONTH_NUMBERS.get(name!.toLowerCase());
  if (month === undefined) return undefined;
  const local = Date.UTC(Number(year), month, Number(day), Number(hours), Number(minutes), Number(seconds));
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  return local - (sign === '-' ? -zone : zone);
}

/** The date-time for APPEND, in UTC; undefined for times the wire cannot say (a year outside 1 to 9999). */
export function formatInternalDate(milliseconds: number): string | undefined {
  const date = new Date(milliseconds);
  const year = date.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) return undefined;
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${two(date.getUTCDate())}-${MONTHS[date.getUTCMonth()]}-${String(year).padStart(4, '0')}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}
