// The job of one drop or folder, to which all of its requests add their pictures.

import { call } from '../service/api.js';
import { ROOT } from '../service/root.js';

// Maximum number of characters of a job's name.
const NAME_MAX = 200;

/** Opens a job for the first request. */
export class UploadJob {
  #content;
  #key = newKey();
  #job = null;

  constructor(files, tags) {
    this.#content = { name: nameOf(files), tags };
  }

  /** Return the open job. Requests are sent one after another, so one job is opened. */
  async opened() {
    // With the key, a retry opens no second job.
    const headers = { 'Idempotency-Key': this.#key };
    this.#job ??= (await call('POST', `${ROOT}/v1/jobs`, { json: this.#content, headers })).data;
    return this.#job;
  }

  /** Open another job for the next request, because the service has completed this one. */
  renew() {
    this.#job = null;
    this.#key = newKey();
  }

  /** Complete the job, and return it; null if none is open. */
  async complete(signal) {
    return this.#job && (await call('POST', `${this.#job.links.self}/complete`, { signal })).data;
  }
}

function newKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}

/** Return the folder of all files, or the name of the first one and how many there are. */
function nameOf([{ path }, ...others]) {
  const folder = path.slice(0, path.indexOf('/') + 1);
  if (folder && others.every((other) => other.path.startsWith(folder))) return shortened(folder);
  const more = others.length ? ` and ${others.length.toLocaleString('en')} more` : '';
  return shortened(path) + more;
}

function shortened(name) {
  return name.slice(0, NAME_MAX);
}
