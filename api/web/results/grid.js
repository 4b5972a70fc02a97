// The grid of pictures: a single tab stop, navigated with the arrow keys.

import { byId } from '../elements.js';
import { dividerOf } from './divider.js';
import { JustifiedRows } from './justified-rows.js';
import { ratioOf, tileOf } from './tile.js';

// Distance from the viewport within which rows have tiles, in pixels. The document has no others, however many
// pictures there are.
const AHEAD_PX = 3000;
// Height of a caption that was never measured, in pixels.
const CAPTION_PX = 23;
// Height at the top of the window that the search box covers, in pixels.
const HEAD_PX = 88;
// Distance from there to what the reader is looking at, less than the height of a row.
const READING_PX = 32;

/** Shows pictures as tiles. */
export class Grid {
  #list = byId('grid');
  #above = byId('grid-above');
  #below = byId('grid-below');
  #selection;
  #actions;
  #pictures = [];
  // Positions in #pictures by id.
  #at = new Map();
  // The tiles in the document, by id.
  #tiles = new Map();
  // Ids of pictures that are never shown.
  #hidden = new Set();
  #rows = new JustifiedRows([], { width: 1, gap: 0, height: 1 });
  // The position of the first picture that is probably noise; -1 if there is none.
  #noiseAt = -1;
  // The divider before it, while it is near the viewport.
  #divider = null;
  // Measured heights of rows without their pictures, by the first picture of the row.
  #captions = new Map();
  // Distances of rows from the top of the grid, and its height.
  #tops = [0];
  // Rows with tiles: from the first to before the second.
  #shown = [0, 0];
  #width = 0;
  // Distance of the grid from the top of the document, in pixels.
  #offset = 0;
  // The first picture of the first row in view, and the distance of its row from the top of the viewport.
  #reader = { at: 0, top: 0 };
  // The position of the picture that is the tab stop.
  #current = 0;

