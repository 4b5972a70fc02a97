// The results of a query, loaded page by page.

import { byId, setText, show } from '../elements.js';
import { count } from '../format.js';
import { hasFilters, hasNoTerms, withoutTerm } from '../query/query.js';
import { pagesOf } from '../query/searches.js';
import { totalOf } from '../query/totals.js';
import { mayWrite } from '../service/access.js';
import { Problem } from '../service/problem.js';
import { withRetries } from '../service/retries.js';
import { State } from './state.js';

// Number of placeholder tiles shown while pictures load.
const SKELETON_TILES = 12;
// Distance below the viewport at which the next page starts to load, in pixels.
const AHEAD_PX = 800;

/** Runs queries and fills the grid with their results. */
export class Results {
  #grid;
  #actions;
  #section = byId('results');
  #title = byId('results-title');
  #status = byId('results-status');
  #skeleton = byId('skeleton');
  #further = byId('further');
  #state = new State();
  #run = new AbortController();
  #query;
  #pages;
  #loading = false;
  #last = true;
  // The number of pictures that the query could show, or null while it is unknown.
  #total = null;
  #tookMs = null;

  /** `actions` are add(), clear(), change(query), choose() and seen(). */
  constructor(grid, actions) {
    this.#grid = grid;
    this.#actions = actions;
    for (let tile = 0; tile < SKELETON_TILES; tile += 1) this.#skeleton.append(document.createElement('li'));
    this.#further.addEventListener('click', () => this.#loadByButton());
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.more(), {
      rootMargin: `${AHEAD_PX}px`,
    }).observe(this.#further.parentElement);
  }

  /** Whether pictures are being loaded. */
  get isLoading() {
    return this.#loading;
  }

  /** Replace the grid's content with the results of a query, and return to a place in them: {at, top} as of the grid's reader, and size. */
  async show(query, place = null) {
    this.#reset(query);
    const { signal } = this.#run;
    this.#pages = pagesOf(query, place?.size ?? 0);
    await this.#load();
    this.#count(signal);
    if (place && !signal.aborted) this.#grid.returnTo(place);
  }

