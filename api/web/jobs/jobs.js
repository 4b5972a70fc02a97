// Requests about jobs: polling, failed items, cancelling and listing.

import { call } from '../service/api.js';
import { secondsOf } from '../service/problem.js';
import { pause, withRetries } from '../service/retries.js';
import { ROOT } from '../service/root.js';

const FINAL = new Set(['succeeded', 'partial', 'failed', 'cancelled']);
// Seconds between polls of a job if the service sends no Retry-After.
const POLL_S = 1;
/** Maximum number of failures shown for a job. */
export const FAILURES_MAX = 200;

/** Return whether a job has ended. */
export function hasEnded(job) {
  return FINAL.has(job.state);
}

/** Return the number of images of a job that have an outcome. */
export function doneOf(job) {
  return job.indexed + job.duplicates + job.modified + job.unchanged + job.failed + job.cancelled;
}

/**
 * Poll a job until it ends, and return it.
 *
 * `onJob(job)` is called with each change before that. `retried(task)` runs and retries a request.
 */
export async function follow(job, { onJob, signal, retried = (task) => withRetries(task, { signal }) }) {
  let etag = null;
  let seconds = POLL_S;
  for (let last = job; ; ) {
    if (hasEnded(last)) return last;
    await pause(seconds, signal);
    const headers = etag ? { 'If-None-Match': etag } : {};
    const response = await retried(() => call('GET', job.links.self, { headers, signal }));
    etag = response.headers.get('ETag');
    seconds = secondsOf(response.headers.get('Retry-After')) ?? POLL_S;
    if (response.status === 304) continue;
    last = response.data;
    if (!hasEnded(last)) onJob(last);
  }
}

/** Return the failed items of a job, up to FAILURES_MAX. */
export async function failuresOf(job, signal) {
  const path = `${job.links.items}?state=failed&limit=${FAILURES_MAX}`;
  return (await withRetries(() => call('GET', path, { signal }), { signal })).data.items;
}

/** Cancel the images of a job that are not yet started, and return the updated job. */
export async function cancel(job) {
  return (await call('DELETE', job.links.self)).data;
}

/** Return a page of jobs, newest first: {jobs, next_cursor}. */
export async function jobsPage(cursor, signal) {
  const address = new URLSearchParams({ limit: 20 });
  if (cursor) address.set('cursor', cursor);
  return (await call('GET', `${ROOT}/v1/jobs?${address}`, { signal })).data;
}
