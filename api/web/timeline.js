// The timeline among the filters: in which years pictures were taken, and in which months of a chosen year.

import { byId, setText } from './elements.js';
import { withFilter } from './query.js';
import { totalOf } from './totals.js';

// The first year that is looked at; pictures taken before are found by their date alone.
const FIRST_YEAR = 1990;

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
    const [first, end] = year ? [year * 12, year * 12 + 12] : [FIRST_YEAR * 12, (new Date().getFullYear() + 1) * 12];
    setText(this.#status, 'Counting …');
    this.#list.replaceChildren(...(year ? [this.#item('All years', null, null)] : []));
    await this.#count(first, end, year ? 1 : 12, signal);
    if (!signal.aborted) setText(this.#status, this.#list.childElementCount ? '' : 'No file of these pictures says when it was taken.');
  }

  /** List the parts of a span of months, from `first` to before `end`, in which pictures were taken; the latest come first. */
  async #count(first, end, size, signal) {
    const span = [`${monthOf(first)}-01`, lastDayBefore(end)];
    const filters = { ...this.#query.filters, from: span[0], to: span[1] };
    // Scores do not matter here: every picture has one.
    const number = await totalOf({ ...this.#query, text: '', terms: [], filters }, signal);
    if (!number || signal.aborted) return;
    if (end - first === size) {
      const name = size === 1 ? monthWords(first) : String(first / 12);
      this.#list.append(this.#item(`${name} (${number.toLocaleString('en')})`, ...span));
      return;
    }
    const middle = first + Math.ceil((end - first) / size / 2) * size;
    await this.#count(middle, end, size, signal);
    await this.#count(first, middle, size, signal);
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

/** Return a month, counted from the year 0, as in "2024-05". */
function monthOf(month) {
  return `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}`;
}

function lastDayBefore(month) {
  return new Date(Date.parse(`${monthOf(month)}-01`) - 1).toISOString().slice(0, 10);
}

function monthWords(month) {
  return new Date(`${monthOf(month)}-01`).toLocaleDateString(undefined, { month: 'short', timeZone: 'UTC' });
}
