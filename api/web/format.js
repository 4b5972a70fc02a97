// Formats names, sizes, times and numbers, and parses tags.

/** Return the last part of a path. */
export function baseName(filename) {
  return filename.split('/').pop() || filename || 'unnamed picture';
}

/** Return the folders of a path, like "holiday/crete", or nothing. */
export function folderOf(filename) {
  return filename.slice(0, Math.max(0, filename.lastIndexOf('/')));
}

/** Return a number with its noun, like "1 picture" or "1,200 pictures". */
export function count(number, noun) {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

/** Return the number of duplicates of a job or an upload, and how many of them it has changed. */
export function duplicatesOf({ duplicates, changed }) {
  const known = count(duplicates, 'duplicate');
  return changed ? `${known} (${changed.toLocaleString('en')} changed)` : known;
}

/** Return a number of bytes in readable form, like "1.2 MB". */
export function size(bytes) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (!unit) return count(value, 'byte');
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Return a score with two decimals and a typographic minus sign. */
export function score(value) {
  return value.toFixed(2).replace('-', '−');
}

/** Return a timestamp of the API in the user's time zone and locale. */
export function localTime(rfc3339) {
  const time = new Date(rfc3339);
  return Number.isNaN(time.valueOf())
    ? rfc3339
    : time.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** Return the tags in a comma-separated line of text. */
export function tagsOf(line) {
  return [...new Set(line.split(',').map((tag) => tag.trim()).filter(Boolean))];
}
