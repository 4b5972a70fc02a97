// The pictures of the query, and their weights.

import { byId, fromTemplate, show } from '../elements.js';
import { baseName } from '../format.js';
import { call } from '../service/api.js';
import { showPicture } from '../service/pictures.js';
import { ROOT } from '../service/root.js';
import { withWeight, withoutTerm } from './query.js';

// Blob URLs of local pictures, created once for each and kept while the page is open.
const previews = new WeakMap();

/** Shows a query's pictures and lets the user change them. */
export class Terms {
  #onChange;
  #terms = byId('terms');

  /** `onChange(query)` is called with the changed query. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  show(query) {
    const focused = this.#focused();
    this.#terms.replaceChildren(...query.terms.map((term) => this.#term(query, term)));
    show(this.#terms, query.terms.length > 0);
    if (focused) this.#focus(focused);
  }

  /** Return which picture has the focus: its index, and the kind of the focused element. */
  #focused() {
    const part = document.activeElement.closest('#terms > li');
    return part && { at: [...this.#terms.children].indexOf(part), kind: document.activeElement.localName };
  }

  /** Restore the focus after the pictures were redrawn; focus the search box if none is left. */
  #focus({ at, kind }) {
    const part = this.#terms.children[at] ?? this.#terms.lastElementChild;
    (part?.querySelector(kind) ?? byId('text')).focus();
  }

  #term(query, term) {
    const chip = fromTemplate('term');
    const weight = chip.querySelector('input');
    const image = chip.querySelector('img');
    image.addEventListener('error', () => chip.classList.add('gone'), { once: true });
    if (term.file) image.src = previewOf(term.file);
    else showPicture(image, `${ROOT}/v1/images/${term.image}/thumbnail?size=150`);
    weight.value = term.weight;
    showWeight(chip, term.weight);
    weight.addEventListener('input', () => showWeight(chip, weightOf(weight, term)));
    weight.addEventListener('change', () => this.#onChange(withWeight(query, term, weightOf(weight, term))));
    const remove = chip.querySelector('button');
    remove.addEventListener('click', () => this.#onChange(withoutTerm(query, term)));
    nameTerm(chip, term);
    return chip;
  }
}

/** Return the weight that a slider shows; a picture with the weight 0 would be no part of the query. */
function weightOf(slider, term) {
  return slider.valueAsNumber || -Math.sign(term.weight) * slider.step;
}

function showWeight(chip, weight) {
  const kind = weight < 0 ? 'Less like' : 'More like';
  const value = Math.abs(weight).toLocaleString('en');
  chip.classList.toggle('less', weight < 0);
  chip.querySelector('.term-kind').textContent = kind;
  chip.querySelector('.term-weight').textContent = `× ${value}`;
  chip.querySelector('input').setAttribute('aria-valuetext', `${kind} it, ${value}`);
}

/** Label a chip with its picture's name; a shared URL contains only ids, so the name is fetched. */
async function nameTerm(chip, term) {
  const setName = (name) => {
    chip.title = name;
    chip.querySelector('img').alt = name;
    chip.querySelector('input').setAttribute('aria-label', `Weight of ${name}`);
    chip.querySelector('.unseen').textContent = `Remove ${name} from the query`;
  };
  setName(term.name ? baseName(term.name) : 'a picture');
  if (term.name) return;
  try {
    term.name = (await call('GET', `${ROOT}/v1/images/${term.image}`)).data.filename;
    setName(baseName(term.name));
  } catch {
    // The search itself reports what is wrong with the picture.
  }
}

function previewOf(file) {
  if (!previews.has(file)) previews.set(file, URL.createObjectURL(file));
  return previews.get(file);
}
