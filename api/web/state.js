// What stands in the place of pictures: nothing yet, nothing found, busy, offline, failed.

import { byId, say, show } from './elements.js';

/** The notice below the grid. */
export class State {
  #box = byId('state');
  #title = byId('state-title');
  #detail = byId('state-detail');
  #action = byId('state-action');
  #act = () => {};

  constructor() {
    this.#action.addEventListener('click', () => this.#act());
  }

  clear() {
    show(this.#box, false);
    delete this.#box.dataset.kind;
  }

  /** Say what is the matter, and offer one thing to do about it. */
  put(kind, title, detail, label = '', act = () => {}) {
    this.#box.dataset.kind = kind;
    say(this.#title, title);
    say(this.#detail, detail);
    say(this.#action, label);
    show(this.#action, label !== '');
    this.#act = act;
    show(this.#box, true);
  }

  /** Say that the service is busy or away, and when the page goes on. */
  putWait(problem, secondsLeft, goOn) {
    const kind = problem.offline ? 'offline' : 'busy';
    this.put(kind, problem.title, `Goes on by itself in ${secondsLeft} s.`, 'Try now', goOn);
  }

  /** Say why it did not work. */
  putProblem(problem, again) {
    const id = problem.requestId ? ` (request ${problem.requestId})` : '';
    const detail = problem.detail || 'The service gave no reason.';
    this.put('error', problem.title ?? 'That did not work', detail + (problem.status >= 500 ? id : ''), 'Try again', again);
  }
}