  /** Show that a query had a picture of the user's device, which the browser keeps for no other load of the page. */
  showLost(query) {
    this.#reset(query);
    this.#last = true;
    this.#end();
    const title = 'The picture of this search is no longer here';
    const detail = 'The page forgets pictures of your device when it is loaded again. Choose the picture again, or search without it.';
    setText(this.#status, title);
    this.#state.show('empty', title, detail, 'Choose a picture', this.#actions.choose);
  }

  #reset(query) {
    this.#run.abort();
    this.#run = new AbortController();
    this.#query = query;
    this.#grid.clear();
    this.#state.clear();
    this.#loading = false;
    this.#last = false;
    this.#total = null;
    show(this.#further, false);
    setText(this.#title, titleOf(query));
  }

  /** Load the next page, unless that failed before: after a failure, the user decides whether to retry. */
  more() {
    if (this.#grid.size && !this.#last && byId('state').hidden) this.#load();
  }

  /** Update the status after pictures were deleted. */
  removed(number) {
    if (this.#total !== null) this.#total -= number;
    this.#showStatus();
    if (!this.#grid.size && this.#last) this.#showEmpty();
  }

  async #loadByButton() {
    const before = this.#grid.size;
    await this.#load();
    // The focused button may be gone.
    if (this.#grid.size > before) this.#grid.focusAt(before);
  }

  async #load() {
    if (this.#loading || this.#last) return;
    const { signal } = this.#run;
    this.#begin();
    try {
      this.#append(await this.#page(signal), signal);
    } catch (problem) {
      if (!signal.aborted) this.#fail(problem);
    } finally {
      if (!signal.aborted) this.#end();
    }
  }

  async #count(signal) {
    // All pictures are here and counted, or none could be loaded.
    if (this.#last || !this.#grid.size) return;
    const total = await totalOf(this.#query, signal);
    if (signal.aborted || !this.#grid.size) return;
    this.#total = total;
    this.#showStatus();
  }

  #page(signal) {
    return withRetries(() => this.#pages.next(signal), {
      signal,
      onWait: (problem, left, retryNow) => {
        show(this.#skeleton, false);
        this.#state.showWait(problem, left, retryNow);
        setText(this.#status, problem.title);
      },
      onRetry: () => this.#begin(),
    });
  }

  #begin() {
    this.#loading = true;
    this.#state.clear();
    this.#section.setAttribute('aria-busy', 'true');
    show(this.#skeleton, !this.#grid.size);
    this.#further.disabled = true;
    if (!this.#grid.size) setText(this.#status, hasNoTerms(this.#query) ? 'Loading …' : 'Searching …');
  }

  #append({ pictures, last, tookMs }, signal) {
    if (signal.aborted) return;
    this.#grid.append(pictures);
    this.#actions.seen();
    this.#last = last;
    this.#tookMs = tookMs;
    this.#showStatus();
    if (!this.#grid.size && last) this.#showEmpty();
  }

  #end() {
    this.#loading = false;
    this.#section.removeAttribute('aria-busy');
    show(this.#skeleton, false);
    this.#further.disabled = false;
    show(this.#further, this.#grid.size > 0 && !this.#last);
    if (this.#grid.size === 0 && !this.#last && byId('state').hidden) this.#load();
    else this.#loadIfVisible();
  }

  #loadIfVisible() {
    // The observer reports only changes; a page shorter than the viewport causes none.
    const { top } = this.#further.parentElement.getBoundingClientRect();
    if (top < window.innerHeight + AHEAD_PX) this.more();
  }

  /** Show how many pictures are loaded, like "48 of 1,628 pictures · 12 ms". */
  #showStatus() {
    const loaded = count(this.#grid.size, 'picture');
    const all = this.#total === null ? `first ${loaded}` : `${this.#grid.size.toLocaleString('en')} of ${count(this.#total, 'picture')}`;
    const took = this.#tookMs === null ? '' : ` · ${Math.max(1, Math.round(this.#tookMs))} ms`;
    setText(this.#status, (this.#last ? loaded : all) + took);
  }

  #fail(problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (hasNoTerms(this.#query) && [404, 405].includes(problem.status)) {
      // A service that cannot list images can still search them.
      this.#last = true;
      this.#showWelcome('Describe a picture above to search, or add pictures.');
      return;
    }
    const gone = problem.code === 'not_found' && this.#query.terms.find(({ image }) => image && problem.detail.includes(image));
    if (gone) return this.#showGone(gone);
    setText(this.#status, problem.title);
    this.#state.showProblem(problem, () => (this.#grid.size ? this.#load() : this.show(this.#query)));
  }

  /** Show that a picture of the query was deleted, perhaps since its address was shared. */
  #showGone(term) {
    const title = 'A picture of this search no longer exists';
    setText(this.#status, title);
    this.#state.show('error', title, 'It may have been deleted.', 'Search without it', () => this.#actions.change(withoutTerm(this.#query, term)));
  }

  #showEmpty() {
    setText(this.#status, 'No pictures');
    const isFiltered = hasFilters(this.#query);
    if (hasNoTerms(this.#query) && !isFiltered) {
      this.#showWelcome('Drop pictures or whole folders anywhere on this page, then find them with a sentence.');
      return;
    }
    const [title, detail] = emptinessOf(this.#query);
    this.#state.show('empty', title, detail, 'Show all pictures', this.#actions.clear);
  }

  #showWelcome(detail) {
    setText(this.#status, '');
    if (mayWrite()) this.#state.show('empty', 'No pictures here yet', detail, 'Add pictures', this.#actions.add);
    else this.#state.show('empty', 'No pictures here yet', 'Your API key may search pictures, but not add any.');
  }
}

/** Return why a query found nothing, and what to do. */
function emptinessOf(query) {
  const isTagged = query.tags.length > 0 && !Object.keys(query.filters).length;
  const [these, remove] = isTagged ? ['these tags', 'Remove a tag'] : ['these filters', 'Remove a filter'];
  if (hasFilters(query) && query.minScore !== null) return [`No pictures with ${these} reach this score`, `${remove}, or lower the minimum score.`];
  if (isTagged) return ['No pictures have these tags', 'Remove a tag, or search for something else.'];
  if (hasFilters(query)) return ['No pictures match these filters', 'Remove a filter. Pictures whose files say nothing of their date or camera match no filter on it.'];
  if (query.minScore !== null) return ['No pictures reach this score', 'Lower the minimum score, or clear it.'];
  // Without conditions, every picture is a hit.
  return ['No pictures found', 'There are no pictures to search yet.'];
}

function titleOf(query) {
  if (query.text) return `“${query.text}”`;
  if (query.terms.length) return query.terms.some(({ weight }) => weight > 0) ? 'Pictures like these' : 'Pictures unlike these';
  const pictures = query.sort ? 'Pictures' : 'Newest pictures';
  if (Object.keys(query.filters).length) return `${pictures} with these filters`;
  return query.tags.length ? `${pictures} with these tags` : pictures;
}
