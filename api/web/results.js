// The pictures that a query brings, page by page.

import { byId, say, show } from './elements.js';
import { patiently } from './patience.js';
import { Problem } from './problem.js';
import { looksForNothing } from './query.js';
import { pagesOf } from './searches.js';
import { State } from './state.js';
import { count } from './words.js';

// Tiles that stand for pictures on their way.
const SKELETON_TILES = 12;
// How far below the window's end the next page begins to load, in pixels.
const AHEAD_PX = 800;

/** Runs queries and fills the grid. */
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

  /** `actions` are add(), clear() and seen(pictures). */
  constructor(grid, actions) {
    this.#grid = grid;
    this.#actions = actions;
    for (let tile = 0; tile < SKELETON_TILES; tile += 1) this.#skeleton.append(document.createElement('li'));
    this.#further.addEventListener('click', () => this.#loadByButton());
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.#loadByScroll(), {
      rootMargin: `${AHEAD_PX}px`,
    }).observe(this.#further.parentElement);
  }

  /** Show what a query brings, instead of what is shown. */
  async show(query) {
    this.#run.abort();
    this.#run = new AbortController();
    this.#query = query;
    this.#pages = pagesOf(query);
    this.#grid.clear();
    this.#state.clear();
    this.#loading = false;
    this.#last = false;
    show(this.#further, false);
    say(this.#title, titleOf(query));
    await this.#load();
  }

  /** Note that a picture has been deleted. */
  removed() {
    this.#tell();
    if (!this.#grid.size && this.#last) this.#putEmpty();
  }

  #loadByScroll() {
    // After a failure the reader decides.
    if (this.#grid.size && !this.#last && byId('state').hidden) this.#load();
  }

  async #loadByButton() {
    const before = this.#grid.size;
    await this.#load();
    // The button went away under the reader's focus.
    if (this.#grid.size > before) byId('grid').children[before].querySelector('.tile-open').focus();
  }

  async #load() {
    if (this.#loading || this.#last) return;
    const { signal } = this.#run;
    this.#begin();
    try {
      this.#take(await this.#page(signal), signal);
    } catch (problem) {
      if (!signal.aborted) this.#fail(problem);
    } finally {
      if (!signal.aborted) this.#end();
    }
  }

  #page(signal) {
    return patiently(() => this.#pages.next(signal), {
      signal,
      onWait: (problem, left, goOn) => {
        show(this.#skeleton, false);
        this.#state.putWait(problem, left, goOn);
        say(this.#status, problem.title);
      },
      onGo: () => this.#begin(),
    });
  }

  #begin() {
    this.#loading = true;
    this.#state.clear();
    this.#section.setAttribute('aria-busy', 'true');
    show(this.#skeleton, !this.#grid.size);
    this.#further.disabled = true;
    if (!this.#grid.size) say(this.#status, looksForNothing(this.#query) ? 'Loading …' : 'Searching …');
  }

  #take({ pictures, last, tookMs }, signal) {
    if (signal.aborted) return;
    this.#grid.append(pictures);
    this.#actions.seen(pictures);
    this.#last = last;
    this.#tell(tookMs);
    if (!this.#grid.size && last) this.#putEmpty();
  }

  #end() {
    this.#loading = false;
    this.#section.removeAttribute('aria-busy');
    show(this.#skeleton, false);
    this.#further.disabled = false;
    show(this.#further, this.#grid.size > 0 && !this.#last);
    if (this.#grid.size === 0 && !this.#last && byId('state').hidden) this.#load();
    else this.#loadIfInSight();
  }

  #loadIfInSight() {
    // The observer tells of changes only; a page that fills no window changes nothing.
    const { top } = this.#further.parentElement.getBoundingClientRect();
    if (top < window.innerHeight + AHEAD_PX) this.#loadByScroll();
  }

  #tell(tookMs = null) {
    const all = count(this.#grid.size, 'picture');
    const shown = this.#last ? all : `first ${all}`;
    say(this.#status, tookMs === null ? shown : `${shown} · ${Math.max(1, Math.round(tookMs))} ms`);
  }

  #fail(problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (looksForNothing(this.#query) && [404, 405].includes(problem.status)) {
      // A service that does not list its images still finds them.
      this.#last = true;
      this.#putWelcome('Describe a picture above to find it, or add some.');
      return;
    }
    say(this.#status, problem.title);
    this.#state.putProblem(problem, () => this.#load());
  }

  #putEmpty() {
    say(this.#status, 'No pictures');
    if (looksForNothing(this.#query) && !this.#query.tags.length) {
      this.#putWelcome('Drop pictures or whole folders anywhere on this page. Then find them with a sentence.');
    } else if (this.#query.tags.length) {
      this.#state.put('empty', 'Nothing has these tags', 'Take one of them away, or look for something else.', 'Show all pictures', this.#actions.clear);
    } else if (this.#query.minScore !== null) {
      this.#state.put('empty', 'Nothing has this score', 'Ask for a lower one, or for any.', 'Show all pictures', this.#actions.clear);
    } else {
      this.#state.put('empty', 'Nothing was found', 'Try other words.', 'Show all pictures', this.#actions.clear);
    }
  }

  #putWelcome(detail) {
    say(this.#status, '');
    this.#state.put('empty', 'No pictures here yet', detail, 'Add pictures', this.#actions.add);
  }
}

function titleOf(query) {
  if (query.text) return `“${query.text}”`;
  if (query.terms.length) return query.terms.some(({ weight }) => weight > 0) ? 'Pictures like these' : 'Pictures unlike these';
  return query.tags.length ? 'Newest with these tags' : 'Newest pictures';
}
