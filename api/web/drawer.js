// The drawer: where pictures are added, and jobs are seen.

import { byId } from './elements.js';
import { chosen } from './files.js';
import { JobList } from './job-list.js';
import { UploadProgress } from './upload-progress.js';
import { Uploads } from './uploads.js';
import { tagsOf } from './words.js';

/** Takes files in and shows what becomes of them. */
export class Drawer {
  #dialog = byId('drawer');
  #jobs = new JobList();
  #progress = new UploadProgress();
  #uploads;
  #wasActive = false;

  /** `onAdded()` is called when an upload has ended that brought pictures. */
  constructor(onAdded) {
    this.#uploads = new Uploads((at) => this.#show(at, onAdded));
    byId('drawer-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#jobs.close());
    byId('upload-stop').addEventListener('click', () => this.#uploads.stop());
    for (const name of ['files', 'folder']) this.#choose(byId(name), byId(name === 'files' ? 'choose-files' : 'choose-folder'));
    window.addEventListener('beforeunload', (event) => this.#uploads.sending && event.preventDefault());
  }

  open() {
    if (this.#dialog.open) return;
    this.#dialog.showModal();
    this.#jobs.open();
  }

  /** Send [{file, path}] with the tags that stand in the drawer, and show it. */
  add(files) {
    this.open();
    this.#uploads.add(files, tagsOf(byId('upload-tags').value));
  }

  #choose(input, button) {
    button.addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      this.add(chosen(input.files));
      // The same file may be chosen again.
      input.value = '';
    });
  }

  #show(at, onAdded) {
    this.#progress.show(at);
    const ended = this.#wasActive && !at.active;
    this.#wasActive = at.active;
    if (ended && at.indexed) onAdded();
  }
}
