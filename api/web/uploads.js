// The upload: sends requests one after another, and follows their jobs until every picture is searchable.

import { send } from './api.js';
import { cancel, doneOf, failuresOf, follow, hasEnded } from './jobs.js';
import { Problem } from './problem.js';
import { withRetries } from './retries.js';
import { halves, httpRequestOf, uploadRequestsOf } from './upload-requests.js';

// Jobs polled concurrently; jobs end in about the order in which they started.
const FOLLOWED_MAX = 4;

/** Uploads files and reports the progress. */
export class Uploads {
  #onChange;
  #requests = [];
  #jobs = new Map();
  #unfollowed = [];
  #following = 0;
  #sending = false;
  #run = new AbortController();
  #progress = emptyProgress();

  /** `onChange(progress)` is called after every change; see `emptyProgress`. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Whether files would remain unsent if the user left the page. */
  get sending() {
    return this.#sending;
  }

  /** Upload [{file, path}] after the files already queued. */
  add(files, tags) {
    if (!files.length) return;
    if (!this.#progress.active) this.#reset();
    this.#progress.files += files.length;
    this.#progress.bytes += files.reduce((sum, { file }) => sum + file.size, 0);
    this.#requests.push(...uploadRequestsOf(files, tags));
    if (!this.#sending) this.#sendAll();
  }

  /** Stop sending, and cancel the images that are not yet started. */
  async stop() {
    this.#run.abort();
    const open = [...this.#jobs.values()].filter((job) => !hasEnded(job));
    this.#requests = [];
    this.#sending = false;
    this.#progress.stopped = true;
    this.#update({ waiting: null });
    // A job that cannot be cancelled continues; the job list shows it.
    await Promise.allSettled(open.map(cancel));
  }

  #reset() {
    this.#run = new AbortController();
    this.#jobs.clear();
    this.#unfollowed = [];
    this.#following = 0;
    this.#progress = emptyProgress();
  }

  async #sendAll() {
    const { signal } = this.#run;
    this.#sending = true;
    this.#update();
    while (this.#requests.length && !signal.aborted) await this.#deliver(this.#requests.shift(), signal);
    if (signal.aborted) return;
    this.#sending = false;
    this.#update();
  }

  async #deliver(request, signal) {
    try {
      const { data } = await withRetries(() => this.#send(request, signal), {
        signal,
        onWait: (problem, secondsLeft, retryNow) => this.#update({ waiting: { problem, secondsLeft, retryNow } }),
        onRetry: () => this.#update({ waiting: null }),
      });
      this.#onAccepted(request, data, signal);
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof Problem)) throw problem;
      this.#onRefused(request, problem);
    }
  }

  #send(request, signal) {
    const { path, body, headers } = httpRequestOf(request);
    const onProgress = (share) => this.#update({ bytesInFlight: share * request.bytes });
    this.#update({ bytesInFlight: 0 });
    return send(path, body, { headers, onProgress, signal });
  }

  #onAccepted(request, job, signal) {
    this.#progress.bytesSent += request.bytes;
    this.#progress.filesSent += request.files.length;
    this.#jobs.set(job.id, job);
    this.#unfollowed.push(job);
    this.#update({ bytesInFlight: 0 });
    this.#followNext(signal);
  }

  #onRefused(request, problem) {
    if (problem.status === 413 && request.files.length > 1) {
      this.#requests.unshift(...halves(request));
      return;
    }
    this.#progress.bytesSent += request.bytes;
    this.#progress.filesSent += request.files.length;
    const items = request.files.map(({ path }) => ({ filename: path, code: problem.code, detail: problem.detail }));
    this.#addFailures(items, items.length);
    this.#update({ bytesInFlight: 0 });
  }

  async #followNext(signal) {
    if (this.#following >= FOLLOWED_MAX || !this.#unfollowed.length || signal.aborted) return;
    const job = this.#unfollowed.shift();
    this.#following += 1;
    try {
      await this.#followToEnd(job, signal);
    } catch (problem) {
      if (signal.aborted) return;
      // The outcome of a job whose record has expired is unknown.
      this.#jobs.delete(job.id);
    }
    this.#following -= 1;
    this.#update();
    this.#followNext(signal);
  }

  async #followToEnd(job, signal) {
    const end = await follow(job, { onJob: (now) => this.#note(now), signal });
    const failures = end.failed ? await failuresOf(end, signal) : [];
    this.#addFailures(failures, end.failed);
    this.#note(end);
  }

  #note(job) {
    this.#jobs.set(job.id, job);
    this.#update();
  }

  #addFailures(items, number) {
    this.#progress.failures = [...this.#progress.failures, ...items];
    this.#progress.failed += number;
  }

  #update(changes = {}) {
    const jobs = [...this.#jobs.values()];
    Object.assign(this.#progress, changes, {
      jobs,
      total: jobs.reduce((sum, job) => sum + job.total, 0),
      done: jobs.reduce((sum, job) => sum + doneOf(job), 0),
      indexed: jobs.reduce((sum, job) => sum + job.indexed, 0),
      duplicates: jobs.reduce((sum, job) => sum + job.duplicates, 0),
      changed: jobs.reduce((sum, job) => sum + job.changed, 0),
    });
    const followed = this.#following + this.#unfollowed.length > 0;
    this.#progress.active = !this.#progress.stopped && (this.#sending || followed);
    this.#onChange({ ...this.#progress, sending: this.#sending });
  }
}

/** The progress of an upload without files. */
function emptyProgress() {
  return {
    // Whether files remain to be sent or indexed.
    active: false,
    stopped: false,
    // {problem, secondsLeft, retryNow} while the service is busy or unavailable.
    waiting: null,
    files: 0,
    filesSent: 0,
    bytes: 0,
    bytesSent: 0,
    bytesInFlight: 0,
    // Counts of images in the jobs so far.
    total: 0,
    done: 0,
    indexed: 0,
    duplicates: 0,
    changed: 0,
    jobs: [],
    failed: 0,
    // [{filename, code, detail}]; incomplete if a job has very many failures.
    failures: [],
  };
}
