// How many pictures were taken in the parts of a time.

import { totalOf } from './totals.js';

// The first year that is looked at; pictures taken before are found by their date alone.
const FIRST_YEAR = 1990;

/** Return all months that pictures may be from: the first one, and the one after the last, counted from the year 0. */
export function allMonths() {
  return [FIRST_YEAR * 12, (new Date().getFullYear() + 1) * 12];
}

/**
 * Yield the parts of a time in which a query's pictures were taken, the latest first: {first, from, to, number}.
 *
 * The time is from the month `first` to before the month `end`, and its parts have `size` months. `from` and `to` are
 * a part's first and last day.
 */
export async function* partsWithPictures(query, first, end, size, signal) {
  const [from, to] = [`${monthOf(first)}-01`, lastDayBefore(end)];
  // Scores do not matter here: every picture has one.
  const number = await totalOf({ ...query, text: '', terms: [], filters: { ...query.filters, from, to } }, signal);
  if (!number || signal.aborted) return;
  if (end - first === size) {
    yield { first, from, to, number };
    return;
  }
  const middle = first + Math.ceil((end - first) / size / 2) * size;
  yield* partsWithPictures(query, middle, end, size, signal);
  yield* partsWithPictures(query, first, middle, size, signal);
}

/** Return a month, counted from the year 0, as in "2024-05". */
export function monthOf(month) {
  return `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}`;
}

function lastDayBefore(month) {
  return new Date(Date.parse(`${monthOf(month)}-01`) - 1).toISOString().slice(0, 10);
}
