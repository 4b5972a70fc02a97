// The orders in which the page lists pictures.

import { byId, show } from '../elements.js';
import { hasNoTerms, withSort } from './query.js';

/** Shows the order of a list, and lets the user change it. */
export class Orders {
  #query;
  #part = byId('order-part');
  #field = byId('order');

  /** `onChange(query)` is called with the changed query. */
  constructor(onChange) {
    this.#field.addEventListener('change', () => onChange(withSort(this.#query, this.#field.value || null)));
  }

  show(query) {
    this.#query = query;
    this.#field.value = query.sort ?? '';
    // Hits are in the order of their scores.
    show(this.#part, hasNoTerms(query));
  }
}
