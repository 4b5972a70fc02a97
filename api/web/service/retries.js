// Retries of requests that failed because the service is busy, unavailable or offline.

import { Problem } from './problem.js';

/** Resolve after some seconds; reject as soon as `signal` aborts. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Run a task, and retry it while it fails with a retryable Problem.
 *
 * During a wait, `onWait(problem, secondsLeft, retryNow)` is called every second; calling
 * `retryNow` ends the wait. `onRetry` is called before each retry. With `awaitsSignIn`, a sign-in
 * that has ended is waited for, too: it may begin again in another tab.
 */
export async function withRetries(task, { signal, onWait = () => {}, onRetry = () => {}, awaitsSignIn = false } = {}) {
  for (let retries = 0; ; retries += 1) {
    try {
      return await task();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!problem.retryable && !(awaitsSignIn && problem.signedOut)) throw problem;
      await countDown(problem, problem.pauseS(retries), signal, onWait);
      onRetry();
    }
  }
}

async function countDown(problem, seconds, signal, onWait) {
  const skip = new AbortController();
  const retryNow = () => skip.abort();
  // The browser reports when the network is back.
  if (problem.offline) window.addEventListener('online', retryNow, { once: true });
  const combined = signal ? AbortSignal.any([signal, skip.signal]) : skip.signal;
  try {
    for (let left = seconds; left > 0; left -= 1) {
      onWait(problem, left, retryNow);
      await pause(1, combined);
    }
  } catch (reason) {
    if (!skip.signal.aborted) throw reason;
  } finally {
    window.removeEventListener('online', retryNow);
  }
}
