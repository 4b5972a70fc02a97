// The grid of pictures: a single tab stop, navigated with the arrow keys.

import { byId, fromTemplate } from './elements.js';
import { baseName, count, score } from './format.js';
import { showPicture } from './pictures.js';

// Side of thumbnails in pixels: one of the sizes that the service stores.
const SIDE_PX = 300;

/** Shows pictures as tiles. */
export class Grid {
  #list = byId('grid');
  #pictures = new Map();
  #tiles = new Map();
  #actions;

  /** `actions` are open(picture), more(picture) and less(picture). */
  constructor(actions) {
    this.#actions = actions;
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.#list.addEventListener('focusin', (event) => this.#makeCurrent(event.target.closest('.tile')));
  }

  get size() {
    return this.#tiles.size;
  }

  clear() {
    this.#pictures.clear();
    this.#tiles.clear();
    this.#list.replaceChildren();
  }

  /** Append pictures, except those already shown. */
  append(pictures) {
    for (const picture of pictures) {
      if (this.#tiles.has(picture.id)) continue;
      const tile = this.#tile(picture);
      this.#tiles.set(picture.id, tile);
      this.#pictures.set(tile, picture);
      this.#list.append(tile);
    }
  }

  /** Remove a picture and focus the next one. */
  remove(picture) {
    const tile = this.#tiles.get(picture.id);
    if (!tile) return;
    const next = tile.nextElementSibling ?? tile.previousElementSibling;
    this.#tiles.delete(picture.id);
    this.#pictures.delete(tile);
    tile.remove();
    if (next) this.focus(this.#pictures.get(next));
  }

  /** Focus a picture. */
  focus(picture) {
    this.#tiles.get(picture.id)?.querySelector('.tile-open').focus();
  }

  /** Return the picture `steps` places after another (before it, if negative), or undefined. */
  neighbour(picture, steps) {
    const tiles = [...this.#list.children];
    return this.#pictures.get(tiles[tiles.indexOf(this.#tiles.get(picture.id)) + steps]);
  }

  #tile(picture) {
    const tile = fromTemplate('tile');
    const name = baseName(picture.filename);
    this.#fillPicture(tile, picture, name);
    tile.querySelector('.tile-name').textContent = name;
    tile.querySelector('.tile-caption').title = picture.filename;
    for (const kind of ['more', 'less']) {
      const button = tile.querySelector(`.tile-${kind}`);
      button.setAttribute('aria-label', `${kind === 'more' ? 'More' : 'Less'} like ${name}`);
      button.addEventListener('click', () => this.#actions[kind](picture));
    }
    tile.querySelector('.tile-open').addEventListener('click', () => this.#actions.open(picture));
    for (const button of tile.querySelectorAll('button')) button.tabIndex = this.#tiles.size ? -1 : 0;
    return tile;
  }

  #fillPicture(tile, picture, name) {
    const image = tile.querySelector('img');
    image.addEventListener('error', () => tile.classList.add('gone'), { once: true });
    showPicture(image, `${picture.links.thumbnail}?size=${SIDE_PX}`);
    image.alt = name;
    const open = tile.querySelector('.tile-open');
    open.setAttribute('aria-label', name);
    if (picture.score === undefined) return;
    const folded = picture.duplicates?.length ?? 0;
    tile.querySelector('.tile-score').textContent = score(picture.score);
    tile.querySelector('.tile-folded').textContent = folded ? `+${folded}` : '';
    const rest = folded ? `, and ${count(folded, 'near-duplicate')}` : '';
    open.setAttribute('aria-label', `${name}, score ${score(picture.score)}${rest}`);
  }

  #makeCurrent(tile) {
    if (!tile) return;
    for (const button of this.#list.querySelectorAll('button[tabindex="0"]')) button.tabIndex = -1;
    for (const button of tile.querySelectorAll('button')) button.tabIndex = 0;
  }

  #onKey(event) {
    const tile = event.target.closest('.tile');
    if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
    const picture = this.#pictures.get(tile);
    const target = this.#target(event.key, tile);
    if (target) target.querySelector('.tile-open').focus();
    else if (event.key === '+') this.#actions.more(picture);
    else if (event.key === '-') this.#actions.less(picture);
    else return;
    event.preventDefault();
  }

  #target(key, tile) {
    const tiles = [...this.#list.children];
    const columns = tiles.filter(({ offsetTop }) => offsetTop === tiles[0].offsetTop).length;
    const at = tiles.indexOf(tile);
    const targets = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - columns,
      ArrowDown: Math.min(at + columns, tiles.length - 1),
      Home: 0,
      End: tiles.length - 1,
    };
    return tiles[targets[key]];
  }
}
