// Filters on what is known of pictures: when, with what, how large and in what format they are.

const DAY_MS = 86_400_000;
// Formats of the filter, as readers know them.
export const FORMATS = {
  JPEG: 'JPEG', HEIF: 'HEIC', PNG: 'PNG', WEBP: 'WebP', GIF: 'GIF', TIFF: 'TIFF', AVIF: 'AVIF', JXL: 'JPEG XL',
  JPEG2000: 'JPEG 2000', BMP: 'BMP', PSD: 'PSD', ICO: 'ICO', TGA: 'TGA', PNM: 'PNM', ARW: 'ARW (Sony)',
  CR2: 'CR2 (Canon)', CR3: 'CR3 (Canon)', DNG: 'DNG', NEF: 'NEF (Nikon)', ORF: 'ORF (Olympus)',
  RAF: 'RAF (Fujifilm)', RW2: 'RW2 (Panasonic)',
};
// Longest texts of a filter.
const TEXT_MAX = 128;

/**
 * The filters by their names in the page's URL. Each has `read(text)`, which returns a valid value or null;
 * `field(value)`, its conditions in the API; and `words(value)`, what the page calls it.
 */
const FILTERS = {
  from: { read: dayOf, field: (day) => ({ taken_at: { gte: midnight(day) } }), words: (day) => `Taken from ${dayWords(day)}` },
  // The whole last day is included.
  to: { read: dayOf, field: (day) => ({ taken_at: { lt: midnight(day, 1) } }), words: (day) => `Taken until ${dayWords(day)}` },
  camera: { read: textOf, field: (text) => ({ camera: { prefix: text } }), words: (text) => `Camera ${text}` },
  name: { read: textOf, field: (text) => ({ filename: { contains: text } }), words: (text) => `Name with “${text}”` },
  width: { read: pixelsOf, field: (pixels) => ({ width: { gte: pixels } }), words: (pixels) => `At least ${pixels.toLocaleString('en')} pixels wide` },
  format: {
    read: (text) => (Object.hasOwn(FORMATS, text) ? text : null),
    field: (format) => ({ format }),
    words: (format) => FORMATS[format],
  },
};

/** The names of the filters, in the order in which they are shown. */
export const FILTER_NAMES = Object.keys(FILTERS);

/** Return the value of a filter that was entered or stands in a URL, or null if it is none. */
export function readFilter(name, text) {
  return text ? FILTERS[name].read(text.trim()) : null;
}

/** Return what the page calls a filter with a value. */
export function filterWords(name, value) {
  return FILTERS[name].words(value);
}

/** Return the filter of the API for a query, or null if it has no conditions. */
export function filterOf({ tags, filters }) {
  const fields = tags.length ? { tags: { all: tags } } : {};
  for (const [name, value] of Object.entries(filters)) {
    for (const [field, condition] of Object.entries(FILTERS[name].field(value))) {
      fields[field] = typeof condition === 'object' ? { ...fields[field], ...condition } : condition;
    }
  }
  return Object.keys(fields).length ? fields : null;
}

/** Return a day, "2024-05-01", if it is one. */
function dayOf(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : null;
}

/** Return the start of a day or of one of the following days; the service takes a camera's local time for UTC. */
function midnight(day, daysLater = 0) {
  return new Date(Date.parse(day) + daysLater * DAY_MS).toISOString();
}

function dayWords(day) {
  return new Date(day).toLocaleDateString(undefined, { dateStyle: 'medium', timeZone: 'UTC' });
}

function textOf(text) {
  return text && text.length <= TEXT_MAX ? text : null;
}

function pixelsOf(text) {
  const pixels = Number(text);
  return Number.isInteger(pixels) && pixels > 0 && pixels < 1e6 ? pixels : null;
}
