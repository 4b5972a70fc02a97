// The upload: sends requests one after another, and follows their jobs until every picture is searchable.

import { cancel, doneOf, failuresOf, follow, hasEnded } from '../jobs/jobs.js';
import { send } from '../service/api.js';
import { Problem } from '../service/problem.js';
import { withRetries } from '../service/retries.js';
import { isReadable } from './files.js';
import { bytesOf, halves, httpRequestOf, uploadRequestsOf } from './upload-requests.js';

// Jobs polled concurrently; jobs end in about the order in which they started.
const FOLLOWED_MAX = 4;
// Codes of the service for a job that takes no more pictures, but was not cancelled.
const CLOSED = new Set(['job_complete', 'not_found']);
// Code of a file that the browser cannot read.
const UNREADABLE = 'unreadable';

/** Uploads files and reports the progress. */
export class Uploads {
  #onChange;
  #requests = [];
  #jobs = new Map();
  // Ids of the jobs that were opened, which have each picture once.
  #opened = new Set();
  #unfollowed = [];
  #following = 0;
  #sending = false;
  #waits = new Set();
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

  /** Upload the files found in a choice or drop after those already queued. */
  add({ files, skipped, unreadable }, tags) {
    if (!this.#progress.active) this.#reset();
    this.#progress.stopped = false;
    this.#progress.files += files.length;
    this.#progress.bytes += bytesOf(files);
    this.#progress.skipped += skipped;
    this.#addFailures(unreadable.map((path) => ({ filename: path, code: UNREADABLE })), unreadable.length);
    this.#requests.push(...uploadRequestsOf(files, tags));
    if (!this.#sending) this.#sendAll();
  }

  /** Stop sending, cancel the images that are not yet started, and follow those that are. */
  async cancel() {
    this.#run.abort();
    this.#run = new AbortController();
    const { signal } = this.#run;
    const unfinished = [...this.#jobs.values()].filter((job) => !hasEnded(job));
    this.#requests = [];
    this.#unfollowed = unfinished;
    this.#following = 0;
    this.#sending = false;
    this.#progress.stopped = true;
    this.#progress.unsent += this.#progress.files - this.#progress.filesSent;
    // More files may be added while those that were sent are followed.
    this.#progress.files = this.#progress.filesSent;
    this.#progress.bytes = this.#progress.bytesSent;
    this.#waits.clear();
    this.#update({ bytesInFlight: 0 });
    const answers = await Promise.allSettled(unfinished.map(cancel));
    if (signal.aborted) return;
    this.#unfollowed = this.#unfollowed.filter((job) => !unfinished.includes(job));
    // A job that cannot be cancelled continues; the job list shows it.
    for (const { value: job } of answers) if (job) this.#followCancelled(job, signal);
    this.#update();
  }

  #followCancelled(job, signal) {
    this.#keep(job);
    if (hasEnded(job)) return;
    this.#unfollowed.push(job);
    this.#followNext(signal);
  }

  #reset() {
    this.#run.abort();
    this.#run = new AbortController();
    this.#jobs.clear();
    this.#opened.clear();
    this.#unfollowed = [];
    this.#following = 0;
    this.#waits.clear();
    this.#progress = emptyProgress();
  }

  async #sendAll() {
    const { signal } = this.#run;
    this.#sending = true;
    this.#update();
    while (this.#requests.length && !signal.aborted) {
      const request = this.#requests.shift();
      await this.#deliver(request, signal);
      await this.#completeAfter(request, signal);
    }
    if (signal.aborted) return;
    this.#sending = false;
    this.#update();
  }

