// Pictures page by page: the hits of a query, or the newest where nothing is looked for.

import { call } from './api.js';
import { pause } from './patience.js';
import { Problem, secondsOf } from './problem.js';
import { looksForNothing } from './query.js';

// Pictures asked for at a time: a few screens on a desk, and not too many on a phone.
const PAGE = 48;
// Where the paging of searches ends: the API takes no offset past it.
const OFFSET_MAX = 10_000;
// Codes of a failed search that may succeed when it is asked again.
const PASSING = new Set(['search_failed', 'store_unavailable', 'worker_unavailable']);

/** Return the pages that a query has; `next(signal)` gives {pictures, last, tookMs}. */
export function pagesOf(query) {
  return looksForNothing(query) ? new NewestPages(query.tags) : new HitPages(query);
}

class HitPages {
  #query;
  #offset = 0;

  constructor(query) {
    this.#query = query;
  }

  async next(signal) {
    const search = await ask(this.#query, this.#offset, signal);
    this.#offset += PAGE;
    const last = search.hits.length < PAGE || this.#offset > OFFSET_MAX;
    return { pictures: search.hits, last, tookMs: search.took_ms };
  }
}

class NewestPages {
  #tags;
  #cursor = null;

  constructor(tags) {
    this.#tags = tags;
  }

  async next(signal) {
    const address = new URLSearchParams({ limit: PAGE });
    // The list takes one tag; the others are looked for here.
    if (this.#tags.length) address.set('tag', this.#tags[0]);
    if (this.#cursor) address.set('cursor', this.#cursor);
    const { data } = await call('GET', `/v1/images?${address}`, { signal });
    this.#cursor = data.next_cursor;
    const pictures = data.images.filter(({ tags }) => this.#tags.every((tag) => tags.includes(tag)));
    return { pictures, last: !this.#cursor, tookMs: null };
  }
}

async function ask(query, offset, signal) {
  const content = contentOf(query, offset);
  const headers = { Prefer: 'wait=10' };
  let answer = await call('POST', '/v1/searches', { ...content, headers, signal });
  while (['queued', 'running'].includes(answer.data.state)) {
    await pause(secondsOf(answer.headers.get('Retry-After')) ?? 1, signal);
    answer = await call('GET', answer.data.links.self, { signal });
  }
  if (answer.data.error) throw failureOf(answer.data.error);
  return answer.data;
}

function contentOf(query, offset) {
  const search = { query: termsOf(query), top_k: PAGE, offset };
  if (query.tags.length) search.filter = { tags: { all: query.tags } };
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
  return new Problem({ status: PASSING.has(code) ? 503 : 422, code, detail });
}
