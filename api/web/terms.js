// The parts of the query that are no text: pictures with their weights, and tags.

import { call } from './api.js';
import { byId, fromTemplate, show } from './elements.js';
import { showPicture } from './pictures.js';
import { withWeight, withoutTag, withoutTerm } from './query.js';
import { baseName } from './words.js';

// Addresses of the reader's own pictures, made once for each and kept while the page is open.
const previews = new WeakMap();

/** Shows a query's pictures and tags, and lets the reader change them. */
export class Terms {
  #onChange;
  #terms = byId('terms');
  #tags = byId('tags');

  /** `onChange(query)` is called with the query as the reader wants it. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  show(query) {
    const place = this.#focused();
    this.#terms.replaceChildren(...query.terms.map((term) => this.#term(query, term)));
    this.#tags.replaceChildren(...query.tags.map((tag) => this.#tag(query, tag)));
    show(this.#terms, query.terms.length > 0);
    show(this.#tags, query.tags.length > 0);
    if (place) this.#focus(place);
  }

  /** Return where among the parts the focus is: their list, the part's place in it, and its element. */
  #focused() {
    const part = document.activeElement.closest('#terms > li, #tags > li');
    if (!part) return null;
    const list = part.parentElement;
    return { list, at: [...list.children].indexOf(part), kind: document.activeElement.localName };
  }

  /** Put the focus where it was before the parts were drawn anew, or into the box where none is left. */
  #focus({ list, at, kind }) {
    const part = list.children[at] ?? list.lastElementChild;
    (part?.querySelector(kind) ?? byId('text')).focus();
  }

  #term(query, term) {
    const chip = fromTemplate('term');
    const weight = chip.querySelector('input');
    const image = chip.querySelector('img');
    if (term.file) image.src = previewOf(term.file);
    else showPicture(image, `/v1/images/${term.image}/thumbnail?size=150`);
    chip.classList.toggle('less', term.weight < 0);
    chip.querySelector('.term-kind').textContent = term.weight < 0 ? 'Less like' : 'More like';
    weight.value = term.weight;
    weight.addEventListener('change', () => {
      const wanted = Math.max(-2, Math.min(2, weight.valueAsNumber));
      this.#onChange(wanted ? withWeight(query, term, wanted) : withoutTerm(query, term));
    });
    const remove = chip.querySelector('button');
    remove.addEventListener('click', () => this.#onChange(withoutTerm(query, term)));
    nameTerm(chip, term);
    return chip;
  }

  #tag(query, tag) {
    const chip = fromTemplate('tag-chip');
    chip.querySelector('span').textContent = tag;
    chip.querySelector('.unseen').textContent = `Remove the tag ${tag}`;
    chip.querySelector('button').addEventListener('click', () => this.#onChange(withoutTag(query, tag)));
    return chip;
  }
}

/** Name a chip after its picture; a shared address has ids alone, so the name is asked for. */
async function nameTerm(chip, term) {
  const put = (name) => {
    chip.title = name;
    chip.querySelector('img').alt = name;
    chip.querySelector('input').setAttribute('aria-label', `Weight of ${name}`);
    chip.querySelector('.unseen').textContent = `Remove ${name} from the query`;
  };
  put(term.name ? baseName(term.name) : 'a picture');
  if (term.name) return;
  try {
    term.name = (await call('GET', `/v1/images/${term.image}`)).data.filename;
    put(baseName(term.name));
  } catch {
    // The search itself will say what is wrong with the picture.
  }
}

function previewOf(file) {
  if (!previews.has(file)) previews.set(file, URL.createObjectURL(file));
  return previews.get(file);
}