  async #deliver(request, signal) {
    try {
      const response = await this.#retried(() => this.#send(request, signal), signal);
      if (response) this.#onAccepted(request, response.data, signal);
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof Problem)) throw problem;
      this.#onRefused(request, problem);
    }
  }

  /** Send the files of a request that can be read; return nothing if there are none. */
  async #send(request, signal) {
    await this.#dropUnreadable(request);
    if (!request.files.length) return null;
    const openJob = await request.job?.opened();
    if (openJob && signal.aborted) cancel(openJob).catch(() => {});
    signal.throwIfAborted();
    if (openJob) {
      this.#opened.add(openJob.id);
      this.#track(openJob, signal);
    }
    const { path, body, headers } = httpRequestOf(request, openJob);
    const onProgress = (share) => this.#update({ bytesInFlight: share * request.bytes });
    this.#update({ bytesInFlight: 0 });
    return send(path, body, { headers, onProgress, signal });
  }

  /** Take out of a request what cannot be read any more: the browser would report a lost connection each time. */
  async #dropUnreadable(request) {
    const readable = await Promise.all(request.files.map(({ file }) => isReadable(file)));
    const lost = request.files.filter((_, at) => !readable[at]);
    request.files = request.files.filter((_, at) => readable[at]);
    request.bytes -= bytesOf(lost);
    this.#fail(lost, { code: UNREADABLE });
  }

  /** Complete the job of a request after the last one. */
  async #completeAfter({ job }, signal) {
    if (!job || signal.aborted || this.#requests.some((request) => request.job === job)) return;
    try {
      const completed = await this.#retried(() => job.complete(signal), signal);
      if (completed) this.#note(completed);
    } catch (problem) {
      // A job that was cancelled needs no completion; the service completes any other after a time.
      if (!signal.aborted && !(problem instanceof Problem)) throw problem;
    }
  }

  #retried(task, signal) {
    const wait = {};
    return withRetries(task, {
      signal,
      awaitsSignIn: true,
      onWait: (problem, secondsLeft, retryNow) => {
        this.#waits.add(Object.assign(wait, { problem, secondsLeft, retryNow }));
        this.#update();
      },
      onRetry: () => {
        this.#waits.delete(wait);
        this.#update();
      },
    });
  }

  /** Return the wait that ends first, or null; retrying now ends all. */
  #firstWait() {
    const waits = [...this.#waits].sort((one, other) => one.secondsLeft - other.secondsLeft);
    return waits.length ? { ...waits[0], retryNow: () => waits.forEach(({ retryNow }) => retryNow()) } : null;
  }

  #onAccepted(request, job, signal) {
    this.#progress.bytesSent += request.bytes;
    this.#progress.filesSent += request.files.length;
    if (request.job) this.#progress.filesInOpenJobs += request.files.length;
    this.#track(job, signal);
    this.#keep(job);
    this.#update({ bytesInFlight: 0 });
  }

  #onRefused(request, problem) {
    if (problem.status === 413 && request.files.length > 1) {
      this.#requests.unshift(...halves(request));
    } else if (request.job && problem.code === 'job_cancelled') {
      this.#abandon(request);
    } else if (request.job && CLOSED.has(problem.code) && !request.isRepeated) {
      // This page paused for hours, for example because the computer slept.
      request.job.renew();
      this.#requests.unshift({ ...request, isRepeated: true });
    } else {
      this.#fail(request.files, problem);
    }
    this.#update({ bytesInFlight: 0 });
  }

  /** Give up a request and those after it whose job was cancelled, in the list of jobs or elsewhere. */
  #abandon(request) {
    const isOfJob = ({ job }) => job === request.job;
    for (const { files, bytes } of [request, ...this.#requests.filter(isOfJob)]) {
      this.#progress.files -= files.length;
      this.#progress.bytes -= bytes;
      this.#progress.unsent += files.length;
    }
    this.#requests = this.#requests.filter((other) => !isOfJob(other));
  }

  /** Follow a job, unless it is followed already. */
  #track(job, signal) {
    if (this.#jobs.has(job.id)) return;
    this.#jobs.set(job.id, job);
    this.#unfollowed.push(job);
    this.#followNext(signal);
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
      if (problem.status === 404) this.#jobs.delete(job.id);
    }
    this.#following -= 1;
    this.#update();
    this.#followNext(signal);
  }

  async #followToEnd(job, signal) {
    const retried = (task) => this.#retried(task, signal);
    const end = await follow(job, { onJob: (now) => this.#note(now), signal, retried });
    const failures = end.failed ? await failuresOf(end, signal) : [];
    this.#addFailures(failures, end.failed);
    this.#note(end);
  }

  #note(job) {
    this.#keep(job);
    this.#update();
  }

  /** Keep the later state of a job: responses to polls and uploads may overtake each other. */
  #keep(job) {
    const known = this.#jobs.get(job.id);
    if (known && doneOf(job) + job.total >= doneOf(known) + known.total) this.#jobs.set(job.id, job);
  }

  /** Return the number of files with the same bytes as another one of their job. */
  #copies(jobs) {
    const total = jobs.reduce((sum, job) => sum + (this.#opened.has(job.id) ? job.total : 0), 0);
    return Math.max(0, this.#progress.filesInOpenJobs - total);
  }

  /** Count files as sent and failed. */
  #fail(files, { code, detail }) {
    this.#progress.bytesSent += bytesOf(files);
    this.#progress.filesSent += files.length;
    this.#addFailures(files.map(({ path }) => ({ filename: path, code, detail })), files.length);
  }

  #addFailures(items, number) {
    if (!number) return;

    this.#progress.failures = [...this.#progress.failures, ...items];
    this.#progress.failed += number;
  }

  #update(changes = {}) {
    const jobs = [...this.#jobs.values()];
    Object.assign(this.#progress, changes, {
      jobs,
      waiting: this.#firstWait(),
      total: jobs.reduce((sum, job) => sum + job.total, 0),
      done: jobs.reduce((sum, job) => sum + doneOf(job), 0),
      indexed: jobs.reduce((sum, job) => sum + job.indexed, 0),
      duplicates: jobs.reduce((sum, job) => sum + job.duplicates, this.#copies(jobs)),
      cancelled: jobs.reduce((sum, job) => sum + job.cancelled, this.#progress.unsent),
      changed: jobs.reduce((sum, job) => sum + job.changed, 0),
    });
    const followed = this.#following + this.#unfollowed.length > 0;
    this.#progress.active = this.#sending || followed;
    this.#onChange({ ...this.#progress, sending: this.#sending });
  }
}

/** The progress of an upload without files. */
function emptyProgress() {
  return {
    // Whether files remain to be sent or indexed, or to be cancelled.
    active: false,
    // Whether the user cancelled it; what has begun still ends.
    stopped: false,
    // {problem, secondsLeft, retryNow} while the service is busy or unavailable.
    waiting: null,
    // Files in folders that are no pictures by their names.
    skipped: 0,
    files: 0,
    filesSent: 0,
    filesInOpenJobs: 0,
    bytes: 0,
    bytesSent: 0,
    bytesInFlight: 0,
    // Files that are not sent because their job, or this upload, was cancelled.
    unsent: 0,
    // Counts of images in the jobs so far.
    total: 0,
    done: 0,
    indexed: 0,
    duplicates: 0,
    changed: 0,
    // With the unsent files.
    cancelled: 0,
    jobs: [],
    failed: 0,
    // [{filename, code, detail}]; incomplete if a job has very many failures.
    failures: [],
  };
}
