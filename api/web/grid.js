// The grid of pictures: a single tab stop, navigated with the arrow keys.

import { divide } from './divider.js';
import { byId, fromTemplate } from './elements.js';
import { baseName, count, folderOf, score } from './format.js';
import { showPicture } from './pictures.js';

// Side of thumbnails in pixels: one of the sizes that the service stores.
const SIDE_PX = 300;
// Limits of a tile's width by its height; pictures beyond are shown with margins.
const [NARROWEST, WIDEST] = [0.6, 2.5];

/** Shows pictures as tiles. */
export class Grid {
  #list = byId('grid');
  #pictures = new Map();
  #tiles = new Map();
  // Ids of pictures that are never shown.
  #hidden = new Set();
  #actions;

  /** `actions` are open(picture), address(picture), more(picture) and less(picture). */
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

  /** Append pictures, except those already shown or hidden. */
  append(pictures) {
    for (const picture of pictures) {
      if (this.#tiles.has(picture.id) || this.#hidden.has(picture.id)) continue;
      const tile = this.#tile(picture);
      this.#tiles.set(picture.id, tile);
      this.#pictures.set(tile, picture);
      if (picture.isNoise) divide(this.#list);
      this.#list.append(tile);
    }
  }

  /** Hide a picture until `reveal`, and focus the next one. */
  hide(id) {
    this.#hidden.add(id);
    const tile = this.#tiles.get(id);
    if (!tile) return;
    const next = this.neighbour(id, 1) ?? this.neighbour(id, -1);
    this.#tiles.delete(id);
    this.#pictures.delete(tile);
    tile.remove();
    if (next) this.focus(next.id);
  }

  /** Let further calls of `append` show a hidden picture. */
  reveal(id) {
    this.#hidden.delete(id);
  }

  /** Focus a picture; return whether the grid has it. */
  focus(id) {
    const tile = this.#tiles.get(id);
    tile?.querySelector('.tile-open').focus();
    return Boolean(tile);
  }

  /** Return a picture by its id, or undefined. */
  find(id) {
    return this.#pictures.get(this.#tiles.get(id));
  }

  /** Return the picture `steps` places after another (before it, if negative), or undefined. */
  neighbour(id, steps) {
    const tiles = [...this.#tiles.values()];
    const at = tiles.indexOf(this.#tiles.get(id));
    return at < 0 ? undefined : this.#pictures.get(tiles[at + steps]);
  }

  #tile(picture) {
    const tile = fromTemplate('tile');
    const name = baseName(picture.filename);
    this.#fillPicture(tile, picture, name);
    // Tiles of a row are as high as each other, because they share its width by this ratio.
    const ratio = picture.width / picture.height || 1;
    tile.style.setProperty('--ratio', Math.min(WIDEST, Math.max(NARROWEST, ratio)).toFixed(3));
    tile.querySelector('.tile-folder').textContent = folderOf(picture.filename);
    tile.querySelector('.tile-name').textContent = name;
    tile.querySelector('.tile-caption').title = picture.filename;
    for (const kind of ['more', 'less']) {
      const button = tile.querySelector(`.tile-${kind}`);
      button.setAttribute('aria-label', `${kind === 'more' ? 'More' : 'Less'} like ${name}`);
      button.addEventListener('click', () => this.#actions[kind](picture));
    }
    this.#link(tile.querySelector('.tile-open'), picture);
    for (const stop of tile.querySelectorAll('a, button')) stop.tabIndex = this.#tiles.size ? -1 : 0;
    return tile;
  }

  /** Link to a picture; the browser follows the link itself if the user asks for a new tab or window. */
  #link(link, picture) {
    link.href = this.#actions.address(picture);
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.#actions.open(picture);
    });
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
    for (const stop of this.#list.querySelectorAll('[tabindex="0"]')) stop.tabIndex = -1;
    for (const stop of tile.querySelectorAll('a, button')) stop.tabIndex = 0;
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
    const tiles = [...this.#tiles.values()];
    const at = tiles.indexOf(tile);
    const targets = {
      ArrowLeft: () => tiles[at - 1],
      ArrowRight: () => tiles[at + 1],
      ArrowUp: () => nearestTo(tile, tiles.slice(0, at).reverse()),
      ArrowDown: () => nearestTo(tile, tiles.slice(at + 1)) ?? tiles.at(-1),
      Home: () => tiles[0],
      End: () => tiles.at(-1),
    };
    return targets[key]?.();
  }
}

/** Return the tile of the next row whose middle is nearest to that of another tile, or undefined. */
function nearestTo(tile, following) {
  const next = following.find(({ offsetTop }) => offsetTop !== tile.offsetTop);
  const row = following.filter(({ offsetTop }) => offsetTop === next?.offsetTop);
  const distance = (other) => Math.abs(middleOf(other) - middleOf(tile));
  return row.sort((one, other) => distance(one) - distance(other))[0];
}

function middleOf({ offsetLeft, offsetWidth }) {
  return offsetLeft + offsetWidth / 2;
}
