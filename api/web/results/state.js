// The notice shown instead of pictures: empty, not found, busy, offline or failed.

import { byId, setText, show } from '../elements.js';
import { forgetKey, hasKey } from '../service/key.js';

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
    // The button goes; the keyboard continues with what comes instead.
    if (this.#action === document.activeElement) byId('results').focus({ preventScroll: true });
    show(this.#box, false);
    delete this.#box.dataset.kind;
  }

  /** Show a message with an optional button. */
  show(kind, title, detail, label = '', act = () => {}) {
    this.#box.dataset.kind = kind;
    setText(this.#title, title);
    setText(this.#detail, detail);
    setText(this.#action, label);
    show(this.#action, label !== '');
    this.#act = act;
    show(this.#box, true);
  }

  /** Show that the service is busy or unreachable, and when the page retries. */
  showWait(problem, secondsLeft, retryNow) {
    const kind = problem.offline ? 'offline' : 'busy';
    this.show(kind, problem.title, `Retrying in ${secondsLeft} s.`, 'Try now', retryNow);
  }

  /** Show why a request failed. */
  showProblem(problem, retry) {
    if (problem.code === 'forbidden' && hasKey()) {
      this.show('error', problem.title, problem.detail, 'Use another key', forgetKey);
      return;
    }
    if (problem.signedOut) {
      this.show('error', problem.title, problem.detail, 'Load the page again', () => location.reload());
      return;
    }
    if (problem.status === 401) {
      // Asked again, the page asks for a key again.
      this.show('error', problem.title, problem.detail, 'Sign in', retry);
      return;
    }
    const id = problem.requestId ? ` (request ${problem.requestId})` : '';
    const detail = (problem.detail || 'The service reported no reason.') + (problem.status >= 500 ? id : '');
    this.show('error', problem.title ?? 'Something went wrong', detail, problem.refused ? '' : 'Try again', retry);
  }
}
