// The parts of the query besides the text: weighted pictures, and tags.

import { call } from './api.js';
import { byId, fromTemplate, show } from './elements.js';
import { baseName } from './format.js';
import { showPicture } from './pictures.js';
import { withWeight, withoutTag, withoutTerm } from './query.js';
import { ROOT } from './root.js';

// Blob URLs of local pictures, created once for each and kept while the page is open.
const previews = new WeakMap();

/** Shows a query's pictures and tags and lets the user change them. */
export class Terms {
  #onChange;
  #terms = byId('terms');
  #tags = byId('tags');

  /** `onChange(query)` is called with the changed query. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  show(query) {
    const focused = this.#focused();
    this.#terms.replaceChildren(...query.terms.map((term) => this.#term(query, term)));
    this.#tags.replaceChildren(...query.tags.map((tag) => this.#tag(query, tag)));
    show(this.#terms, query.terms.length > 0);
    show(this.#tags, query.tags.length > 0);
    if (focused) this.#focus(focused);
  }

  /** Return which part has the focus: its list, its index, and the kind of the focused element. */
  #focused() {
    const part = document.activeElement.closest('#terms > li, #tags > li');
    if (!part) return null;
    const list = part.parentElement;
    return { list, at: [...list.children].indexOf(part), kind: document.activeElement.localName };
  }

  /** Restore the focus after the parts were redrawn; focus the search box if none is left. */
  #focus({ list, at, kind }) {
    const part = list.children[at] ?? list.lastElementChild;
    (part?.querySelector(kind) ?? byId('text')).focus();
  }

  #term(query, term) {
    const chip = fromTemplate('term');
    const weight = chip.querySelector('input');
    const image = chip.querySelector('img');
    if (term.file) image.src = previewOf(term.file);
    else showPicture(image, `${ROOT}/v1/images/${term.image}/thumbnail?size=150`);
    chip.classList.toggle('less', term.weight < 0);
    chip.querySelector('.term-kind').textContent = term.weight < 0 ? 'Less like' : 'More like';
    weight.value = term.weight;
    weight.addEventListener('change', () => {
      const entered = Math.max(-2, Math.min(2, weight.valueAsNumber));
      this.#onChange(entered ? withWeight(query, term, entered) : withoutTerm(query, term));
    });
    const remove = chip.querySelector('button');
    remove.addEventListener('click', () => this.#onChange(withoutTerm(query, term)));
    nameTerm(chip, term);
    return chip;
  }

  #tag(query, tag) {
    const chip = fromTemplate('tag-chip');
    chip.querySelector('span').textContent = tag;
    chip.querySelector('.unseen').textContent = `Remove tag ${tag}`;
    chip.querySelector('button').addEventListener('click', () => this.#onChange(withoutTag(query, tag)));
    return chip;
  }
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
