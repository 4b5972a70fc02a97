// Deletions that can be undone: a picture is deleted once the time to undo that is over.

import { byId, setText, show } from '../elements.js';
import { baseName, count } from '../format.js';
import { call } from '../service/api.js';
import { keyHeaders } from '../service/key.js';

// Seconds to undo a deletion; they do not pass while the notice is hovered or focused.
const UNDO_S = 10;
// Requests at the same time.
const AT_ONCE = 4;
// Deletions that a page can still send while it is closed; with more, the browser asks before it closes the page.
const LEAVING_MAX = 50;

/** Deletes pictures: those of one action at a time. */
export class Deletions {
  #notice = byId('undo');
  #actions;
  #pictures = [];
  #secondsLeft = 0;

  /** `actions` are hide(pictures), restore(pictures) and deleted(pictures). */
  constructor(actions) {
    this.#actions = actions;
    byId('undo-button').addEventListener('click', () => this.#undo());
    byId('undo-dismiss').addEventListener('click', () => this.#commit());
    document.addEventListener('keydown', (event) => this.#onKey(event));
    window.addEventListener('pagehide', () => this.#commitAtOnce());
    window.addEventListener('beforeunload', (event) => this.#pictures.length > LEAVING_MAX && event.preventDefault());
    setInterval(() => this.#tick(), 1000);
  }

  /** Hide pictures, and delete them unless the user undoes that. */
  delete(pictures) {
    // A second click or key came before the picture was gone from view.
    if (pictures.every(({ id }) => this.#pictures.some((hidden) => hidden.id === id))) return;
    this.#commit();
    this.#pictures = pictures;
    this.#secondsLeft = UNDO_S;
    this.#actions.hide(pictures);
    this.#say(`Deleted ${nameOf(pictures)}`);
    show(byId('undo-button'), true);
  }

  #tick() {
    if (this.#notice.hidden || this.#notice.matches(':hover, :focus-within')) return;
    this.#secondsLeft -= 1;
    if (this.#secondsLeft <= 0) this.#commit();
  }

  #undo() {
    const pictures = this.#take();
    if (pictures.length) this.#actions.restore(pictures);
  }

  async #commit() {
    const pictures = this.#take();
    const kept = [];
    let problem = null;
    for (let at = 0; at < pictures.length; at += AT_ONCE) {
      const some = pictures.slice(at, at + AT_ONCE);
      const outcomes = await Promise.allSettled(some.map(({ links }) => call('DELETE', links.self)));
      outcomes.forEach(({ reason }, index) => {
        // Another client may already have deleted it.
        if (!reason || reason.status === 404) return this.#actions.deleted([some[index]]);
        kept.push(some[index]);
        problem = reason;
      });
    }
    if (!problem) return;
    this.#actions.restore(kept);
    this.#secondsLeft = UNDO_S;
    this.#say(`${nameOf(kept)} ${kept.length === 1 ? 'was' : 'were'} not deleted. ${problem.detail || problem.title}`);
    show(byId('undo-button'), false);
  }

  /** Delete before the page is closed, which waits for no answer. */
  #commitAtOnce() {
    for (const { links } of this.#take()) fetch(links.self, { method: 'DELETE', headers: keyHeaders(), keepalive: true });
  }

  /** Return the pictures that wait to be deleted, and close the notice. */
  #take() {
    const pictures = this.#pictures;
    this.#pictures = [];
    show(this.#notice, false);
    return pictures;
  }

  #onKey(event) {
    const isUndo = event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey;
    if (!isUndo || !this.#pictures.length || event.target.closest('input')) return;
    event.preventDefault();
    this.#undo();
  }

  #say(text) {
    show(this.#notice, true);
    setText(byId('undo-text'), text);
  }
}

function nameOf(pictures) {
  return pictures.length === 1 ? baseName(pictures[0].filename) : count(pictures.length, 'picture');
}
