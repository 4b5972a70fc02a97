// The upload: parcels sent one after another, and their jobs followed until all can be found.

import { send } from './api.js';
import { cancel, doneOf, failuresOf, follow, hasEnded } from './jobs.js';
import { halves, parcelsOf, requestOf } from './parcels.js';
import { patiently } from './patience.js';
import { Problem } from './problem.js';

// Jobs looked at at a time; they end in the order in which they began.
const FOLLOWED_MAX = 4;

/** Sends what is added, and tells how far it is. */
export class Uploads {
  #onChange;
  #parcels = [];
  #jobs = new Map();
  #unfollowed = [];
  #following = 0;
  #sending = false;
  #run = new AbortController();
  #at = nothing();

  /** `onChange(progress)` is called with every step; see `nothing`. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Whether leaving the page would leave files behind. */
  get sending() {
    return this.#sending;
  }

  /** Send [{file, path}], behind what is on its way already. */
  add(files, tags) {
    if (!files.length) return;
    if (!this.#at.active) this.#reset();
    this.#at.files += files.length;
    this.#at.bytes += files.reduce((sum, { file }) => sum + file.size, 0);
    this.#parcels.push(...parcelsOf(files, tags));
    if (!this.#sending) this.#sendAll();
  }

  /** Send nothing more, and begin nothing that has not begun. */
  async stop() {
    this.#run.abort();
    const open = [...this.#jobs.values()].filter((job) => !hasEnded(job));
    this.#parcels = [];
    this.#sending = false;
    this.#at.stopped = true;
    this.#tell({ waiting: null });
    // A job that cannot be cancelled now goes on, and the list of jobs shows it.
    await Promise.allSettled(open.map(cancel));
  }

  #reset() {
    this.#run = new AbortController();
    this.#jobs.clear();
    this.#unfollowed = [];
    this.#following = 0;
    this.#at = nothing();
  }

  async #sendAll() {
    const { signal } = this.#run;
    this.#sending = true;
    this.#tell();
    while (this.#parcels.length && !signal.aborted) await this.#deliver(this.#parcels.shift(), signal);
    if (signal.aborted) return;
    this.#sending = false;
    this.#tell();
  }

  async #deliver(parcel, signal) {
    try {
      const { data } = await patiently(() => this.#send(parcel, signal), {
        signal,
        onWait: (problem, secondsLeft, goOn) => this.#tell({ waiting: { problem, secondsLeft, goOn } }),
        onGo: () => this.#tell({ waiting: null }),
      });
      this.#delivered(parcel, data, signal);
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof Problem)) throw problem;
      this.#refused(parcel, problem);
    }
  }

  #send(parcel, signal) {
    const { path, body, headers } = requestOf(parcel);
    const onProgress = (share) => this.#tell({ bytesOnTheWay: share * parcel.bytes });
    this.#tell({ bytesOnTheWay: 0 });
    return send(path, body, { headers, onProgress, signal });
  }

  #delivered(parcel, job, signal) {
    this.#at.bytesSent += parcel.bytes;
    this.#at.filesSent += parcel.files.length;
    this.#jobs.set(job.id, job);
    this.#unfollowed.push(job);
    this.#tell({ bytesOnTheWay: 0 });
    this.#followNext(signal);
  }

  #refused(parcel, problem) {
    if (problem.status === 413 && parcel.files.length > 1) {
      this.#parcels.unshift(...halves(parcel));
      return;
    }
    this.#at.bytesSent += parcel.bytes;
    this.#at.filesSent += parcel.files.length;
    const items = parcel.files.map(({ path }) => ({ filename: path, code: problem.code, detail: problem.detail }));
    this.#fail(items, items.length);
    this.#tell({ bytesOnTheWay: 0 });
  }

  async #followNext(signal) {
    if (this.#following >= FOLLOWED_MAX || !this.#unfollowed.length || signal.aborted) return;
    const job = this.#unfollowed.shift();
    this.#following += 1;
    try {
      await this.#followToItsEnd(job, signal);
    } catch (problem) {
      if (signal.aborted) return;
      // A job whose record expired is not known to have failed, nor to have ended well.
      this.#jobs.delete(job.id);
    }
    this.#following -= 1;
    this.#tell();
    this.#followNext(signal);
  }

  async #followToItsEnd(job, signal) {
    const end = await follow(job, { onJob: (now) => this.#note(now), signal });
    const failures = end.failed ? await failuresOf(end, signal) : [];
    this.#fail(failures, end.failed);
    this.#note(end);
  }

  #note(job) {
    this.#jobs.set(job.id, job);
    this.#tell();
  }

  #fail(items, number) {
    this.#at.failures = [...this.#at.failures, ...items];
    this.#at.failed += number;
  }

  #tell(changes = {}) {
    const jobs = [...this.#jobs.values()];
    Object.assign(this.#at, changes, {
      jobs,
      total: jobs.reduce((sum, job) => sum + job.total, 0),
      done: jobs.reduce((sum, job) => sum + doneOf(job), 0),
      indexed: jobs.reduce((sum, job) => sum + job.indexed, 0),
      duplicates: jobs.reduce((sum, job) => sum + job.duplicates, 0),
    });
    const followed = this.#following + this.#unfollowed.length > 0;
    this.#at.active = !this.#at.stopped && (this.#sending || followed);
    this.#onChange({ ...this.#at, sending: this.#sending });
  }
}

/** Progress of an upload of nothing. */
function nothing() {
  return {
    // Whether anything is still to be sent or to become searchable.
    active: false,
    stopped: false,
    // {problem, secondsLeft, goOn} while the service is busy or away.
    waiting: null,
    files: 0,
    filesSent: 0,
    bytes: 0,
    bytesSent: 0,
    bytesOnTheWay: 0,
    // Of the images in the jobs so far.
    total: 0,
    done: 0,
    indexed: 0,
    duplicates: 0,
    jobs: [],
    failed: 0,
    // [{filename, code, detail}], fewer than `failed` where there are very many.
    failures: [],
  };
}
