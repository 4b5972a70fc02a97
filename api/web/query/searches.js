// Pages of pictures: the hits of a query, or a list of pictures if the query has no terms.

import { call } from '../service/api.js';
import { Problem, secondsOf } from '../service/problem.js';
import { pause } from '../service/retries.js';
import { ROOT } from '../service/root.js';
import { filterOf } from './filters.js';
import { hasNoTerms } from './query.js';

// Pictures per page: a few screens on a desktop, and not too many for a phone.
const PAGE = 48;
// Pages double up to this size, so that a reader who scrolls far rarely waits.
const PAGE_LARGE = 384;
// Maximum size of a page in the API.
const PAGE_MAX = 1000;
// Maximum offset that the API accepts.
const OFFSET_MAX = 10_000;
// Codes of failed searches that may succeed on a retry.
const RETRYABLE = new Set(['search_failed', 'store_unavailable', 'worker_unavailable', 'device_unavailable']);

/**
 * Return the pages of a query; `next(signal)` returns {pictures, last, tookMs}.
 *
 * The first page has at least `size` pictures, if there are so many and the API allows it.
 */
export function pagesOf(query, size = 0) {
  const first = Math.min(Math.max(size, PAGE), PAGE_MAX);
  return hasNoTerms(query) ? new ListPages(query, first) : new HitPages(query, first);
}

class HitPages {
  #query;
  #size;
  #offset = 0;

  constructor(query, size) {
    this.#query = query;
    this.#size = size;
  }

  async next(signal) {
    const search = await runSearch(this.#query, this.#offset, this.#size, signal);
    this.#offset += this.#size;
    const last = search.hits.length < this.#size || this.#offset > OFFSET_MAX;
    this.#size = following(this.#size);
    // Without a threshold, no hit is below it.
    const pictures = search.hits.map((hit) => ({ ...hit, isNoise: hit.score < (search.noise_threshold ?? -1) }));
    return { pictures, last, tookMs: search.took_ms };
  }
}

class ListPages {
  #query;
  #size;
  #cursor = null;

  constructor(query, size) {
    this.#query = query;
    this.#size = size;
  }

  async next(signal) {
    const address = new URLSearchParams({ limit: this.#size });
    const filter = filterOf(this.#query);
    if (filter) address.set('filter', JSON.stringify(filter));
    if (this.#query.sort) address.set('sort', this.#query.sort);
    if (this.#cursor) address.set('cursor', this.#cursor);
    const { data } = await call('GET', `${ROOT}/v1/images?${address}`, { signal });
    this.#cursor = data.next_cursor;
    this.#size = following(this.#size);
    return { pictures: data.images, last: !this.#cursor, tookMs: null };
  }
}

/** Return the size of the page after one of a size. */
function following(size) {
  return Math.min(size * 2, PAGE_LARGE);
}

async function runSearch(query, offset, size, signal) {
  const content = contentOf(query, offset, size);
  const headers = { Prefer: 'wait=10' };
  let response = await call('POST', `${ROOT}/v1/searches`, { ...content, headers, signal });
  while (['queued', 'running'].includes(response.data.state)) {
    await pause(secondsOf(response.headers.get('Retry-After')) ?? 1, signal);
    response = await call('GET', response.data.links.self, { signal });
  }
  if (response.data.error) throw failureOf(response.data.error);
  return response.data;
}

function contentOf(query, offset, size) {
  const search = { query: termsOf(query), top_k: size, offset };
  const filter = filterOf(query);
  if (filter) search.filter = filter;
  if (query.minScore !== null) search.min_score = query.minScore;
  if (query.group !== null) search.group_duplicates = query.group;
  const file = query.terms.find((term) => term.file)?.file;
  if (!file) return { json: search };
  const body = new FormData();
  body.append('search', JSON.stringify(search));
  body.append('file', file, file.name);
  return { body };
}

function termsOf(query) {
  const pictures = query.terms.map(({ image, weight }) =>
    image ? { image_id: image, weight } : { picture: true, weight });
  return query.text ? [{ text: query.text, weight: 1 }, ...pictures] : pictures;
}

function failureOf({ code, detail }) {
  return new Problem({ status: RETRYABLE.has(code) ? 503 : 422, code, detail });
}
