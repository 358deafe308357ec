import { escapeText } from '../model/escape-text.js';

const LONGEST = 60;

/** A text from a plan as a reason quotes it: in quotes, escaped as JSON does, and cut short. */
export function shown(text: string): string {
  return escapeText(JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text));
}
