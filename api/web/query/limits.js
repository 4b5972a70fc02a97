// Search options: the minimum score, and grouping of near-duplicates.

import { byId, show } from '../elements.js';
import { AUTO, hasNoTerms, withGroups, withMinScore } from './query.js';

/** Shows the limits of a query and lets the user change them. */
export class Limits {
  #query;
  #form = byId('limits');
  #score = byId('min-score');
  #group = byId('group');

  /** `onChange(query)` is called with the changed query. */
  constructor(onChange) {
    this.#form.addEventListener('submit', (event) => event.preventDefault());
    this.#score.addEventListener('change', () => {
      const entered = this.#score.valueAsNumber;
      onChange(withMinScore(this.#query, Number.isNaN(entered) ? null : Math.max(-1, Math.min(1, entered))));
    });
    this.#group.addEventListener('change', () => {
      onChange(withGroups(this.#query, this.#group.checked ? AUTO : null));
    });
  }

  show(query) {
    this.#query = query;
    this.#score.value = query.minScore ?? '';
    this.#group.checked = query.group !== null;
    // Without a query, the page shows the newest pictures, which have no scores.
    show(this.#form, !hasNoTerms(query));
  }
}
