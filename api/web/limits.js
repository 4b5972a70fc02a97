// What hits must meet beside the query: a score at least, and whether near-duplicates are one.

import { byId, show } from './elements.js';
import { ALIKE, looksForNothing, withGroups, withMinScore } from './query.js';

/** Shows the limits of a query, and lets the reader change them. */
export class Limits {
  #query;
  #form = byId('limits');
  #score = byId('min-score');
  #group = byId('group');

  /** `onChange(query)` is called with the query as the reader wants it. */
  constructor(onChange) {
    this.#form.addEventListener('submit', (event) => event.preventDefault());
    this.#score.addEventListener('change', () => {
      const wanted = this.#score.valueAsNumber;
      onChange(withMinScore(this.#query, Number.isNaN(wanted) ? null : Math.max(-1, Math.min(1, wanted))));
    });
    this.#group.addEventListener('change', () => {
      onChange(withGroups(this.#query, this.#group.checked ? ALIKE : null));
    });
  }

  show(query) {
    this.#query = query;
    this.#score.value = query.minScore ?? '';
    this.#group.checked = query.group !== null;
    // The newest pictures have no scores, and are all shown.
    show(this.#form, !looksForNothing(query));
  }
}
