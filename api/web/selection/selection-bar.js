// The bar below the results: how many pictures are selected, and what can be done with them.

import { byId, isDelete, setText, show } from '../elements.js';
import { count } from '../format.js';
import { mayWrite } from '../service/access.js';
import { savePicture } from '../service/pictures.js';
import { Problem } from '../service/problem.js';

// Pictures downloaded at once: the browser asks, or saves them one by one, each as a file of its own.
const DOWNLOADS_MAX = 100;

/** Shows the selection, while it is not empty. */
export class SelectionBar {
  #bar = byId('selection');
  #download = byId('selection-download');
  #selection;
  #actions;

  /** `actions` are tag(pictures), delete(pictures) and cleared(). */
  constructor(selection, actions) {
    this.#selection = selection;
    this.#actions = actions;
    byId('selection-tag').addEventListener('click', () => actions.tag(selection.pictures));
    byId('selection-delete').addEventListener('click', () => actions.delete(selection.pictures));
    byId('selection-clear').addEventListener('click', () => this.#clear());
    this.#download.addEventListener('click', () => this.#save(selection.pictures));
    document.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** Update the bar after the selection changed. */
  show() {
    const { size } = this.#selection;
    show(this.#bar, size > 0);
    setText(byId('selection-count'), size ? `${count(size, 'picture')} selected` : '');
    this.#download.disabled = size > DOWNLOADS_MAX;
    this.#download.title = size > DOWNLOADS_MAX ? `At most ${DOWNLOADS_MAX} pictures at once` : 'Download the originals';
  }

  /** Save the originals, one after another. */
  async #save(pictures) {
    this.#download.disabled = true;
    try {
      for (const [at, picture] of pictures.entries()) {
        setText(byId('selection-count'), `Downloading ${at + 1} of ${pictures.length} …`);
        await savePicture(picture);
      }
      this.show();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      setText(byId('selection-count'), `${problem.title}. ${problem.detail}`);
    } finally {
      this.#download.disabled = this.#selection.size > DOWNLOADS_MAX;
    }
  }

  #onKey(event) {
    const isElsewhere = document.querySelector('dialog[open], :popover-open') || event.target.closest('input:not(.tile-check)');
    if (isElsewhere || !this.#selection.size) return;
    if (event.key === 'Escape') this.#clear();
    if (isDelete(event) && mayWrite()) this.#actions.delete(this.#selection.pictures);
  }

  /** Clear the selection; the focus must not stay in the bar, which goes. */
  #clear() {
    const hadFocus = this.#bar.contains(document.activeElement);
    this.#selection.clear();
    if (hadFocus) this.#actions.cleared();
  }
}
