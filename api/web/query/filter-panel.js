// The panel of filters, and the chips of those that are set.

import { byId, fromTemplate, setText, show } from '../elements.js';
import { FILTER_NAMES, FORMATS, filterWords, readFilter } from './filters.js';
import { withFilter, withTag, withoutFilters, withoutTag } from './query.js';

/** Shows a query's tags and filters, and lets the user change them. */
export class FilterPanel {
  #query;
  #onChange;
  #chips = byId('filters');
  #button = byId('open-filters');

  /** `onChange(query)` is called with the changed query. */
  constructor(onChange) {
    this.#onChange = onChange;
    byId('filter-format').append(...Object.entries(FORMATS).map(([value, name]) => new Option(name, value)));
    for (const name of FILTER_NAMES) {
      const field = byId(`filter-${name}`);
      field.addEventListener('change', () => {
        // A date that is entered in parts is not complete yet.
        if (field.checkValidity()) onChange(withFilter(this.#query, name, readFilter(name, field.value)));
      });
    }
    byId('filter-form').addEventListener('submit', (event) => event.preventDefault());
    byId('filter-clear').addEventListener('click', () => onChange(withoutFilters(this.#query)));
    byId('tag-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const tag = byId('tag').value.trim();
      byId('tag').value = '';
      if (tag) onChange(withTag(this.#query, tag));
    });
  }

  show(query) {
    this.#query = query;
    const focused = [...this.#chips.children].findIndex((chip) => chip.contains(document.activeElement));
    const tags = query.tags.map((tag) => this.#chip(tag, `Remove tag ${tag}`, () => withoutTag(query, tag)));
    const set = FILTER_NAMES.filter((name) => name in query.filters);
    const filters = set.map((name) => {
      const words = filterWords(name, query.filters[name]);
      return this.#chip(words, `Remove filter: ${words}`, () => withFilter(query, name, null));
    });
    this.#chips.replaceChildren(...tags, ...filters);
    show(this.#chips, this.#chips.childElementCount > 0);
    for (const name of FILTER_NAMES) byId(`filter-${name}`).value = query.filters[name] ?? '';
    const number = this.#chips.childElementCount;
    setText(byId('open-filters-text'), number ? `Filters (${number})` : 'Filters');
    show(byId('filter-clear'), number > 0);
    // The chip that had the focus is gone.
    if (focused >= 0) (this.#chips.children[focused] ?? this.#chips.lastElementChild)?.querySelector('button').focus();
    if (focused >= 0 && !number) this.#button.focus();
  }

  #chip(text, label, without) {
    const chip = fromTemplate('tag-chip');
    chip.querySelector('span').textContent = text;
    chip.querySelector('.unseen').textContent = label;
    chip.querySelector('button').addEventListener('click', () => this.#onChange(without()));
    return chip;
  }
}
