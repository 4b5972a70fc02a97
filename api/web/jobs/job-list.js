// The list of jobs in the drawer, updated while the drawer is open.

import { byId, fromTemplate, setText, show } from '../elements.js';
import { count, duplicatesOf, localTime } from '../format.js';
import { pause, withRetries } from '../service/retries.js';
import { fillFailures } from './failures.js';
import { cancel, FAILURES_MAX, failuresOf, hasEnded, jobsPage } from './jobs.js';

// Seconds between updates of the list while it is visible.
const POLL_S = 2;
const STATES = {
  queued: 'Queued',
  running: 'Running',
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

  /** Update the list until `close` is called. */
  async open() {
    this.close();
    this.#run = new AbortController();
    const { signal } = this.#run;
    try {
      for (;;) {
        this.#showNewest(await this.#page(null, signal));
        await pause(POLL_S, signal);
      }
    } catch (problem) {
      // Stop polling a service that cannot list jobs.
      if (!signal.aborted) this.#report(problem);
    }
  }

  close() {
    this.#run?.abort();
  }

  #report(problem) {
    const unsupported = [404, 405].includes(problem.status);
    setText(this.#note, unsupported ? 'This service does not support listing jobs.' : problem.detail || problem.title || String(problem));
    show(this.#note, true);
  }

  #page(cursor, signal) {
    return withRetries(() => jobsPage(cursor, signal), {
      signal,
      onWait: (problem, left) => {
        setText(this.#note, `${problem.title}. Retrying in ${left} s.`);
        show(this.#note, true);
      },
    });
  }

  #showNewest({ jobs, next_cursor: cursor }) {
    // So many jobs have begun since that those between them and the rows are unknown.
    const isGap = !jobs.some(({ id }) => this.#rows.has(id));
    if (isGap) this.#clear();
    // Oldest first, because each new job goes to the top.
    for (const job of [...jobs].reverse()) this.#put(job, (row) => this.#list.prepend(row));
    if (isGap) this.#setCursor(cursor);
    setText(this.#note, 'Nothing yet.');
    show(this.#note, this.#rows.size === 0);
  }

  #clear() {
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  async #showOlder() {
    const { signal } = this.#run;
    const from = this.#cursor;
    this.#older.disabled = true;
    try {
      const { jobs, next_cursor: cursor } = await this.#page(from, signal);
      // The list has begun anew meanwhile: this page is not the next one of it.
      if (this.#cursor !== from) return;
      for (const job of jobs) this.#put(job, (row) => this.#list.append(row));
      this.#setCursor(cursor);
    } catch (problem) {
      if (!signal.aborted) this.#report(problem);
    } finally {
      this.#older.disabled = false;
    }
  }

  #setCursor(cursor) {
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
    const started = localTime(job.created_at);
    const time = row.querySelector('time');
    time.dateTime = job.created_at;
    time.textContent = started;
    setText(row.querySelector('.job-name'), job.name ?? '');
    row.querySelector('progress').setAttribute('aria-label', `Progress of job from ${started}`);
    const button = row.querySelector('.job-cancel');
    button.setAttribute('aria-label', `Cancel job from ${started}`);
    button.addEventListener('click', () => this.#cancel(row, job, button));
    const failed = row.querySelector('details');
    failed.addEventListener('toggle', () => failed.open && this.#listFailures(row, job));
    return row;
  }

  #fill(row, job) {
    row.dataset.state = job.state;
    setText(row.querySelector('.job-state'), STATES[job.state] ?? job.state);
    setText(row.querySelector('.job-counts'), countsOf(job));
    row.querySelector('progress').value = job.progress;
    show(row.querySelector('progress'), !hasEnded(job));
    show(row.querySelector('.job-cancel'), !hasEnded(job));
    show(row.querySelector('details'), job.failed > 0);
    const more = job.failed > FAILURES_MAX ? ` (first ${FAILURES_MAX} listed)` : '';
    setText(row.querySelector('summary'), `${count(job.failed, 'file')} failed${more}`);
  }

  async #cancel(row, job, button) {
    button.disabled = true;
    try {
      this.#fill(row, await cancel(job));
      // The button, which had the focus, is disabled or gone.
      if (document.activeElement === document.body) byId('jobs-title').focus({ preventScroll: true });
    } catch (problem) {
      setText(row.querySelector('.job-counts'), problem.detail || problem.title);
    } finally {
      button.disabled = false;
    }
  }

  async #listFailures(row, job) {
    const { signal } = this.#run;
    try {
      fillFailures(row.querySelector('ul'), await failuresOf(job, signal));
    } catch (problem) {
      // Opened again, it asks again.
      if (signal.aborted) row.querySelector('details').open = false;
      else fillFailures(row.querySelector('ul'), [{ filename: problem.title, detail: problem.detail }]);
    }
  }
}

function countsOf(job) {
  const [done, verb] = job.kind === 'ingest' ? [job.indexed, 'added'] : [job.modified, 'changed'];
  const parts = [`${done.toLocaleString('en')} of ${count(job.total, 'picture')} ${verb}`];
  if (job.duplicates) parts.push(duplicatesOf(job));
  if (job.open) parts.push('more may follow');
  if (job.unchanged) parts.push(`${job.unchanged.toLocaleString('en')} unchanged`);
  if (job.cancelled) parts.push(`${job.cancelled.toLocaleString('en')} cancelled`);
  const skipped = Object.entries(job.skipped ?? {}).map(([kind, number]) => `${number.toLocaleString('en')} ${kind}`);
  if (skipped.length) parts.push(`skipped ${skipped.join(', ')}`);
  if (!hasEnded(job) && job.eta_s !== null) parts.push(`about ${Math.ceil(job.eta_s)} s left`);
  return parts.join(' · ');
}
