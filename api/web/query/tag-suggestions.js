// The tags of the service, suggested in fields that take one.

import { byId } from '../elements.js';
import { count } from '../format.js';
import { call } from '../service/api.js';
import { ROOT } from '../service/root.js';

// Most tags that are suggested at once.
const TAGS_MAX = 50;
// Time after a key before tags that begin with the text are asked for, in milliseconds.
const PAUSE_MS = 150;

/** Suggest tags in every field with the list `known-tags`, the most frequent first. */
export function suggestTags() {
  const known = byId('known-tags');
  let run = new AbortController();
  let timer = 0;

  async function suggest(text) {
    run.abort();
    run = new AbortController();
    const { signal } = run;
    const address = new URLSearchParams({ limit: TAGS_MAX });
    if (text) address.set('q', text);
    try {
      const { data } = await call('GET', `${ROOT}/v1/tags?${address}`, { signal });
      known.replaceChildren(...data.tags.map((tag) => new Option(count(tag.count, 'picture'), tag.tag)));
    } catch {
      // A tag can be entered without suggestions.
    }
  }

  for (const field of document.querySelectorAll(`input[list="${known.id}"]`)) {
    field.addEventListener('focus', () => suggest(field.value.trim()));
    field.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(() => suggest(field.value.trim()), PAUSE_MS);
    });
  }
}
