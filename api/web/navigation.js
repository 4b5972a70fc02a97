// The history of the page: every query and every opened picture has a URL.

import { addressOf, emptyQuery, imageOf, isSameQuery, queryOf } from './query/query.js';

/**
 * Runs queries and opens pictures as history entries, and shows what the current URL asks for.
 *
 * An entry's state has `file`, a local picture {reference, weight}; `isAbove`, whether the entry before it
 * is the same query without the opened picture; and `place`, where the reader was: {at, top, size}.
 */
export class Navigation {
  #actions;
  #query = null;
  // Whether the shown entry's local picture is no longer here.
  #isLost = false;
  // Local pictures used in queries, by the references of entries.
  #files = new Map();
  // Resolves once the picture is closed by the browser's history.
  #closing = null;

  /** `actions` are query(query, place, isPictureLost), picture(id or null), and place(), which returns null while pictures load. */
  constructor(actions) {
    this.#actions = actions;
    // The pictures to scroll to are there only after the query has run.
    history.scrollRestoration = 'manual';
    window.addEventListener('popstate', () => this.show());
    window.addEventListener('scrollend', () => this.#remember());
  }

  /** The query that is shown. */
  get query() {
    return this.#query ?? emptyQuery();
  }

  /** Whether the query lacks its local picture, so that it has no results. */
  get isLost() {
    return this.#isLost;
  }

  /** Show the query and the picture of the current URL. */
  show() {
    const next = this.#queryHere();
    const kept = history.state?.file;
    const isLost = Boolean(kept) && !this.#files.has(kept.reference);
    if (!this.#query || isLost !== this.#isLost || !isSameQuery(next, this.#query)) {
      this.#query = next;
      this.#isLost = isLost;
      this.#actions.query(next, history.state?.place, isLost);
    }
    this.#actions.picture(imageOf(location.search));
  }

  /** Run a query as a new entry. */
  run(next) {
    const file = next.terms.find((term) => term.file);
    const kept = file && { reference: this.#referenceTo(file.file), weight: file.weight };
    const address = addressOf(next);
    const isHere = address === location.pathname + location.search && !kept && !history.state?.file;
    this.#remember();
    history[isHere ? 'replaceState' : 'pushState']({ file: kept }, '', address);
    this.#query = next;
    this.#isLost = false;
    this.#actions.picture(null);
    window.scrollTo({ top: 0 });
    this.#actions.query(next);
  }

  /** Open a picture in a new entry, or in the current one if that has a picture already. */
  open(id) {
    if (this.#closing) return;
    const address = addressOf(this.#query, id);
    if (imageOf(location.search)) {
      history.replaceState(history.state, '', address);
    } else {
      this.#remember();
      history.pushState({ ...history.state, isAbove: true }, '', address);
    }
    this.#actions.picture(id);
  }

  /** Close the picture: go back if the picture was opened from the entry before. */
  close() {
    this.#closing ??= this.#close().finally(() => {
      this.#closing = null;
    });
    return this.#closing;
  }

  async #close() {
    if (history.state?.isAbove) {
      const left = new Promise((resolve) => window.addEventListener('popstate', resolve, { once: true }));
      history.back();
      await left;
    } else {
      history.replaceState(history.state, '', addressOf(this.#query));
      this.#actions.picture(null);
    }
  }

  #queryHere() {
    const query = queryOf(location.search);
    const kept = history.state?.file;
    const file = kept && this.#files.get(kept.reference);
    if (file) query.terms.unshift({ file, name: file.name, weight: kept.weight });
    return query;
  }

  #remember() {
    const place = this.#actions.place();
    if (place) history.replaceState({ ...history.state, place }, '');
  }

  #referenceTo(file) {
    const known = [...this.#files].find(([, other]) => other === file);
    if (known) return known[0];
    // An entry from before the page was loaded again must not get a picture of now.
    const reference = `${performance.timeOrigin}/${this.#files.size}`;
    this.#files.set(reference, file);
    return reference;
  }
}
