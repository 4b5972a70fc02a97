// Jobs of the service: followed to their end, with what failed in them.

import { call } from './api.js';
import { patiently, pause } from './patience.js';
import { secondsOf } from './problem.js';

const FINAL = new Set(['succeeded', 'partial', 'failed', 'cancelled']);
// Seconds between two looks at a job where the service does not say.
const LOOK_S = 1;
// Failures of one job that are shown; more would help nobody.
const FAILURES_MAX = 200;

/** Tell whether a job has come to its end. */
export function hasEnded(job) {
  return FINAL.has(job.state);
}

/** Return how many images of a job have an outcome. */
export function doneOf(job) {
  return job.indexed + job.duplicates + job.failed + job.cancelled;
}

/** Follow a job to its end; `onJob(job)` gets every change before the end, which is returned. */
export async function follow(job, { onJob, signal }) {
  let etag = null;
  let seconds = LOOK_S;
  for (let last = job; ; ) {
    if (hasEnded(last)) return last;
    await pause(seconds, signal);
    const headers = etag ? { 'If-None-Match': etag } : {};
    const answer = await patiently(() => call('GET', job.links.self, { headers, signal }), { signal });
    etag = answer.headers.get('ETag');
    seconds = secondsOf(answer.headers.get('Retry-After')) ?? LOOK_S;
    if (answer.status === 304) continue;
    last = answer.data;
    if (!hasEnded(last)) onJob(last);
  }
}

/** Return the items of a job that failed, the first of them where there are many. */
export async function failuresOf(job, signal) {
  const path = `${job.links.items}?state=failed&limit=${FAILURES_MAX}`;
  return (await patiently(() => call('GET', path, { signal }), { signal })).data.items;
}

/** Ask the service not to begin what it has not begun of a job. */
export async function cancel(job) {
  return (await call('DELETE', job.links.self)).data;
}

/** Return a page of the jobs, newest first: {jobs, next_cursor}. */
export async function jobsPage(cursor, signal) {
  const address = new URLSearchParams({ limit: 20 });
  if (cursor) address.set('cursor', cursor);
  return (await call('GET', `/v1/jobs?${address}`, { signal })).data;
}
