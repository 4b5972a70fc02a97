// Deletions that can be undone: a picture is deleted once the time to undo that is over.

import { call } from './api.js';
import { byId, setText, show } from './elements.js';
import { baseName } from './format.js';
import { keyHeaders } from './key.js';

// Seconds to undo a deletion; they do not pass while the notice is hovered or focused.
const UNDO_S = 10;

/** Deletes pictures, one after another. */
export class Deletions {
  #notice = byId('undo');
  #actions;
  #picture = null;
  #secondsLeft = 0;

  /** `actions` are hide(picture), restore(picture) and deleted(picture). */
  constructor(actions) {
    this.#actions = actions;
    byId('undo-button').addEventListener('click', () => this.#undo());
    byId('undo-dismiss').addEventListener('click', () => this.#commit());
    document.addEventListener('keydown', (event) => this.#onKey(event));
    window.addEventListener('pagehide', () => this.#commitAtOnce());
    setInterval(() => this.#tick(), 1000);
  }

  /** Hide a picture, and delete it unless the user undoes that. */
  delete(picture) {
    this.#commit();
    this.#picture = picture;
    this.#secondsLeft = UNDO_S;
    this.#actions.hide(picture);
    this.#say(`Deleted ${baseName(picture.filename)}`);
    show(byId('undo-button'), true);
  }

  #tick() {
    if (this.#notice.hidden || this.#notice.matches(':hover, :focus-within')) return;
    this.#secondsLeft -= 1;
    if (this.#secondsLeft <= 0) this.#commit();
  }

  #undo() {
    const picture = this.#take();
    if (picture) this.#actions.restore(picture);
  }

  async #commit() {
    const picture = this.#take();
    if (!picture) return;
    try {
      await call('DELETE', picture.links.self);
      this.#actions.deleted(picture);
    } catch (problem) {
      // Another client has already deleted it.
      if (problem.status === 404) return this.#actions.deleted(picture);
      this.#actions.restore(picture);
      this.#secondsLeft = UNDO_S;
      this.#say(`${baseName(picture.filename)} was not deleted. ${problem.detail || problem.title}`);
      show(byId('undo-button'), false);
    }
  }

  /** Delete before the page is closed, which waits for no answer. */
  #commitAtOnce() {
    const picture = this.#take();
    if (picture) fetch(picture.links.self, { method: 'DELETE', headers: keyHeaders(), keepalive: true });
  }

  /** Return the picture that waits to be deleted, if any, and close the notice. */
  #take() {
    const picture = this.#picture;
    this.#picture = null;
    show(this.#notice, false);
    return picture;
  }

  #onKey(event) {
    const isUndo = event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey;
    if (!isUndo || !this.#picture || event.target.closest('input')) return;
    event.preventDefault();
    this.#undo();
  }

  #say(text) {
    show(this.#notice, true);
    setText(byId('undo-text'), text);
  }
}
