// The timeline among the filters: in which years pictures were taken, and in which months of a chosen year.

import { byId, setText } from '../elements.js';
import { withFilter } from './query.js';
import { allMonths, monthOf, partsWithPictures } from './taken-counts.js';

/** Offers years and months as filters, with the number of pictures of each. */
export class Timeline {
  #box = byId('timeline');
  #list = byId('timeline-list');
  #status = byId('timeline-status');
  #query;
  #onChange;
  #run = new AbortController();

  /** `onChange(query)` is called with the changed query. */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#box.addEventListener('toggle', () => this.#load());
  }

  /** Show the times of a query's pictures, while the timeline is open: counting them is work for the service. */
  show(query) {
    this.#query = query;
    this.#load();
  }

  async #load() {
    this.#run.abort();
    if (!this.#box.open) return;
    this.#run = new AbortController();
    const { signal } = this.#run;
    const { from, to } = this.#query.filters;
    const year = from && from.slice(0, 4) === to?.slice(0, 4) ? Number(from.slice(0, 4)) : null;
    const [first, end] = year ? [year * 12, year * 12 + 12] : allMonths();
    setText(this.#status, 'Counting …');
    this.#list.replaceChildren(...(year ? [this.#item('All years', null, null)] : []));
    for await (const part of partsWithPictures(this.#query, first, end, year ? 1 : 12, signal)) {
      const name = year ? monthWords(part.first) : part.from.slice(0, 4);
      this.#list.append(this.#item(`${name} (${part.number.toLocaleString('en')})`, part.from, part.to));
    }
    if (!signal.aborted) setText(this.#status, this.#list.childElementCount ? '' : 'No file of these pictures says when it was taken.');
  }

  #item(text, from, to) {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = text;
    button.setAttribute('aria-pressed', from !== null && this.#query.filters.from === from && this.#query.filters.to === to);
    button.addEventListener('click', () => this.#onChange(withFilter(withFilter(this.#query, 'from', from), 'to', to)));
    item.append(button);
    return item;
  }
}

function monthWords(month) {
  return new Date(`${monthOf(month)}-01`).toLocaleDateString(undefined, { month: 'short', timeZone: 'UTC' });
}
