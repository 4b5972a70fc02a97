// The pictures that the reader has selected, in this query's results.

/** A set of pictures, and the one from which a range extends. */
export class Selection {
  #pictures = new Map();
  #anchor = null;
  #onChange;

  /** `onChange()` is called after every change. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** The selected pictures, in the order in which they were selected. */
  get pictures() {
    return [...this.#pictures.values()];
  }

  get size() {
    return this.#pictures.size;
  }

  /** The id of the picture that was last selected or deselected, or null. */
  get anchor() {
    return this.#anchor;
  }

  has(id) {
    return this.#pictures.has(id);
  }

  /** Select a picture, or deselect it. */
  toggle(picture) {
    if (!this.#pictures.delete(picture.id)) this.#pictures.set(picture.id, picture);
    this.#anchor = picture.id;
    this.#onChange();
  }

  /** Select pictures in addition to the others. The anchor stays, so that a range can grow again. */
  add(pictures) {
    for (const picture of pictures) this.#pictures.set(picture.id, picture);
    this.#anchor ??= pictures[0]?.id ?? null;
    this.#onChange();
  }

  clear() {
    this.#pictures.clear();
    this.#anchor = null;
    this.#onChange();
  }
}
