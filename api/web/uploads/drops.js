// Drag and drop, and pasting, of pictures.

import { byId, show } from '../elements.js';
import { mayWrite } from '../service/access.js';
import { chosen, dropped } from './files.js';

/** Calls search(file) or add(found) with the files dropped or pasted. */
export class Drops {
  #overlay = byId('drop');
  #search;
  #add;
  #depth = 0;

  constructor({ search, add }) {
    this.#search = search;
    this.#add = add;
    document.addEventListener('dragenter', (event) => this.#enter(event));
    document.addEventListener('dragover', (event) => this.#over(event));
    document.addEventListener('dragleave', (event) => this.#leave(event));
    document.addEventListener('drop', (event) => this.#drop(event));
    document.addEventListener('paste', (event) => this.#paste(event));
  }

  #enter(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    this.#depth += 1;
    const several = event.dataTransfer.items.length > 1;
    this.#overlay.classList.toggle('several', several);
    // An open dialog covers the overlay and accepts files itself.
    show(this.#overlay, !document.querySelector('dialog[open]'));
  }

  #over(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
    for (const zone of document.querySelectorAll('[data-drop]')) zone.classList.toggle('over', zone === zoneOf(event));
  }

  #leave(event) {
    if (!hasFiles(event)) return;
    this.#depth -= 1;
    if (this.#depth <= 0) this.#end();
  }

  async #drop(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    const action = zoneOf(event)?.dataset.drop ?? (mayWrite() ? 'add' : 'search');
    this.#end();
    this.#take(action, await dropped(event.dataTransfer));
  }

  #paste(event) {
    const found = chosen(event.clipboardData?.files ?? []);
    const isOpen = byId('drawer').open;
    // Behind the drawer nobody would see a search.
    if (!found.files.length || (isOpen && byId('adding').hidden)) return;
    event.preventDefault();
    this.#take(isOpen ? 'add' : 'search', found);
  }

  #take(action, found) {
    const [first, ...others] = found.files;
    if (action === 'search' && first?.file.type.startsWith('image/') && !others.length) this.#search(first.file);
    else this.#add(found);
  }

  #end() {
    this.#depth = 0;
    show(this.#overlay, false);
    for (const zone of document.querySelectorAll('.over')) zone.classList.remove('over');
  }
}

function hasFiles(event) {
  return Boolean(event.dataTransfer?.types.includes('Files'));
}

function zoneOf(event) {
  return event.target.closest?.('[data-drop]') ?? null;
}
