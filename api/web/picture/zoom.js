// The zoom of the large view: the picture fits into its pane, or has its actual size and can be moved.

import { byId } from '../elements.js';

// Distance in pixels from which a pressed pointer drags the picture instead of clicking on it.
const DRAG_PX = 4;
const CENTRE = { x: 0.5, y: 0.5 };

/** Switches between the two sizes, by a button, the key Z, or a click on the picture. */
export class Zoom {
  #pane = byId('details-pane');
  #image = byId('details-image');
  #button = byId('details-zoom');
  #onActual;
  // Distance that the pressed pointer has dragged the picture, in pixels.
  #dragged = 0;

  /** `onActual()` is called when the picture gets its actual size. */
  constructor(onActual) {
    this.#onActual = onActual;
    this.#button.addEventListener('click', () => this.#toggle(CENTRE));
    this.#pane.addEventListener('click', (event) => this.#dragged < DRAG_PX && this.#toggle(this.#pointOf(event)));
    this.#pane.addEventListener('pointerdown', (event) => this.#press(event));
    this.#pane.addEventListener('pointermove', (event) => this.#drag(event));
    byId('details').addEventListener('keydown', (event) => {
      const isTyping = event.target.closest('input') || event.ctrlKey || event.metaKey || event.altKey;
      if (event.key.toLowerCase() === 'z' && !isTyping) this.#toggle(CENTRE);
    });
  }

  /** Let the picture fit. */
  reset() {
    this.#set(false);
  }

  /** Change the size, and keep a point of the picture, in shares of its sides, in the pane's centre. */
  #toggle({ x, y }) {
    // There is no picture yet.
    if (this.#button.hidden) return;
    const isActual = !this.#pane.classList.contains('actual');
    this.#set(isActual);
    if (!isActual) return;
    this.#onActual();
    this.#pane.scrollLeft = x * this.#image.offsetWidth - this.#pane.clientWidth / 2;
    this.#pane.scrollTop = y * this.#image.offsetHeight - this.#pane.clientHeight / 2;
    // Now the arrow keys move the picture.
    this.#pane.focus();
  }

  #set(isActual) {
    const pane = this.#pane;
    const hadFocus = pane === document.activeElement;
    pane.classList.toggle('actual', isActual);
    this.#button.setAttribute('aria-pressed', isActual);
    for (const [name, value] of [['tabindex', '0'], ['role', 'region'], ['aria-label', 'Picture at its actual size']]) {
      if (isActual) pane.setAttribute(name, value);
      else pane.removeAttribute(name);
    }
    if (hadFocus && !isActual) this.#button.focus();
  }

  #pointOf({ clientX, clientY }) {
    const box = this.#image.getBoundingClientRect();
    return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
  }

  #press(event) {
    this.#dragged = 0;
    // Fingers scroll the pane without help.
    if (event.pointerType === 'mouse' && event.button === 0 && this.#pane.classList.contains('actual')) {
      this.#pane.setPointerCapture(event.pointerId);
    }
  }

  #drag(event) {
    if (!this.#pane.hasPointerCapture(event.pointerId)) return;
    this.#dragged += Math.hypot(event.movementX, event.movementY);
    this.#pane.scrollBy({ left: -event.movementX, top: -event.movementY, behavior: 'instant' });
  }
}
