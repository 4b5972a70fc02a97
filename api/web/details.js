// The details of one picture: a large view, its metadata and its tags.

import { call } from './api.js';
import { byId, show } from './elements.js';
import { baseName, localTime, score, size } from './format.js';
import { hasKey } from './key.js';
import { photoFacts } from './photo.js';
import { linkPicture, showPicture } from './pictures.js';
import { Problem } from './problem.js';

// Formats that browsers display; pictures in other formats are shown as a large thumbnail.
const OPENED = new Set(['JPEG', 'PNG', 'GIF', 'WEBP', 'BMP']);
// Maximum size in bytes of an original to display; larger ones are shown as a thumbnail and opened by their link.
const SHOWN_BYTES_MAX = 20_000_000;
// Characters of a text that are shown at first; longer ones unfold on request.
const SHOWN_CHARACTERS = 160;
// Side of the thumbnail shown in place of an original, in pixels.
const LARGE_PX = 1024;

/** The dialog that opens when a tile is clicked. */
export class Details {
  #dialog = byId('details');
  #actions;
  #picture = null;

  /** `actions` are more(picture), less(picture), tag(tag), deleted(picture), neighbour(picture, steps), closed(picture). */
  constructor(actions) {
    this.#actions = actions;
    byId('details-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#picture && actions.closed(this.#picture));
    this.#dialog.addEventListener('keydown', (event) => this.#onKey(event));
    byId('details-previous').addEventListener('click', () => this.#step(-1));
    byId('details-next').addEventListener('click', () => this.#step(1));
    byId('details-more').addEventListener('click', () => this.#closeThen(actions.more));
    byId('details-less').addEventListener('click', () => this.#closeThen(actions.less));
    byId('details-delete').addEventListener('click', () => this.#confirmDelete(true));
    byId('details-delete-no').addEventListener('click', () => this.#confirmDelete(false));
    byId('details-delete-yes').addEventListener('click', () => this.#delete());
  }

  /** Show a picture from the grid. */
  async open(picture) {
    this.#picture = picture;
    this.#fill(picture);
    if (!this.#dialog.open) this.#dialog.showModal();
    byId('details-name').focus();
    try {
      const { data } = await call('GET', picture.links.self);
      if (this.#picture === picture) this.#fillFacts({ ...picture, ...data });
    } catch (problem) {
      if (this.#picture === picture) this.#showProblem(problem);
    }
  }

  #fill(picture) {
    const image = byId('details-image');
    byId('details-name').textContent = baseName(picture.filename);
    image.alt = baseName(picture.filename);
    // Clear the previous picture while the next one loads.
    image.removeAttribute('src');
    showPicture(image, `${picture.links.thumbnail}?size=${LARGE_PX}`);
    for (const id of ['details-original', 'details-link']) {
      linkPicture(byId(id), picture.links.content, baseName(picture.filename), (problem) => this.#showProblem(problem));
    }
    byId('details-link').textContent = hasKey() ? 'Save the original' : 'Open the original';
    byId('details-facts').replaceChildren();
    byId('details-tags').replaceChildren();
    show(byId('details-problem'), false);
    show(byId('details-confirm'), false);
    byId('details-previous').disabled = !this.#actions.neighbour(picture, -1);
    byId('details-next').disabled = !this.#actions.neighbour(picture, 1);
  }

  #fillFacts(image) {
    if (OPENED.has(image.format) && image.bytes <= SHOWN_BYTES_MAX) showPicture(byId('details-image'), image.links.content);
    const facts = [
      ['File', image.filename],
      ...(image.earlier_filenames.length ? [['Earlier names', image.earlier_filenames.join(', ')]] : []),
      ['Size', `${image.width} × ${image.height}, ${size(image.bytes)}, ${image.format}`],
      ['Added', localTime(image.indexed_at)],
      ...photoFacts(image.photo),
    ];
    if (image.score !== undefined) facts.unshift(['Score', score(image.score)]);
    const folded = (image.duplicates ?? []).map(({ filename }) => filename);
    if (folded.length) facts.push(['Near-duplicates', folded.join(', ')]);
    facts.push(...Object.entries(image.metadata).map(([key, value]) => [key, String(value)]));
    byId('details-facts').replaceChildren(...facts.flatMap(([key, value]) => [term('dt', key), unfolding(term('dd', value))]));
    byId('details-tags').replaceChildren(...image.tags.map((tag) => this.#tag(tag)));
  }

  #tag(tag) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = tag;
    button.title = `Show only pictures tagged ${tag}`;
    button.addEventListener('click', () => this.#closeThen(() => this.#actions.tag(tag)));
    const item = document.createElement('li');
    item.append(button);
    return item;
  }

  #closeThen(action) {
    const picture = this.#picture;
    this.#closeQuietly();
    action(picture);
  }

  /** Close without returning the focus to the tile, which is about to be removed. */
  #closeQuietly() {
    this.#picture = null;
    this.#dialog.close();
  }

  #onKey(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (steps) this.#step(steps);
  }

  #step(steps) {
    const other = this.#picture && this.#actions.neighbour(this.#picture, steps);
    if (other) this.open(other);
  }

  #confirmDelete(asking) {
    show(byId('details-confirm'), asking);
    byId(asking ? 'details-delete-no' : 'details-delete').focus();
  }

  async #delete() {
    const picture = this.#picture;
    const button = byId('details-delete-yes');
    button.disabled = true;
    try {
      await call('DELETE', picture.links.self);
      this.#forget(picture);
    } catch (problem) {
      // Another client has already deleted it.
      if (problem.status === 404) this.#forget(picture);
      else this.#showProblem(problem);
    } finally {
      button.disabled = false;
    }
  }

  #forget(picture) {
    this.#closeQuietly();
    this.#actions.deleted(picture);
  }

  #showProblem(problem) {
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

/** Fold a long text in an element, so that it leaves the buttons below in reach. */
function unfolding(element) {
  const text = element.textContent;
  if (text.length > SHOWN_CHARACTERS * 1.5) {
    // Between words, and never within a character.
    const space = text.lastIndexOf(' ', SHOWN_CHARACTERS);
    const begin = space > 0 ? text.slice(0, space) : [...text].slice(0, SHOWN_CHARACTERS).join('');
    const details = document.createElement('details');
    details.append(term('summary', begin), text.slice(begin.length));
    element.replaceChildren(details);
  }
  return element;
}
