// The list of jobs in the drawer, fresh while the drawer is open.

import { byId, fromTemplate, say, show } from './elements.js';
import { fillFailures } from './failures.js';
import { cancel, failuresOf, hasEnded, jobsPage } from './jobs.js';
import { patiently, pause } from './patience.js';
import { count, moment } from './words.js';

// Seconds between two looks at the list while it is seen.
const LOOK_S = 2;
const STATES = {
  queued: 'Waiting',
  running: 'Working',
  succeeded: 'Done',
  partial: 'Done, some failed',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

/** Shows the service's jobs, newest first. */
export class JobList {
  #list = byId('jobs');
  #note = byId('jobs-note');
  #older = byId('jobs-older');
  #rows = new Map();
  #cursor = null;
  #run = null;

  constructor() {
    this.#older.addEventListener('click', () => this.#showOlder());
  }

  /** Keep the list fresh until `close`. */
  async open() {
    this.close();
    this.#run = new AbortController();
    const { signal } = this.#run;
    try {
      for (;;) {
        this.#takeNewest(await this.#page(null, signal));
        await pause(LOOK_S, signal);
      }
    } catch (problem) {
      if (signal.aborted) return;
      // A service that does not list its jobs is no reason to keep asking.
      const absent = [404, 405].includes(problem.status);
      say(this.#note, absent ? 'This service does not list its jobs.' : problem.detail || problem.title || String(problem));
      show(this.#note, true);
    }
  }

  close() {
    this.#run?.abort();
  }

  #page(cursor, signal) {
    return patiently(() => jobsPage(cursor, signal), {
      signal,
      onWait: (problem, left) => {
        say(this.#note, `${problem.title}. Looks again in ${left} s.`);
        show(this.#note, true);
      },
    });
  }

  #takeNewest({ jobs, next_cursor: cursor }) {
    const first = this.#rows.size === 0;
    // From the oldest on, each new one before the others.
    for (const job of [...jobs].reverse()) this.#put(job, (row) => this.#list.prepend(row));
    if (first) this.#goOnFrom(cursor);
    say(this.#note, 'There are none yet.');
    show(this.#note, this.#rows.size === 0);
  }

  async #showOlder() {
    this.#older.disabled = true;
    try {
      const { jobs, next_cursor: cursor } = await this.#page(this.#cursor, this.#run.signal);
      for (const job of jobs) this.#put(job, (row) => this.#list.append(row));
      this.#goOnFrom(cursor);
    } finally {
      this.#older.disabled = false;
    }
  }

  #goOnFrom(cursor) {
    this.#cursor = cursor;
    show(this.#older, cursor !== null);
  }

  #put(job, place) {
    let row = this.#rows.get(job.id);
    if (!row) {
      row = this.#row(job);
      this.#rows.set(job.id, row);
      place(row);
    }
    this.#fill(row, job);
  }

  #row(job) {
    const row = fromTemplate('job');
    const started = moment(job.created_at);
    const time = row.querySelector('time');
    time.dateTime = job.created_at;
    time.textContent = started;
    row.querySelector('progress').setAttribute('aria-label', `Progress of the job of ${started}`);
    const button = row.querySelector('.job-cancel');
    button.setAttribute('aria-label', `Cancel the job of ${started}`);
    button.addEventListener('click', () => this.#cancel(row, job, button));
    const failed = row.querySelector('details');
    failed.addEventListener('toggle', () => failed.open && this.#listFailures(row, job));
    return row;
  }

  #fill(row, job) {
    row.dataset.state = job.state;
    say(row.querySelector('.job-state'), STATES[job.state] ?? job.state);
    say(row.querySelector('.job-counts'), countsOf(job));
    row.querySelector('progress').value = job.progress;
    show(row.querySelector('progress'), !hasEnded(job));
    show(row.querySelector('.job-cancel'), !hasEnded(job));
    show(row.querySelector('details'), job.failed > 0);
    say(row.querySelector('summary'), `${count(job.failed, 'file')} failed`);
  }

  async #cancel(row, job, button) {
    button.disabled = true;
    try {
      this.#fill(row, await cancel(job));
    } catch (problem) {
      say(row.querySelector('.job-counts'), problem.detail || problem.title);
    } finally {
      button.disabled = false;
    }
  }

  async #listFailures(row, job) {
    fillFailures(row.querySelector('ul'), await failuresOf(job, this.#run?.signal));
  }
}

function countsOf(job) {
  const parts = [`${job.indexed.toLocaleString('en')} of ${count(job.total, 'picture')} added`];
  if (job.duplicates) parts.push(`${job.duplicates.toLocaleString('en')} known before`);
  if (job.cancelled) parts.push(`${job.cancelled.toLocaleString('en')} not begun`);
  if (!hasEnded(job) && job.eta_s !== null) parts.push(`about ${Math.ceil(job.eta_s)} s left`);
  return parts.join(' · ');
}
