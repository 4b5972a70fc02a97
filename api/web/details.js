// One picture, large, with what is known of it.

import { call } from './api.js';
import { byId, show } from './elements.js';
import { hasKey } from './key.js';
import { linkPicture, showPicture } from './pictures.js';
import { Problem } from './problem.js';
import { baseName, moment, score, size } from './words.js';

// Formats that browsers open; of others a large thumbnail is shown.
const OPENED = new Set(['JPEG', 'PNG', 'GIF', 'WEBP', 'BMP']);
// Bytes of an original that is shown as it is; larger ones come as a thumbnail, and in full by their link.
const SHOWN_BYTES_MAX = 20_000_000;
// Side of the thumbnail that stands for an original, in pixels.
const LARGE_PX = 1024;

/** The dialog that a tile opens. */
export class Details {
  #dialog = byId('details');
  #actions;
  #picture = null;

  /** `actions` are more(picture), less(picture), tag(tag), deleted(picture), beside(picture, steps), closed(picture). */
  constructor(actions) {
    this.#actions = actions;
    byId('details-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#picture && actions.closed(this.#picture));
    this.#dialog.addEventListener('keydown', (event) => this.#onKey(event));
    byId('details-previous').addEventListener('click', () => this.#step(-1));
    byId('details-next').addEventListener('click', () => this.#step(1));
    byId('details-more').addEventListener('click', () => this.#leaveWith(actions.more));
    byId('details-less').addEventListener('click', () => this.#leaveWith(actions.less));
    byId('details-delete').addEventListener('click', () => this.#askToDelete(true));
    byId('details-delete-no').addEventListener('click', () => this.#askToDelete(false));
    byId('details-delete-yes').addEventListener('click', () => this.#delete());
  }

  /** Show a picture that the grid has. */
  async open(picture) {
    this.#picture = picture;
    this.#fill(picture);
    if (!this.#dialog.open) this.#dialog.showModal();
    byId('details-name').focus();
    try {
      const { data } = await call('GET', picture.links.self);
      if (this.#picture === picture) this.#fillFacts({ ...picture, ...data });
    } catch (problem) {
      if (this.#picture === picture) this.#tell(problem);
    }
  }

  #fill(picture) {
    const image = byId('details-image');
    byId('details-name').textContent = baseName(picture.filename);
    image.alt = baseName(picture.filename);
    // Until the next one is there, none is shown and not the last one.
    image.removeAttribute('src');
    showPicture(image, `${picture.links.thumbnail}?size=${LARGE_PX}`);
    for (const id of ['details-original', 'details-link']) {
      linkPicture(byId(id), picture.links.content, baseName(picture.filename), (problem) => this.#tell(problem));
    }
    byId('details-link').textContent = hasKey() ? 'Save the original' : 'Open the original';
    byId('details-facts').replaceChildren();
    byId('details-tags').replaceChildren();
    show(byId('details-problem'), false);
    show(byId('details-confirm'), false);
    byId('details-previous').disabled = !this.#actions.beside(picture, -1);
    byId('details-next').disabled = !this.#actions.beside(picture, 1);
  }

  #fillFacts(image) {
    if (OPENED.has(image.format) && image.bytes <= SHOWN_BYTES_MAX) showPicture(byId('details-image'), image.links.content);
    const facts = [
      ['File', image.filename],
      ['Size', `${image.width} × ${image.height}, ${size(image.bytes)}, ${image.format}`],
      ['Added', moment(image.indexed_at)],
    ];
    if (image.score !== undefined) facts.unshift(['Score', score(image.score)]);
    const folded = (image.duplicates ?? []).map(({ filename }) => filename);
    if (folded.length) facts.push(['Near-duplicates', folded.join(', ')]);
    facts.push(...Object.entries(image.metadata).map(([key, value]) => [key, String(value)]));
    byId('details-facts').replaceChildren(...facts.flatMap(([key, value]) => [term('dt', key), term('dd', value)]));
    byId('details-tags').replaceChildren(...image.tags.map((tag) => this.#tag(tag)));
  }

  #tag(tag) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = tag;
    button.title = `Only pictures with the tag ${tag}`;
    button.addEventListener('click', () => this.#leaveWith(() => this.#actions.tag(tag)));
    const item = document.createElement('li');
    item.append(button);
    return item;
  }

  #leaveWith(action) {
    const picture = this.#picture;
    this.#leave();
    action(picture);
  }

  /** Close without giving the focus back to a tile that will not be there. */
  #leave() {
    this.#picture = null;
    this.#dialog.close();
  }

  #onKey(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (steps) this.#step(steps);
  }

  #step(steps) {
    const other = this.#picture && this.#actions.beside(this.#picture, steps);
    if (other) this.open(other);
  }

  #askToDelete(asked) {
    show(byId('details-confirm'), asked);
    byId(asked ? 'details-delete-no' : 'details-delete').focus();
  }

  async #delete() {
    const picture = this.#picture;
    const button = byId('details-delete-yes');
    button.disabled = true;
    try {
      await call('DELETE', picture.links.self);
      this.#forget(picture);
    } catch (problem) {
      // Somebody else was faster.
      if (problem.status === 404) this.#forget(picture);
      else this.#tell(problem);
    } finally {
      button.disabled = false;
    }
  }

  #forget(picture) {
    this.#leave();
    this.#actions.deleted(picture);
  }

  #tell(problem) {
    if (!(problem instanceof Problem)) throw problem;
    const line = byId('details-problem');
    line.textContent = problem.detail ? `${problem.title}. ${problem.detail}` : `${problem.title}.`;
    show(line, true);
  }
}

function term(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}
