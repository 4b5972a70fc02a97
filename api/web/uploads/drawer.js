// The drawer: adds pictures and lists the service's activity, which are its jobs.

import { byId, setText, show } from '../elements.js';
import { tagsOf } from '../format.js';
import { DeadLetters } from '../jobs/dead-letters.js';
import { JobList } from '../jobs/job-list.js';
import { mayWrite } from '../service/access.js';
import { chosen } from './files.js';
import { UploadProgress } from './upload-progress.js';
import { Uploads } from './uploads.js';

/** Uploads files and shows their progress. */
export class Drawer {
  #dialog = byId('drawer');
  #jobs = new JobList();
  #letters = new DeadLetters();
  #progress = new UploadProgress();
  #uploads;
  #wasActive = false;

  /** `onAdded()` is called when an upload that added pictures ends. */
  constructor(onAdded) {
    this.#uploads = new Uploads((progress) => this.#show(progress, onAdded));
    byId('drawer-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#jobs.close());
    byId('upload-cancel').addEventListener('click', () => {
      this.#uploads.cancel();
      // The button is gone.
      byId('drawer-title').focus({ preventScroll: true });
    });
    for (const name of ['files', 'folder']) this.#choose(byId(name), byId(name === 'files' ? 'choose-files' : 'choose-folder'));
    window.addEventListener('beforeunload', (event) => this.#uploads.sending && event.preventDefault());
  }

  /** Open the drawer: to add pictures and see the activity below, or for the activity alone. */
  open({ adds = mayWrite() } = {}) {
    if (this.#dialog.open) return;
    setText(byId('drawer-title'), adds ? 'Add pictures' : 'Activity');
    show(byId('adding'), adds);
    this.#dialog.showModal();
    this.#jobs.open();
    this.#letters.open();
  }

  /** Upload the files found in a choice or drop with the tags entered in the drawer, and open the drawer. */
  add(found) {
    this.open();
    this.#uploads.add(found, tagsOf(byId('upload-tags').value));
  }

  #choose(input, button) {
    button.addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      this.add(chosen(input.files));
      // Without this, choosing the same file again fires no event.
      input.value = '';
    });
  }

  #show(progress, onAdded) {
    this.#progress.show(progress);
    const ended = this.#wasActive && !progress.active;
    this.#wasActive = progress.active;
    if (ended && progress.indexed) onAdded();
  }
}
