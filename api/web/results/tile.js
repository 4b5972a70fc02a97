// The tile of one picture.

import { fromTemplate } from '../elements.js';
import { baseName, count, folderOf, score } from '../format.js';
import { showPicture } from '../service/pictures.js';

// Side of thumbnails in pixels: one of the sizes that the service stores.
const SIDE_PX = 300;
// Limits of a tile's width by its height; pictures beyond are shown with margins.
const [NARROWEST, WIDEST] = [0.6, 2.5];

/** Return the width of a picture's tile by its height. */
export function ratioOf({ width, height }) {
  return Math.min(WIDEST, Math.max(NARROWEST, width / height || 1));
}

/**
 * Return the tile of a picture.
 *
 * `actions` are open(picture), address(picture), more(picture), less(picture), and select(picture, isRange), which a click
 * on the picture calls as well while `isSelecting()`.
 */
export function tileOf(picture, actions) {
  const tile = fromTemplate('tile');
  const name = baseName(picture.filename);
  fillPicture(tile, picture, name);
  tile.style.setProperty('--ratio', ratioOf(picture).toFixed(3));
  tile.querySelector('.tile-folder').append(...breakable(folderOf(picture.filename)));
  tile.querySelector('.tile-name').append(...breakable(name));
  tile.querySelector('.tile-caption').title = picture.filename;
  for (const kind of ['more', 'less']) {
    const button = tile.querySelector(`.tile-${kind}`);
    button.setAttribute('aria-label', `${kind === 'more' ? 'More' : 'Less'} like ${name}`);
    button.addEventListener('click', () => actions[kind](picture));
  }
  link(tile.querySelector('.tile-open'), picture, actions);
  const check = tile.querySelector('.tile-check');
  check.setAttribute('aria-label', `Select ${name}`);
  check.addEventListener('click', (event) => actions.select(picture, event.shiftKey));
  return tile;
}

/** Return a file name with the places where a line may break: between its parts, rather than within them. */
function breakable(name) {
  const [first, ...others] = name.split(/(?<=[/_-])|(?=\.)/);
  return [first, ...others.flatMap((part) => [document.createElement('wbr'), part])];
}

/** Link to a picture; the browser follows the link itself if the user asks for a new tab or window. */
function link(element, picture, actions) {
  element.href = actions.address(picture);
  element.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && !actions.isSelecting())) return;
    event.preventDefault();
    if (actions.isSelecting()) actions.select(picture, event.shiftKey);
    else actions.open(picture);
  });
}

function fillPicture(tile, picture, name) {
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
