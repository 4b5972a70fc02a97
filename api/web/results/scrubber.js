// The scrubber beside a list by date: its years, and the one that the reader is looking at.

import { byId, show } from '../elements.js';
import { BY_DATE, hasNoTerms, withFilter } from '../query/query.js';
import { allMonths, partsWithPictures } from '../query/taken-counts.js';

/** Leads to the years of a list by the date on which pictures were taken. */
export class Scrubber {
  #rail = byId('scrubber');
  #list = byId('scrubber-years');
  #results = byId('results');
  #actions;
  #query;
  #years = [];
  #year = null;
  #run = new AbortController();

  /** `actions` are go(year), which returns whether the list has pictures of it, and change(query). */
  constructor(actions) {
    this.#actions = actions;
  }

  /** Show the years of a query's list, if it is one by date. */
  async show(query) {
    this.#run.abort();
    this.#run = new AbortController();
    const { signal } = this.#run;
    this.#query = query;
    this.#years = [];
    this.#list.replaceChildren();
    this.#showRail();
    const bound = BY_DATE[query.sort];
    if (!bound || !hasNoTerms(query)) return;
    // The whole list, wherever the reader has begun it.
    for await (const part of partsWithPictures(withFilter(query, bound, null), ...allMonths(), 12, signal)) {
      this.#add(part.from.slice(0, 4), part.number);
    }
  }

  /** Mark the year of the picture that the reader is looking at. */
  mark(picture) {
    this.#year = picture ? yearOf(picture) : null;
    for (const button of this.#list.querySelectorAll('button')) this.#markButton(button);
  }

  #add(year, number) {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = year;
    button.title = `${number.toLocaleString('en')} taken in ${year}`;
    button.addEventListener('click', () => this.#go(year));
    item.append(button);
    const isRising = this.#query.sort === 'taken_at';
    this.#years[isRising ? 'unshift' : 'push'](year);
    this.#list[isRising ? 'prepend' : 'append'](item);
    this.#markButton(button);
    this.#showRail();
  }

  /** Scroll to a year, or begin the list with it if its pictures are not loaded. */
  #go(year) {
    if (this.#actions.go(year)) return;
    const bound = BY_DATE[this.#query.sort];
    const day = bound === 'to' ? `${year}-12-31` : `${year}-01-01`;
    this.#actions.change(withFilter(this.#query, bound, year === this.#years[0] ? null : day));
  }

  #markButton(button) {
    const isHere = button.textContent === this.#year;
    if (isHere) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
    if (!isHere) return;
    // Only the rail: `scrollIntoView` would scroll the page, too.
    const middle = button.offsetTop - (this.#rail.clientHeight - button.offsetHeight) / 2;
    this.#rail.scrollTo({ top: middle });
  }

  /** Show the rail if there is more than one year. */
  #showRail() {
    const isShown = this.#years.length > 1;
    show(this.#rail, isShown);
    this.#results.classList.toggle('dated', isShown);
  }
}

/** Return the year in which a picture was taken, like "2024", as the service orders it; null if that is unknown. */
export function yearOf({ photo }) {
  const time = photo?.taken_at;
  if (!time) return null;
  const year = new Date(/(Z|[+-]\d\d:\d\d)$/i.test(time) ? time : `${time}Z`).getUTCFullYear();
  return Number.isNaN(year) ? null : String(year);
}
