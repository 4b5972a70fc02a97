// The details of one picture: a large view, its metadata, its tags and what can be done with it.

import { byId, isDelete, show } from '../elements.js';
import { baseName, localTime, score, size } from '../format.js';
import { mayWrite } from '../service/access.js';
import { call } from '../service/api.js';
import { hasKey } from '../service/key.js';
import { linkPicture, showPicture } from '../service/pictures.js';
import { Problem } from '../service/problem.js';
import { ROOT } from '../service/root.js';
import { showMembers } from './group-members.js';
import { photoFacts } from './photo.js';
import { PictureTags } from './picture-tags.js';
import { Zoom } from './zoom.js';

// Formats that browsers display; pictures in other formats are shown as a large thumbnail.
const OPENED = new Set(['JPEG', 'PNG', 'GIF', 'WEBP', 'BMP', 'AVIF']);
// Maximum size in bytes of an original to display at once; larger ones are displayed when the reader zooms in.
const SHOWN_BYTES_MAX = 20_000_000;
// Characters of a text that are shown at first; longer ones unfold on request.
const SHOWN_CHARACTERS = 160;
// Side of the thumbnail shown in place of an original, in pixels.
const LARGE_PX = 1024;

/** The dialog that shows the picture of the page's URL. */
export class Details {
  #dialog = byId('details');
  #zoom = new Zoom(() => this.#showOriginal());
  #tags;
  #actions;
  // The id in the URL, or null while the dialog is closed; and its picture, once it is known.
  #id = null;
  #picture = null;

  /**
   * `actions` are find(id), neighbour(id, steps), open(picture), address(picture), close(), closed(id), more(picture), less(picture),
   * tag(tag) and delete(picture).
   */
  constructor(actions) {
    this.#actions = actions;
    byId('details-close').addEventListener('click', () => actions.close());
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && actions.close());
    this.#dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      actions.close();
    });
    // A browser may close a dialog without asking.
    this.#dialog.addEventListener('close', () => this.#id !== null && !this.#dialog.open && actions.close());
    this.#dialog.addEventListener('keydown', (event) => this.#onKey(event));
    byId('details-previous').addEventListener('click', () => this.#step(-1));
    byId('details-next').addEventListener('click', () => this.#step(1));
    byId('details-more').addEventListener('click', () => actions.more(this.#picture));
    byId('details-less').addEventListener('click', () => actions.less(this.#picture));
    byId('details-delete').addEventListener('click', () => actions.delete(this.#picture));
    this.#tags = new PictureTags({
      filter: actions.tag,
      changed: () => show(byId('details-problem'), false),
      failed: (problem) => this.#showProblem(problem),
    });
  }

  /** Show a picture by its id, whether or not the grid has it. */
  async show(id) {
    if (this.#id === id) return;
    this.#id = id;
    this.#clear();
    if (!this.#dialog.open) this.#dialog.showModal();
    const known = this.#actions.find(id);
    if (known) this.#fill(known);
    byId('details-name').focus();
    try {
      const { data } = await call('GET', `${ROOT}/v1/images/${encodeURIComponent(id)}`);
      if (this.#id !== id) return;
      if (!known) this.#fill(data);
      this.#fillFacts({ ...known, ...data });
    } catch (problem) {
      if (this.#id === id) this.#showFailure(problem);
    }
  }

  /** Close the dialog, if it is open. */
  hide() {
    const id = this.#id;
    if (id === null) return;
    this.#id = null;
    this.#dialog.close();
    this.#actions.closed(id);
  }

  /** Update the buttons for the previous and the next picture after the grid changed. */
  showSteps() {
    if (this.#id === null) return;
    byId('details-previous').disabled = !this.#actions.neighbour(this.#id, -1);
    byId('details-next').disabled = !this.#actions.neighbour(this.#id, 1);
  }

  #clear() {
    this.#picture = null;
    this.#zoom.reset();
    byId('details-name').textContent = 'Loading …';
    // Clear the previous picture while the next one loads.
    byId('details-image').removeAttribute('src');
    byId('details-image').alt = '';
    byId('details-facts').replaceChildren();
    showMembers([], this.#actions);
    this.#tags.clear();
    for (const part of ['details-problem', 'details-offer', 'details-zoom']) show(byId(part), false);
    this.showSteps();
  }

  #fill(picture) {
    this.#picture = picture;
    const name = baseName(picture.filename);
    document.title = `${name} · Glimpse`;
    byId('details-name').textContent = name;
    byId('details-image').alt = name;
    showPicture(byId('details-image'), `${picture.links.thumbnail}?size=${LARGE_PX}`);
    linkPicture(byId('details-link'), picture.links.content, name, (problem) => this.#showProblem(problem));
    byId('details-link').textContent = hasKey() ? 'Save the original' : 'Open the original';
    for (const part of ['details-offer', 'details-zoom']) show(byId(part), true);
  }

  /** Replace the thumbnail by the original, if browsers display its format. */
  #showOriginal() {
    if (OPENED.has(this.#picture.format)) showPicture(byId('details-image'), this.#picture.links.content);
  }

  #fillFacts(image) {
    this.#picture = image;
    if (image.bytes <= SHOWN_BYTES_MAX) this.#showOriginal();
    const facts = [
      ['File', image.filename],
      ...(image.earlier_filenames.length ? [['Earlier names', image.earlier_filenames.join(', ')]] : []),
      ['Size', `${image.width} × ${image.height}, ${size(image.bytes)}, ${image.format}`],
      ['Added', localTime(image.indexed_at)],
      ...photoFacts(image.photo),
    ];
    if (image.score !== undefined) facts.unshift(['Score', score(image.score)]);
    facts.push(...Object.entries(image.metadata).map(([key, value]) => [key, String(value)]));
    byId('details-facts').replaceChildren(...facts.flatMap(([key, value]) => [term('dt', key), unfolding(term('dd', value))]));
    this.#tags.show(image);
    showMembers(image.duplicates ?? [], this.#actions);
  }

  #onKey(event) {
    // The arrow keys move a picture that is larger than its pane, and the cursor in a text.
    if (event.target.closest('input, .actual') || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (steps) this.#step(steps);
    if (isDelete(event) && this.#picture && mayWrite()) this.#actions.delete(this.#picture);
  }

  #step(steps) {
    const other = this.#actions.neighbour(this.#id, steps);
    if (other) this.#actions.open(other);
  }

  #showFailure(problem) {
    if (problem.status === 404) {
      byId('details-name').textContent = 'Picture not found';
      document.title = 'Picture not found · Glimpse';
      for (const part of ['details-offer', 'details-zoom']) show(byId(part), false);
      this.#say('There is no picture at this address. It may have been deleted.');
    } else {
      if (!this.#picture) byId('details-name').textContent = 'Picture not loaded';
      this.#showProblem(problem);
    }
  }

  #showProblem(problem) {
    if (!(problem instanceof Problem)) throw problem;
    this.#say(problem.detail ? `${problem.title}. ${problem.detail}` : `${problem.title}.`);
  }

  #say(text) {
    byId('details-problem').textContent = text;
    show(byId('details-problem'), true);
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