  /** `actions` are open(picture), address(picture), more(picture), less(picture) and reading(picture or undefined). */
  constructor(selection, actions) {
    this.#selection = selection;
    this.#actions = {
      ...actions,
      isSelecting: () => selection.size > 0,
      select: (picture, isRange) => this.#select(picture, isRange),
    };
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.#list.addEventListener('focusin', (event) => this.#makeCurrent(event.target.closest('.tile')));
    window.addEventListener('scroll', () => this.#onScroll(), { passive: true });
    window.addEventListener('resize', () => this.#fit());
    const observer = new ResizeObserver(() => this.#fit());
    // The body is as high as all that is above the grid, and the grid.
    for (const element of [this.#above, document.body]) observer.observe(element);
  }

  /** The number of pictures, with or without a tile. */
  get size() {
    return this.#pictures.length;
  }

  /** Where the reader is: the first picture of the first row in view, and its row's distance from the window's top. */
  get reader() {
    this.#look();
    return this.#reader;
  }

  clear() {
    this.#pictures = [];
    this.#current = 0;
    this.#captions.clear();
    for (const id of [...this.#tiles.keys()]) this.#remove(id);
    this.#layOut();
  }

  /** Append pictures, except those already shown or hidden. */
  append(pictures) {
    for (const picture of pictures) {
      if (this.#at.has(picture.id) || this.#hidden.has(picture.id)) continue;
      this.#at.set(picture.id, this.#pictures.length);
      this.#pictures.push(picture);
    }
    // The last row may get further pictures.
    this.#layOut();
    this.#tellReading();
  }

  /** Hide pictures until `reveal`, and focus the one after the first of them. */
  hide(ids) {
    for (const id of ids) this.#hidden.add(id);
    const first = this.#pictures.findIndex(({ id }) => this.#hidden.has(id));
    if (first < 0) return;
    this.#pictures = this.#pictures.filter(({ id }) => !this.#hidden.has(id));
    this.#captions.clear();
    this.#layOut();
    this.focusAt(Math.min(first, this.size - 1));
  }

  /** Let further calls of `append` show hidden pictures. */
  reveal(ids) {
    for (const id of ids) this.#hidden.delete(id);
  }

  /** Show which pictures are selected. */
  showSelection() {
    this.#list.classList.toggle('selecting', this.#selection.size > 0);
    for (const [id, tile] of this.#tiles) this.#check(tile, id);
  }

  /** Focus a picture; return whether the grid has it. */
  focus(id) {
    return this.focusAt(this.#at.get(id));
  }

  /** Scroll to the first picture that has a property; return whether there is one. */
  scrollTo(has) {
    const at = this.#pictures.findIndex(has);
    if (at < 0) return false;
    this.returnTo({ at, top: HEAD_PX });
    return true;
  }

  /** Bring a reader back: scroll until the row of a picture is at a distance from the top of the window. */
  returnTo({ at, top }) {
    if (!(at < this.size)) return;
    this.#scrollTo(at, top);
    // The heights of rows without tiles were estimated.
    this.#scrollTo(at, top);
  }

  /** Focus the picture that had the focus last. */
  focusCurrent() {
    this.focusAt(this.#current);
  }

  /** Focus the picture at a position; return whether there is one. */
  focusAt(at) {
    const picture = this.#pictures[at];
    if (!picture) return false;
    if (!this.#tiles.has(picture.id)) {
      this.#scrollTo(at, window.innerHeight / 2);
    }
    this.#current = at;
    this.#tiles.get(picture.id).querySelector('.tile-open').focus();
    return true;
  }

  /** Return a picture by its id, or undefined. */
  find(id) {
    return this.#pictures[this.#at.get(id)];
  }

  /** Return the picture `steps` places after another (before it, if negative), or undefined. */
  neighbour(id, steps) {
    return this.#pictures[this.#at.get(id) + steps];
  }

  /** Scroll until a picture's row is at a distance from the top of the window, and show the rows there. */
  #scrollTo(at, distance) {
    const top = this.#above.getBoundingClientRect().top + this.#tops[this.#rows.rowOf(at)];
    window.scrollBy({ top: top - distance, behavior: 'instant' });
    this.#offset = offsetOf(this.#above);
    this.#showRows();
  }

  #onScroll() {
    this.#showRows();
    this.#look();
    this.#tellReading();
  }

  #look() {
    const top = this.#above.getBoundingClientRect().top;
    const [row] = this.#rowsBetween(-top, -top);
    this.#reader = { at: this.#rows.rows[row]?.start ?? 0, top: top + this.#tops[row] };
  }

  /** Tell which picture the reader is looking at: the last one of a row, so that a row is of the year that begins in it. */
  #tellReading() {
    const line = HEAD_PX + READING_PX - this.#above.getBoundingClientRect().top;
    const [row] = this.#rowsBetween(line, line);
    this.#actions.reading(this.#pictures[this.#rows.rows[row]?.end - 1]);
  }

  /** Keep the reader's place when the window gets another width, or what is above the grid another height. */
  #fit() {
    const { at, top } = this.#reader;
    const moved = offsetOf(this.#above) - this.#offset;
    this.#offset += moved;
    if (this.#width === widthOf(this.#above)) {
      if (window.scrollY) window.scrollBy({ top: moved, behavior: 'instant' });
      return this.#showRows();
    }
    this.#captions.clear();
    this.#layOut();
    if (!window.scrollY || !this.size) return;
    const now = this.#above.getBoundingClientRect().top + this.#tops[this.#rows.rowOf(at)];
    window.scrollBy({ top: now - top, behavior: 'instant' });
    this.#showRows();
  }

  /** Return the first tile that is not above the viewport, if any. */
  #seen() {
    const tiles = [...this.#list.children];
    return tiles.find((tile) => tile.getBoundingClientRect().bottom > 0);
  }

  /** Distribute the pictures over rows, and show those near the viewport. */
  #layOut() {
    this.#at = new Map(this.#pictures.map(({ id }, at) => [id, at]));
    this.#width = widthOf(this.#above);
    const style = getComputedStyle(this.#list);
    // The minimum height of a row is the height of an empty grid.
    const [gap, height] = [style.columnGap, style.getPropertyValue('--row')].map(pixelsOf);
    this.#noiseAt = this.#pictures.findIndex(({ isNoise }) => isNoise);
    this.#rows = new JustifiedRows(this.#pictures.map(ratioOf), { width: this.#width, gap, height, breakAt: this.#noiseAt });
    this.#shown = [0, 0];
    this.#showRows();
  }

  /** Compute the distances of all rows from the top; rows without tiles have captions as high as the others'. */
  #place() {
    const measured = [...this.#captions.values()];
    const usual = measured.length ? measured.reduce((sum, one) => sum + one) / measured.length : CAPTION_PX;
    const gap = pixelsOf(getComputedStyle(this.#list).rowGap);
    this.#tops = [0];
    let top = 0;
    for (const { start, height } of this.#rows.rows) {
      top += height + (this.#captions.get(start) ?? usual) + gap;
      this.#tops.push(top);
    }
    const [first, end] = this.#shown;
    const last = this.#tops.at(-1);
    this.#above.style.height = `${this.#tops[first]}px`;
    this.#below.style.height = `${Math.max(0, last - this.#tops[end] - (end < this.#rows.rows.length ? 0 : gap))}px`;
  }

  /** Show the rows near the viewport, and keep what the reader sees in its place. */
  #showRows() {
    const top = -this.#above.getBoundingClientRect().top;
    const [first, end] = this.#rowsBetween(top - AHEAD_PX / 2, top + window.innerHeight + AHEAD_PX / 2);
    if (this.#shown[0] <= first && end <= this.#shown[1] && this.#tops.length === this.#rows.rows.length + 1) return;
    const seen = this.#seen();
    const before = seen?.getBoundingClientRect().top;
    this.#place();
    this.#shown = this.#rowsBetween(top - AHEAD_PX, top + window.innerHeight + AHEAD_PX);
    this.#fill();
    this.#measure();
    this.#place();
    const moved = seen?.isConnected ? seen.getBoundingClientRect().top - before : 0;
    if (Math.abs(moved) >= 1 && window.scrollY) window.scrollBy({ top: moved, behavior: 'instant' });
  }

  /** Return the rows between two distances from the top: the first one, and the one after the last. */
  #rowsBetween(top, bottom) {
    const { length } = this.#rows.rows;
    let first = 0;
    while (first < length - 1 && this.#tops[first + 1] < top) first += 1;
    let end = first;
    while (end < length && this.#tops[end] <= bottom) end += 1;
    return [first, end];
  }

  /** Add the tiles of the shown rows, and remove all others. */
  #fill() {
    const rows = this.#rows.rows.slice(...this.#shown);
    const [start, end] = [rows[0]?.start ?? 0, rows.at(-1)?.end ?? 0];
    const hadFocus = this.#list.contains(document.activeElement);
    for (const id of [...this.#tiles.keys()]) {
      const at = this.#at.get(id);
      if (at === undefined || at < start || at >= end) this.#remove(id);
    }
    this.#divider?.remove();
    this.#divider = this.#noiseAt >= start && this.#noiseAt < end ? dividerOf(this.#noiseAt) : null;
    let next = this.#list.firstElementChild;
    for (const row of rows) {
      for (let at = row.start; at < row.end; at += 1) {
        if (at === this.#noiseAt) this.#list.insertBefore(this.#divider, next);
        const tile = this.#tileAt(at, row.height);
        if (tile === next) next = next.nextElementSibling;
        else this.#list.insertBefore(tile, next);
      }
    }
    this.#showStop(start, end);
    // The focused tile went and came back.
    if (hadFocus) this.#tiles.get(this.#pictures[this.#current]?.id)?.querySelector('.tile-open').focus({ preventScroll: true });
  }

  #tileAt(at, height) {
    const picture = this.#pictures[at];
    let tile = this.#tiles.get(picture.id);
    if (!tile) {
      tile = tileOf(picture, this.#actions);
      this.#tiles.set(picture.id, tile);
      this.#check(tile, picture.id);
    }
    // Rounded down, so that the row is not wider than the grid.
    tile.style.width = `${Math.floor(ratioOf(picture) * height * 100) / 100}px`;
    tile.setAttribute('aria-setsize', this.size);
    tile.setAttribute('aria-posinset', at + 1);
    return tile;
  }

  #check(tile, id) {
    tile.querySelector('.tile-check').checked = this.#selection.has(id);
  }

  /** Select or deselect a picture, or select the range to it. */
  #select(picture, isRange) {
    const [from, to] = [this.#selection.anchor, picture.id].map((id) => this.#at.get(id));
    if (isRange && from !== undefined) this.#selection.add(this.#pictures.slice(Math.min(from, to), Math.max(from, to) + 1));
    else this.#selection.toggle(picture);
  }

  #remove(id) {
    const tile = this.#tiles.get(id);
    this.#tiles.delete(id);
    // The arrow keys continue from there.
    if (tile?.contains(document.activeElement)) this.#list.focus({ preventScroll: true });
    tile?.remove();
  }

  #measure() {
    const gap = pixelsOf(getComputedStyle(this.#list).rowGap);
    for (const { start, end, height } of this.#rows.rows.slice(...this.#shown)) {
      let highest = 0;
      for (let at = start; at < end; at += 1) {
        highest = Math.max(highest, this.#tiles.get(this.#pictures[at].id).getBoundingClientRect().height);
      }
      const above = start === this.#noiseAt ? this.#divider.getBoundingClientRect().height + gap : 0;
      this.#captions.set(start, above + highest - height);
    }
  }

  #makeCurrent(tile) {
    if (!tile) return;
    this.#current = Number(tile.getAttribute('aria-posinset')) - 1;
    this.#showStop();
  }

  /** Make the current tile the only tab stop; if it is not among the tiles of a range, the first one of these. */
  #showStop(start = 0, end = this.size) {
    const stop = this.#pictures[this.#current >= start && this.#current < end ? this.#current : start]?.id;
    for (const [id, tile] of this.#tiles) {
      for (const element of tile.querySelectorAll('a, button, input')) element.tabIndex = id === stop ? 0 : -1;
    }
  }

  #onKey(event) {
    const isCommand = event.ctrlKey || event.metaKey;
    if (event.altKey || (isCommand && event.key !== 'a') || !this.size) return;
    const target = this.#target(event.key);
    const picture = this.#pictures[this.#current];
    if (isCommand) this.#selection.add(this.#pictures);
    else if (target !== undefined) this.#move(target, event.shiftKey);
    // On a button, the space bar presses it.
    else if (event.key === ' ' && !event.target.closest('button, input')) this.#select(picture, event.shiftKey);
    else if (event.key === '+') this.#actions.more(picture);
    else if (event.key === '-') this.#actions.less(picture);
    else return;
    event.preventDefault();
  }

  /** Focus the picture at a position, and select those on the way. */
  #move(target, isSelecting) {
    if (isSelecting && this.#selection.anchor === null) this.#select(this.#pictures[this.#current], false);
    this.focusAt(target);
    if (isSelecting) this.#select(this.#pictures[target], true);
  }

  /** Return the position to which a key leads, or undefined. */
  #target(key) {
    const at = this.#current;
    const last = this.size - 1;
    const row = this.#rows.rowOf(at);
    const targets = {
      ArrowLeft: () => Math.max(0, at - 1),
      ArrowRight: () => Math.min(last, at + 1),
      ArrowUp: () => this.#rows.nearest(row - 1, at) ?? at,
      ArrowDown: () => this.#rows.nearest(row + 1, at) ?? last,
      Home: () => 0,
      End: () => last,
    };
    return targets[key]?.();
  }
}

function widthOf(element) {
  return element.getBoundingClientRect().width;
}

function offsetOf(element) {
  return element.getBoundingClientRect().top + window.scrollY;
}

/** Return a CSS length in pixels. */
function pixelsOf(length) {
  const rem = length.endsWith('rem') ? pixelsOf(getComputedStyle(document.documentElement).fontSize) : 1;
  return Number.parseFloat(length) * rem;
}
